/// Puts records into a batch, byte by byte as they will lie on disk.
///
///     var builder = RecordBatchBuilder(compression: .zstd())
///     try builder.append(key: "42".utf8.span, value: "…".utf8.span)
///     let batch = try builder.finish()
///
/// A builder is made to be used again: `finish` leaves it empty, with its memory. The batch takes the memory that
/// it lies in along, and gives it back by being dropped; a loop that builds, appends and drops allocates nothing.
@safe
public struct RecordBatchBuilder: ~Copyable, @unchecked Sendable {
  // The pointer below is why Sendable is not derived; it points into `memory`, which is this builder's alone.

  /// How the records are compressed.
  public let compression: Compression
  /// Who writes; nil: nobody in particular. `finish` moves the base sequence on by the records of its batch.
  public var producer: Producer?
  /// Whether the batches belong to a transaction.
  public var isTransactional = false
  /// How many records are in it.
  @inlinable public var count: Int { recordCount }

  /// The time of a record that comes without one.
  @usableFromInline package var defaultTimestamp = Timestamp.none
  /// Whether the batches hold a control record.
  package var isControl = false
  package var baseOffset: Offset = 0
  package var partitionLeaderEpoch: LeaderEpoch = -1
  /// The last offset delta of the next batch, at least that of its last record; makes a batch without records
  /// possible. Set for one batch.
  package var lastOffsetDelta: Int32?
  /// The delete horizon of the next batch, to be set before its first record. Set for one batch.
  package var deleteHorizon: Timestamp?
  /// The largest timestamp of the next batch, where it is not that of its records. Set for one batch.
  package var maxTimestamp: Timestamp?
  /// The append's time as the time of all records of the next batch. Set for one batch.
  package var logAppendTime: Timestamp?

  /// Where the records go, behind room for the header; with a codec, before they are compressed.
  private var memory: ReusableBuffer
  /// Where compressed batches go.
  private var compressed: ReusableBuffer?
  private let byteLimit: Int
  @usableFromInline let recordLimit: Int
  private let headerLimit: Int

  /// The memory, and how much of it may be written without asking; 0 while it may be a batch's, which it is from
  /// `finish` to the next record.
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var room = 0
  @usableFromInline var used = RecordBatchHeader.byteCount

  @usableFromInline var recordCount = 0
  @usableFromInline var lastDelta = -1
  @usableFromInline var baseTimestamp = Timestamp.none
  @usableFromInline var largestTimestamp = Timestamp(milliseconds: .min)

  /// An empty builder. It makes no batch that a reader with these limits would refuse.
  ///
  /// A codec that was not built is refused by `finish`.
  public init(compression: Compression = .none, limits: ParsingLimits = .standard) {
    self.compression = compression
    let most = Int(Int32.max)
    byteLimit = max(min(limits.batchBytes, limits.decompressedBytes, most), 0)
    recordLimit = min(limits.records, most)
    headerLimit = min(limits.headers, most)
    memory = ReusableBuffer()
    compressed = compression.codec == .none ? nil : ReusableBuffer()
    unsafe base = memory.current.base
  }

  /// Whether no record is in it.
  public var isEmpty: Bool { count == 0 }

  /// The size of the batch so far in bytes, header included, before compression.
  public var sizeInBytes: Int { used }

  /// Adds a record.
  ///
  /// A timestamp of nil stands for the log's time where the log builds the batch, and for none otherwise.
  ///
  /// - Throws: `.batchFull` where the record does not fit any more; it is not in the batch then, and all the others
  ///   are. `.limitExceeded` for more headers than a reader takes.
  @inlinable @inline(__always)
  public mutating func append(
    key: Span<UInt8>? = nil, value: Span<UInt8>?, timestamp: Timestamp? = nil, headers: [RecordHeader] = []
  ) throws(FormatError) {
    let timestamp = timestamp ?? defaultTimestamp
    if headers.isEmpty, appendShort(key, value, timestamp) { return }
    try append(key: key, value: value, timestamp: timestamp, headers: headers, offsetDelta: lastDelta &+ 1)
  }

  /// Adds a record.
  ///
  /// - Throws: as `append(key:value:timestamp:headers:)` does.
  public mutating func append(_ record: Record) throws(FormatError) {
    try append(
      key: record.key?.span, value: record.value?.span, timestamp: record.timestamp, headers: record.headers)
  }

  /// Adds a record that a reader has at hand, byte for byte, with its timestamp; its offset will be another one.
  ///
  /// - Throws: as `append(key:value:timestamp:headers:)` does.
  public mutating func append(copying record: RecordView) throws(FormatError) {
    try append(copying: record, offsetDelta: lastDelta &+ 1)
  }

  /// The same at a given offset delta, above that of the last record.
  package mutating func append(copying record: RecordView, offsetDelta: Int) throws(FormatError) {
    let headers = unsafe record.headerBytes
    try appendFields(
      Field(record.key), Field(record.value), record.timestamp, record.headerCount, headers.count, offsetDelta
    )
    if headers.count > 0 {
      // The room for them is part of the record's, which was just made.
      let place = unsafe base + used - headers.count
      unsafe place.copyMemory(from: headers.baseAddress!, byteCount: headers.count)
    }
  }

  /// Adds a record at a given offset delta, above that of the last record.
  @usableFromInline
  package mutating func append(
    key: Span<UInt8>?, value: Span<UInt8>?, timestamp: Timestamp? = nil, headers: [RecordHeader] = [],
    offsetDelta: Int
  ) throws(FormatError) {
    var headersSize = 0
    for header in headers { headersSize += RecordBatchBuilder.size(of: header) }
    // The spans outlive the call, and with them the pointers made of them.
    try appendFields(
      Field(key), Field(value), timestamp ?? defaultTimestamp, headers.count, headersSize, offsetDelta)
    if !headers.isEmpty {
      var position = unsafe base + used - headersSize
      for header in headers { unsafe RecordBatchBuilder.write(header, at: &position) }
    }
  }

  /// Drops the records; the memory stays.
  public mutating func removeAll() {
    recordCount = 0
    room = 0
    used = RecordBatchHeader.byteCount
    lastDelta = -1
    baseTimestamp = .none
    largestTimestamp = Timestamp(milliseconds: .min)
    lastOffsetDelta = nil
    deleteHorizon = nil
    maxTimestamp = nil
    logAppendTime = nil
  }
}

// MARK: - One record

extension RecordBatchBuilder {
  /// A key's or a value's bytes; count −1: null.
  @safe
  private struct Field {
    let start: UnsafeRawPointer?
    let count: Int
    /// The bytes that the length and the bytes take.
    let size: Int

    @inline(__always)
    init(_ bytes: Span<UInt8>?) {
      if let bytes {
        // Used while the caller's span lives, as `appendFields` says.
        unsafe start = bytes.withUnsafeBytes { $0.baseAddress }
        count = bytes.count
        size = count &+ Varint.size(count)
      } else {
        unsafe start = nil
        count = -1
        size = 1
      }
    }

    @inline(__always)
    func write(at position: inout UnsafeMutableRawPointer) {
      unsafe Varint.write(count, at: &position)
      guard count > 0, let start = unsafe start else { return }
      unsafe RecordBatchBuilder.copy(start, count, to: position)
      unsafe position += count
    }
  }

  /// Writes a record but for its headers, for which it leaves `headersSize` bytes at the end. The memory of `key`
  /// and `value` must be readable until then.
  @inline(__always)
  private mutating func appendFields(
    _ key: Field, _ value: Field, _ timestamp: Timestamp, _ headerCount: Int, _ headersSize: Int,
    _ offsetDelta: Int
  ) throws(FormatError) {
    let base = count == 0 ? (deleteHorizon ?? timestamp) : baseTimestamp
    let timestampDelta = timestamp.milliseconds &- base.milliseconds
    let bodySize =
      1 &+ Varint.size(timestampDelta) &+ Varint.size(offsetDelta) &+ key.size &+ value.size
      &+ Varint.size(headerCount) &+ headersSize
    let size = Varint.size(bodySize) &+ bodySize
    if size > room &- used || count >= recordLimit || offsetDelta <= lastDelta
      || offsetDelta > Int(Int32.max) || headerCount > headerLimit
    {
      try makeRoom(for: size, headerCount, offsetDelta)
    }

    var position = unsafe self.base + used
    unsafe Varint.write(bodySize, at: &position)
    unsafe position.storeBytes(of: 0, as: UInt8.self)
    unsafe position += 1
    unsafe Varint.write(timestampDelta, at: &position)
    unsafe Varint.write(offsetDelta, at: &position)
    unsafe key.write(at: &position)
    unsafe value.write(at: &position)
    unsafe Varint.write(headerCount, at: &position)

    used &+= size
    recordCount &+= 1
    lastDelta = offsetDelta
    baseTimestamp = base
    if timestamp > largestTimestamp { largestTimestamp = timestamp }
  }

  /// Finds room for a record of `size` bytes, or says why there is none. Nothing changes then.
  @inline(never)
  private mutating func makeRoom(for size: Int, _ headerCount: Int, _ offsetDelta: Int) throws(FormatError) {
    precondition(offsetDelta > lastDelta, "offset deltas only grow")
    guard headerCount <= headerLimit else {
      throw FormatError(.limitExceeded, at: used, "\(headerCount) headers, of at most \(headerLimit)")
    }
    guard count < recordLimit, offsetDelta <= Int(Int32.max) else {
      throw FormatError(.batchFull, at: used, "\(count) records, of at most \(recordLimit)")
    }
    guard size <= byteLimit - used else {
      throw FormatError(.batchFull, at: used, "a record of \(size) bytes, of at most \(byteLimit) in all")
    }
    if count == 0 { memory.renew() }
    memory.current.count = used
    memory.current.reserve(used + size)
    unsafe base = memory.current.base
    // The short way does not ask for the limit of records.
    let hasShort = recordLimit >= Int(Self.shortLimit)
    room = hasShort ? min(memory.current.capacity, byteLimit) : 0
  }

  private static func size(of header: RecordHeader) -> Int {
    let nameCount = header.name.utf8.count
    let valueCount = header.value?.count ?? -1
    return Varint.size(nameCount) + nameCount + Varint.size(valueCount) + max(valueCount, 0)
  }

  private static func write(_ header: RecordHeader, at position: inout UnsafeMutableRawPointer) {
    unsafe Field(header.name.utf8.span).write(at: &position)
    unsafe Field(header.value?.span).write(at: &position)
  }
}

// MARK: - The batch

extension RecordBatchBuilder {
  /// Makes the batch and leaves the builder empty.
  ///
  /// - Throws: `.emptyBatch` without a record; `.codecNotBuilt`, with the name of the package trait, for a codec
  ///   that this build leaves out. The records stay in the builder then.
  public mutating func finish() throws(FormatError) -> RecordBatch {
    guard count > 0 || lastOffsetDelta != nil else { throw FormatError(.emptyBatch, at: 0) }
    if let trait = compression.codec.missingTrait {
      throw FormatError(
        .codecNotBuilt, at: 0, "\(compression.codec.name) comes with the package trait \(trait)")
    }
    if count == 0 { try makeRoom(for: 0, 0, 0) }
    memory.current.count = used

    var header = makeHeader()
    let batch: RecordBatch
    if count > 0, try compressRecords() {
      header.attributes.setCodec(compression.codec)
      batch = RecordBatchBuilder.seal(compressed!.current, &header)
    } else {
      batch = RecordBatchBuilder.seal(memory.current, &header)
    }
    let taken = Int32(count)
    if let producer { self.producer?.baseSequence = producer.sequence(at: taken) }
    removeAll()
    return batch
  }

  /// Makes the batch where its records lie, with its place in a log, for who only looks at it: `finishedBytes`, until
  /// `removeFinished`. Nobody gets the memory, so that it can be written again at once. For builders without a codec and
  /// without a producer, and not without a record.
  package mutating func finishInPlace(at baseOffset: Offset, epoch: LeaderEpoch) -> RecordBatchHeader {
    precondition(count > 0 && compression.codec == .none && producer == nil, "not a batch of plain records")
    var header = makeHeader()
    header.baseOffset = baseOffset
    header.partitionLeaderEpoch = epoch
    header.batchLength = Int32(used - RecordBatchHeader.uncountedBytes)
    // The memory is this builder's alone since its first record, and has room for a header in front of it.
    var bytes = unsafe MutableSpan<UInt8>(
      _unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: used)
    header.encode(into: &bytes)
    let start = RecordBatchHeader.Position.attributes
    header.crc = unsafe CRC32C.update(0, UnsafeRawPointer(base + start), count: used - start)
    header.encodeChecksum(into: &bytes)
    return header
  }

  /// The bytes of the batch that was finished in place.
  package var finishedBytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let bytes = unsafe Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: used)
      // The memory is this builder's, and is written again only by what changes the builder.
      return unsafe _overrideLifetime(bytes, borrowing: self)
    }
  }

  /// Drops the batch that was finished in place.
  package mutating func removeFinished() {
    let room = room
    removeAll()
    // No batch has the memory.
    self.room = room
    // With room at hand, it is the time that says to the short way that a first record is none for it.
    baseTimestamp = Timestamp(milliseconds: .min)
  }

  /// Compresses the records into `compressed`. False where there is no codec, or where it makes the batch larger
  /// than a batch may be: such records stay as they are.
  private mutating func compressRecords() throws(FormatError) -> Bool {
    guard compression.codec != .none else { return false }
    compressed!.renew()
    let output = compressed!.current
    output.count = RecordBatchHeader.byteCount
    let records = unsafe UnsafeRawBufferPointer(
      start: base + RecordBatchHeader.byteCount, count: used - RecordBatchHeader.byteCount)
    try unsafe CodecDispatch.compress(records, compression, into: output)
    return output.count <= byteLimit
  }

  private func makeHeader() -> RecordBatchHeader {
    var header = RecordBatchHeader(
      lastOffsetDelta: lastOffsetDelta ?? Int32(lastDelta), baseTimestamp: baseTimestamp,
      maxTimestamp: maxTimestamp ?? (count == 0 ? .none : largestTimestamp), recordCount: Int32(count))
    precondition(Int(header.lastOffsetDelta) >= lastDelta, "a last offset delta below the last record's")
    header.baseOffset = baseOffset
    header.partitionLeaderEpoch = partitionLeaderEpoch
    header.attributes.isTransactional = isTransactional
    header.attributes.isControl = isControl
    if let logAppendTime {
      header.attributes.isLogAppendTime = true
      header.maxTimestamp = logAppendTime
    }
    if let deleteHorizon {
      precondition(count == 0 || baseTimestamp == deleteHorizon, "a delete horizon set behind a record")
      header.attributes.hasDeleteHorizon = true
      header.baseTimestamp = deleteHorizon
    }
    if let producer {
      header.producerID = producer.id
      header.producerEpoch = producer.epoch
      header.baseSequence = producer.baseSequence
    }
    return header
  }

  /// Writes the header before the records, and the checksum over both.
  private static func seal(_ buffer: ByteBuffer, _ header: inout RecordBatchHeader) -> RecordBatch {
    header.batchLength = Int32(buffer.count - RecordBatchHeader.uncountedBytes)
    buffer.withMutableBytes { bytes in header.encode(into: &bytes) }
    header.crc = CRC32C.checksum(buffer.bytes.extracting(RecordBatchHeader.Position.attributes...))
    buffer.withMutableBytes { bytes in header.encode(into: &bytes) }
    return RecordBatch(verified: buffer, start: 0, header: header)
  }
}

/// Memory that batches take with them: written again once they are gone, replaced while they live.
private struct ReusableBuffer {
  private(set) var current: ByteBuffer
  /// The one before, which is the first to be free again where two are in use by turns.
  private var earlier: ByteBuffer?

  private static let firstCapacity = 4 << 10

  init() {
    current = ByteBuffer(capacity: ReusableBuffer.firstCapacity)
  }

  /// Makes `current` a buffer that nobody else holds. What was in it is gone.
  mutating func renew() {
    if isKnownUniquelyReferenced(&current) { return }
    let size = current.count
    if var free = earlier {
      earlier = nil
      if isKnownUniquelyReferenced(&free) {
        earlier = current
        current = free
        return
      }
    }
    earlier = current
    current = ByteBuffer(capacity: max(size + size / 8, ReusableBuffer.firstCapacity))
  }
}
