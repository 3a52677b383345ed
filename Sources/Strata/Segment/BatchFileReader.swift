package import StrataIO
package import StrataRecords

/// Moves through a file batch by batch, and checks each: its frame, its checksum, and that offsets only grow.
///
/// Fetching, recovery, rebuilding an index and scrubbing all read through this one. It reads pieces of a
/// growing size (16 KiB first, so that a look-up reads little) into a buffer that the batches it hands out
/// share. A buffer is filled again only when no batch holds it any more; so in steady state nothing is allocated.
package struct BatchFileReader: ~Copyable {
  /// What is at a position.
  package enum Step: Sendable {
    /// A whole batch.
    case batch(RecordBatch)
    /// Nothing more before the end.
    case end
    /// Bytes that are no batch.
    case damage(BatchDamage)
  }

  /// Where the next batch starts.
  package private(set) var position: Int64
  /// The least base offset that the next batch may have.
  package var expectedOffset: Offset
  private let limits: ParsingLimits
  private let maximumRead: Int
  private var readSize: Int
  /// The bytes of the file from `bufferStart` on.
  private var buffer: ByteBuffer
  private var bufferStart: Int64
  /// A second buffer, for when a batch keeps the first one.
  private var spare: ByteBuffer?
  /// Whether `buffer` is the whole file, mapped: nothing is read into it, and it is never this reader's alone.
  private var isInPlace = false

  package init(
    position: Int64, expectedOffset: Offset, limits: ParsingLimits, maximumRead: Int = 128 << 10,
    firstRead: Int = 16 << 10
  ) {
    self.position = position
    self.expectedOffset = expectedOffset
    self.limits = limits
    self.maximumRead = min(max(maximumRead, 4096), 64 << 20)
    readSize = min(firstRead, self.maximumRead)
    buffer = ByteBuffer(capacity: readSize)
    bufferStart = position
  }

  /// Goes on elsewhere in the same file.
  package mutating func move(to position: Int64, expectedOffset: Offset) {
    self.position = position
    self.expectedOffset = expectedOffset
    forget()
  }

  /// Goes on at the start of another file. `batches` is all of that file where it is mapped: it is read there.
  package mutating func begin(expectedOffset: Offset, inPlace batches: ByteBuffer?) {
    position = 0
    self.expectedOffset = expectedOffset
    dropBuffer()
    guard let batches else { return }
    spare = buffer
    buffer = batches
    isInPlace = true
  }

  /// Forgets what was read, so that the file is asked again. What is mapped is the file.
  package mutating func forget() {
    if !isInPlace { dropBuffer() }
  }

  private mutating func dropBuffer() {
    renewBuffer(keeping: 0..<0, capacity: 0)
    bufferStart = position
  }

  /// The batch at `position`, which is then behind it. `end` is where the file's batches end at most, and
  /// `bound` where their offsets do.
  ///
  /// Damage and the end leave the position where it is.
  package mutating func next(
    in file: any File, end: Int64, bound: Offset = .max
  ) throws(IOError) -> Step {
    let available = end - position
    guard available > 0 else { return .end }
    guard try fill(RecordBatchHeader.byteCount, from: file, end: end) else {
      return .damage(tornDamage(available))
    }
    var start = Int(position - bufferStart)
    let header = RecordBatchHeader(loading: buffer.bytes, at: start)
    do { try header.checkFraming(limits: limits) } catch {
      return .damage(BatchDamage(position: position, reason: error, header: header))
    }
    let size = header.sizeInBytes
    guard Int64(size) <= available, try fill(size, from: file, end: end) else {
      if Mutants.leavesOut(.lengthCheck) { return .end }
      let torn = FormatError(
        .truncated, at: 8, "a batch of \(size) bytes where \(available) bytes are left")
      return .damage(BatchDamage(position: position, reason: torn, header: header))
    }
    start = Int(position - bufferStart)
    guard
      Mutants.leavesOut(.checksumCheck)
        || RecordBatch.checksumFits(buffer.bytes.extracting(start..<start + size), header)
    else {
      let mismatch = FormatError(.checksumMismatch, at: 17, "the batch's CRC-32C does not fit its bytes")
      return .damage(BatchDamage(position: position, reason: mismatch, header: header))
    }
    // Base offset and epoch are not in the checksum: they have to fit to what lies around them.
    guard
      Mutants.leavesOut(.offsetCheck) || (header.baseOffset >= expectedOffset && header.nextOffset <= bound)
    else {
      let misplaced = FormatError(
        .invalidRecords, at: 0,
        "offsets from \(header.baseOffset) where only \(expectedOffset)..<\(bound) can be")
      return .damage(BatchDamage(position: position, reason: misplaced, header: header))
    }
    position += Int64(size)
    expectedOffset = header.nextOffset
    return .batch(RecordBatch(verified: buffer, start: start, header: header))
  }

  /// The header at `position`, checked for its frame alone; nil where there is none. Moves nothing: for walking
  /// over batches that are not wanted.
  package mutating func peekHeader(in file: any File, end: Int64) throws(IOError) -> RecordBatchHeader? {
    guard end - position >= Int64(RecordBatchHeader.byteCount),
      try fill(RecordBatchHeader.byteCount, from: file, end: end)
    else { return nil }
    let header = RecordBatchHeader(loading: buffer.bytes, at: Int(position - bufferStart))
    do { try header.checkFraming(limits: limits) } catch { return nil }
    guard Int64(header.sizeInBytes) <= end - position, header.baseOffset >= expectedOffset else { return nil }
    return header
  }

  /// The base offset that the head at `place` has; nil where that lies further away than one read reaches. Moves
  /// nothing.
  package mutating func baseOffset(
    at place: Int64, in file: any File, end: Int64
  ) throws(IOError) -> Offset? {
    let reach = Int(place - position) + RecordBatchHeader.headByteCount
    guard reach <= maximumRead, try fill(reach, from: file, end: end) else { return nil }
    return Offset(buffer.bytes.bigEndianInt64(at: Int(place - bufferStart)))
  }

  /// Goes over the batch of `header`, which is the one at `position`.
  package mutating func skip(_ header: RecordBatchHeader) {
    position += Int64(header.sizeInBytes)
  }

  /// The digest of the heads from `position` up to `target`, behind others; nil where their lengths do not lead
  /// there, or where they lie further apart than one read reaches. Moves nothing. What is read for it stays in
  /// the buffer, for the batches that are asked for next.
  package mutating func headDigest(
    behind digest: UInt32, to target: Int64, in file: any File, end: Int64
  ) throws(IOError) -> UInt32? {
    var digest = digest
    var place = position
    while place < target {
      let reach = Int(place - position) + RecordBatchHeader.headByteCount
      guard reach <= maximumRead, try fill(reach, from: file, end: end) else { return nil }
      let head = buffer.bytes.extracting(
        Int(place - bufferStart)..<Int(place - bufferStart) + RecordBatchHeader.headByteCount)
      let length = head.bigEndianInt32(at: RecordBatchHeader.Position.batchLength)
      guard length >= RecordBatchHeader.leastBatchLength else { return nil }
      digest = CRC32C.update(digest, head)
      place += Int64(length) + Int64(RecordBatchHeader.uncountedBytes)
    }
    return place == target ? digest : nil
  }

  private func tornDamage(_ available: Int64) -> BatchDamage {
    let torn = FormatError(
      .truncated, at: 0, "\(available) bytes are left, a header has \(RecordBatchHeader.byteCount)")
    return BatchDamage(position: position, reason: torn, header: nil)
  }

  /// Sees to it that `needed` bytes from `position` on are in the buffer. False where the file ends before.
  @inline(__always)
  private mutating func fill(_ needed: Int, from file: any File, end: Int64) throws(IOError) -> Bool {
    if position >= bufferStart, bufferStart + Int64(buffer.count) - position >= Int64(needed) { return true }
    return try refill(needed, from: file, end: end)
  }

  private mutating func refill(_ needed: Int, from file: any File, end: Int64) throws(IOError) -> Bool {
    let held = bufferStart + Int64(buffer.count)
    let kept =
      position >= bufferStart && position < held ? Int(position - bufferStart)..<buffer.count : 0..<0
    let left = Int(min(Int64(readSize), end - position))
    renewBuffer(keeping: kept, capacity: max(needed, left))
    bufferStart = position
    readSize = min(readSize * 2, maximumRead)
    let keptCount = buffer.count
    let wanted = Int(min(Int64(buffer.capacity - keptCount), end - position - Int64(keptCount)))
    guard wanted > 0 else { return keptCount >= needed }
    let file = file
    let from = position + Int64(keptCount)
    let count = try buffer.withMutableBytes(from: keptCount, count: wanted) { bytes throws(IOError) -> Int in
      try file.read(into: &bytes, at: from)
    }
    buffer.count = keptCount + count
    return buffer.count >= needed
  }

  /// Makes `buffer` one that nobody else holds, of at least `capacity` bytes, with the bytes `kept` in front.
  private mutating func renewBuffer(keeping kept: Range<Int>, capacity: Int) {
    if !isInPlace, isKnownUniquelyReferenced(&buffer) {
      if !kept.isEmpty && kept.lowerBound > 0 { buffer.moveToFront(kept) }
      buffer.count = kept.count
      buffer.reserve(capacity)
      return
    }
    var fresh: ByteBuffer
    if spare != nil, isKnownUniquelyReferenced(&spare) {
      fresh = spare!
      fresh.count = 0
      fresh.reserve(capacity)
    } else {
      fresh = ByteBuffer(capacity: capacity)
    }
    if !kept.isEmpty { fresh.append(buffer.bytes.extracting(kept)) }
    spare = isInPlace ? nil : buffer
    isInPlace = false
    buffer = fresh
  }
}
