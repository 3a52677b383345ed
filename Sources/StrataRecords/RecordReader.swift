/// A cursor over the records of one batch.
///
///     record: length varint | attributes int8 | timestampDelta varlong | offsetDelta varint
///             | keyLength varint, −1 null | key | valueLength varint, −1 null | value
///             | headerCount varint | headers
///     header: nameLength varint | name | valueLength varint, −1 null | value
///
/// Every record is checked before it is handed out: it lies within the batch, its fields fill its length exactly,
/// its offset is above the last one's and not beyond the batch's. Behind the last one nothing may be left. Once it
/// has thrown it throws the same again: it never goes on with records that might be wrong.
@safe
public struct RecordReader: ~Copyable, ~Escapable {
  // The memory from `position` to `end` is that of `buffer`, which this reader keeps alive, and which nobody writes.
  @usableFromInline
  var position: UnsafeRawPointer
  @usableFromInline
  let end: UnsafeRawPointer
  /// The records still to come; below 0 once something was wrong.
  @usableFromInline
  var remaining: Int
  /// The least offset delta that the next record may have.
  @usableFromInline
  var leastDelta: Int
  @usableFromInline
  let lastDelta: Int
  @usableFromInline
  let baseOffset: Int64
  @usableFromInline
  let baseTimestamp: Int64
  /// What is kept of a timestamp delta: all of it, or nothing where the append gave the time.
  @usableFromInline
  let timestampMask: Int64
  @usableFromInline
  let headerLimit: Int
  private var failure: FormatError?
  let start: UnsafeRawPointer
  private let buffer: ByteBuffer
  private let isPooled: Bool

  @_lifetime(immortal)
  init(
    _ header: RecordBatchHeader, in buffer: ByteBuffer, at start: Int, _ count: Int, _ limits: ParsingLimits,
    isPooled: Bool = false
  ) {
    precondition(start >= 0 && count >= 0 && start + count <= buffer.count, "records beyond their buffer")
    unsafe self.start = UnsafeRawPointer(buffer.base) + start
    unsafe position = self.start
    unsafe end = self.start + count
    remaining = Int(header.recordCount)
    leastDelta = 0
    lastDelta = Int(header.lastOffsetDelta)
    baseOffset = header.baseOffset.rawValue
    let isAppendTime = header.attributes.isLogAppendTime
    baseTimestamp = isAppendTime ? header.maxTimestamp.milliseconds : header.baseTimestamp.milliseconds
    timestampMask = isAppendTime ? 0 : -1
    headerLimit = limits.headers
    failure = nil
    self.buffer = buffer
    self.isPooled = isPooled
  }

  deinit {
    if isPooled { BufferPool.give(buffer) }
  }

  /// The next record, or nil behind the last one.
  ///
  /// - Throws: `.truncated`, `.invalidVarint`, `.invalidLength`, `.invalidRecords` or `.limitExceeded`, with the
  ///   position in the decompressed records.
  @inlinable @inline(__always)
  @_lifetime(&self)
  public mutating func next() throws(FormatError) -> RecordView? {
    // The plain record, far from the end: all its short fields can be loaded without asking. Whatever is not
    // exactly so goes to `nextCarefully`, which begins again and has the last word.
    guard remaining > 0, unsafe end - position >= ByteCursor.fourFieldsAndByte
    else { return try nextCarefully() }
    var cursor = unsafe position
    let length = unsafe ByteCursor.loadShort(&cursor)
    guard length >= 0, unsafe length <= end - cursor else { return try nextCarefully() }
    let recordEnd = unsafe cursor + length
    unsafe cursor += 1
    let timestampDelta = unsafe ByteCursor.loadShort(&cursor)
    let offsetDelta = unsafe ByteCursor.loadShort(&cursor)
    let keyCount = unsafe ByteCursor.loadShort(&cursor)
    let key = unsafe cursor
    // A field that is too long to be loaded so is `notShort`: below −1 and below every offset delta.
    guard timestampDelta != ByteCursor.notShort, offsetDelta >= leastDelta, offsetDelta <= lastDelta,
      keyCount >= -1, unsafe keyCount <= end - cursor - ByteCursor.shortField
    else { return try nextCarefully() }
    unsafe cursor += max(keyCount, 0)
    let valueCount = unsafe ByteCursor.loadShort(&cursor)
    // The one byte behind the value says that there are no headers.
    guard valueCount >= -1, unsafe recordEnd - cursor == max(valueCount, 0) &+ 1,
      unsafe recordEnd.load(fromByteOffset: -1, as: UInt8.self) == 0
    else { return try nextCarefully() }

    leastDelta = offsetDelta &+ 1
    remaining &-= 1
    unsafe position = recordEnd
    let view = unsafe RecordView(
      offset: Offset(baseOffset &+ Int64(offsetDelta)),
      timestamp: Timestamp(milliseconds: baseTimestamp &+ (Int64(timestampDelta) & timestampMask)),
      key: key, keyCount, value: cursor, valueCount, headers: recordEnd, recordEnd, 0)
    // The view points into the memory that this reader keeps alive.
    return unsafe _overrideLifetime(view, mutating: &self)
  }

  /// The same for records of any kind, and for the end.
  @usableFromInline
  @inline(never)
  @_lifetime(&self)
  mutating func nextCarefully() throws(FormatError) -> RecordView? {
    guard remaining > 0 else {
      try finish()
      return nil
    }
    var cursor = unsafe ByteCursor(from: position, to: end)
    let length = cursor.readVarint()
    guard length > 0, length <= cursor.remaining else { throw refuseLength(cursor) }
    unsafe cursor.end = cursor.position + length
    let recordEnd = unsafe cursor.end

    cursor.skipByte()
    let timestampDelta = cursor.readVarlong()
    let offsetDelta = cursor.readVarint()
    let keyCount = cursor.readVarint()
    guard keyCount <= cursor.remaining, keyCount >= -1 else { throw refuseField(cursor) }
    let key = unsafe cursor.position
    cursor.skip(max(keyCount, 0))
    let valueCount = cursor.readVarint()
    guard valueCount <= cursor.remaining, valueCount >= -1 else { throw refuseField(cursor) }
    let value = unsafe cursor.position
    cursor.skip(max(valueCount, 0))
    let headerCount = cursor.readVarint()
    let headers = unsafe cursor.position
    if headerCount != 0 {
      guard let behind = unsafe RecordReader.skipHeaders(headerCount, headers, recordEnd, headerLimit) else {
        throw unsafe refuseHeaders(headerCount, headers, recordEnd)
      }
      unsafe cursor.position = behind
    }
    guard cursor.failure == .none, unsafe cursor.position == recordEnd else { throw refuseField(cursor) }
    guard offsetDelta >= leastDelta, offsetDelta <= lastDelta else { throw refuseOffset(offsetDelta) }

    leastDelta = offsetDelta &+ 1
    remaining &-= 1
    unsafe position = recordEnd
    let view = unsafe RecordView(
      offset: Offset(baseOffset &+ Int64(offsetDelta)),
      timestamp: Timestamp(milliseconds: baseTimestamp &+ (timestampDelta & timestampMask)),
      key: key, keyCount, value: value, valueCount, headers: headers, recordEnd, headerCount)
    // As above.
    return unsafe _overrideLifetime(view, mutating: &self)
  }

  /// Where the headers end; nil where they do not parse.
  private static func skipHeaders(
    _ count: Int, _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ limit: Int
  ) -> UnsafeRawPointer? {
    var cursor = unsafe ByteCursor(from: start, to: end)
    // A header has at least two bytes, so a larger count cannot be, and need not be tried.
    guard count >= 0, count <= limit, count <= cursor.remaining / 2 else { return nil }
    for _ in 0..<count {
      let nameCount = cursor.readVarint()
      guard nameCount >= 0, nameCount <= cursor.remaining else { return nil }
      cursor.skip(nameCount)
      let valueCount = cursor.readVarint()
      guard valueCount >= -1, valueCount <= cursor.remaining else { return nil }
      cursor.skip(max(valueCount, 0))
    }
    return unsafe cursor.failure == .none ? cursor.position : nil
  }
}

extension RecordReader {
  /// Steps over the records before `offset`.
  mutating func skip(before offset: Offset) throws(FormatError) {
    while remaining > 0 {
      let (place, count, least) = unsafe (position, remaining, leastDelta)
      guard let found = try next()?.offset else { return }
      if found >= offset {
        unsafe position = place
        remaining = count
        leastDelta = least
        return
      }
    }
  }

  /// What comes behind the last record: nothing, or the reason why there is no next one.
  @inline(never)
  private mutating func finish() throws(FormatError) {
    if let failure { throw failure }
    guard unsafe position == end else {
      throw unsafe refuse(.invalidRecords, at: position, "\(end - position) bytes behind the last record")
    }
  }

  @inline(never)
  private mutating func refuseLength(_ cursor: ByteCursor) -> FormatError {
    switch cursor.failure {
    case .invalidVarint:
      return unsafe refuse(.invalidVarint, at: cursor.position, "the length of a record")
    case .truncated:
      return unsafe refuse(
        .truncated, at: cursor.position, "the records end, \(remaining) are missing")
    case .none:
      return unsafe refuse(.invalidLength, at: position, "a record that is empty or beyond the batch")
    }
  }

  @inline(never)
  private mutating func refuseField(_ cursor: ByteCursor) -> FormatError {
    switch cursor.failure {
    case .invalidVarint:
      return unsafe refuse(.invalidVarint, at: cursor.position, "a field of a record")
    case .truncated:
      return unsafe refuse(.truncated, at: cursor.position, "a field reaches beyond its record")
    case .none:
      return unsafe refuse(.invalidLength, at: cursor.position, "the fields do not fill their record")
    }
  }

  @inline(never)
  private mutating func refuseHeaders(
    _ count: Int, _ headers: UnsafeRawPointer, _ recordEnd: UnsafeRawPointer
  ) -> FormatError {
    if count > headerLimit {
      return unsafe refuse(.limitExceeded, at: headers, "\(count) headers, of at most \(headerLimit)")
    }
    return unsafe refuse(
      .invalidLength, at: headers, "\(count) headers do not fit into \(recordEnd - headers) bytes")
  }

  @inline(never)
  private mutating func refuseOffset(_ delta: Int) -> FormatError {
    unsafe refuse(
      .invalidRecords, at: position, "offset delta \(delta), where \(leastDelta) to \(lastDelta) can be")
  }

  /// Notes the reason and ends the reading.
  private mutating func refuse(
    _ code: FormatError.Code, at place: UnsafeRawPointer, _ detail: String
  ) -> FormatError {
    let error = unsafe FormatError(code, at: place - start, inRecords: true, detail)
    failure = error
    remaining = -1
    return error
  }
}
