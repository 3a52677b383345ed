internal import StrataIO
internal import StrataRecords

/// What a sealed segment was when it was sealed; the first bytes of its seal file:
///
///     0   magic "STSL" | version uint16 (2) | zero uint16
///     8   base offset int64 | size int64 | next offset int64
///     32  digest of all heads uint32 | points int32 | their checksum uint32
///     44  offset entries int32 | their checksum uint32 | time entries int32 | their checksum uint32
///     60  aborted transactions int32 | their checksum uint32
///     68  CRC-32C of the bytes before, uint32
///     72  points, 8 bytes each: position int32 | digest of the heads before it uint32
///
/// All big endian. The head is on the disk before the next segment has a name, and is written when the log is closed.
/// While a segment is the last one its head counts for nothing, whatever it says: so nothing has to be taken back
/// when the segment is cut. Its points are there up to the checkpoint, whose `SegmentProgress` has their checksum.
/// A seal whose base, size or next offset is not its segment's is void: somebody else has written there.
package struct SealHead: Hashable, Sendable {
  package var baseOffset: Offset
  package var size: Int64
  package var nextOffset: Offset
  package var digest: UInt32
  package var points: Int
  package var pointsChecksum: UInt32
  package var offsetEntries: Int
  package var offsetChecksum: UInt32
  package var timeEntries: Int
  package var timeChecksum: UInt32
  package var abortedTransactions: Int
  package var transactionChecksum: UInt32

  package static let byteCount = 72
  private static let checksumPlace = 68
  private static let magic: UInt32 = 0x5354_534C

  init(_ progress: SegmentProgress) {
    baseOffset = progress.baseOffset
    size = progress.position
    nextOffset = progress.nextOffset
    digest = progress.headDigest
    points = progress.offsetEntries
    pointsChecksum = progress.sealChecksum
    offsetEntries = progress.offsetEntries
    offsetChecksum = progress.offsetChecksum
    timeEntries = progress.timeEntries
    timeChecksum = progress.timeChecksum
    abortedTransactions = progress.abortedTransactions
    transactionChecksum = progress.transactionChecksum
  }

  /// The head that `bytes` begin with; nil where they begin with none.
  package init?(decoding bytes: Span<UInt8>) {
    guard bytes.count >= Self.byteCount, UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == Self.magic,
      bytes.bigEndianInt32(at: 4) == 2 << 16,
      UInt32(bitPattern: bytes.bigEndianInt32(at: Self.checksumPlace))
        == CRC32C.checksum(bytes.extracting(0..<Self.checksumPlace))
    else { return nil }
    baseOffset = Offset(bytes.bigEndianInt64(at: 8))
    size = bytes.bigEndianInt64(at: 16)
    nextOffset = Offset(bytes.bigEndianInt64(at: 24))
    digest = UInt32(bitPattern: bytes.bigEndianInt32(at: 32))
    points = Int(bytes.bigEndianInt32(at: 36))
    pointsChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: 40))
    offsetEntries = Int(bytes.bigEndianInt32(at: 44))
    offsetChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: 48))
    timeEntries = Int(bytes.bigEndianInt32(at: 52))
    timeChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: 56))
    abortedTransactions = Int(bytes.bigEndianInt32(at: 60))
    transactionChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: 64))
    guard points >= 0, offsetEntries >= 0, timeEntries >= 0, abortedTransactions >= 0, size >= 0 else { return nil }
  }

  /// Whether the points behind the head, in the bytes of a seal's file, are the ones that it speaks of.
  package func covers(_ bytes: Span<UInt8>) -> Bool {
    let end = Self.byteCount + points * SegmentSeal.pointBytes
    guard end <= bytes.count else { return false }
    return CRC32C.checksum(bytes.extracting(Self.byteCount..<end)) == pointsChecksum
  }

  var encoded: [72 of UInt8] {
    var bytes = [72 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    span.storeBigEndian(Self.magic, at: 0)
    span.storeBigEndian(Int32(2 << 16), at: 4)
    span.storeBigEndian(baseOffset.rawValue, at: 8)
    span.storeBigEndian(size, at: 16)
    span.storeBigEndian(nextOffset.rawValue, at: 24)
    span.storeBigEndian(digest, at: 32)
    span.storeBigEndian(Int32(points), at: 36)
    span.storeBigEndian(pointsChecksum, at: 40)
    span.storeBigEndian(Int32(offsetEntries), at: 44)
    span.storeBigEndian(offsetChecksum, at: 48)
    span.storeBigEndian(Int32(timeEntries), at: 52)
    span.storeBigEndian(timeChecksum, at: 56)
    span.storeBigEndian(Int32(abortedTransactions), at: 60)
    span.storeBigEndian(transactionChecksum, at: 64)
    let checksum = CRC32C.checksum(span.span.extracting(0..<Self.checksumPlace))
    span.storeBigEndian(checksum, at: Self.checksumPlace)
    return bytes
  }

  /// What a segment counts that is as it was sealed. What an append would need to go on is not all there.
  var progress: SegmentProgress {
    var progress = SegmentProgress(baseOffset: baseOffset)
    progress.position = size
    progress.nextOffset = nextOffset
    progress.headDigest = digest
    progress.offsetEntries = offsetEntries
    progress.offsetChecksum = offsetChecksum
    progress.timeEntries = timeEntries
    progress.timeChecksum = timeChecksum
    progress.sealChecksum = pointsChecksum
    progress.abortedTransactions = abortedTransactions
    progress.transactionChecksum = transactionChecksum
    return progress
  }
}

/// The file of a seal, written by whoever holds the log's turn to synchronise.
struct SealFile: Sendable {
  let file: any File

  /// Opens the file of a segment's seal, creating it where it is missing.
  static func open(_ path: String, _ fileSystem: any FileSystem) throws(IOError) -> SealFile {
    SealFile(file: try fileSystem.open(path, .create))
  }

  /// Writes some of the points of `seal`.
  func write(_ seal: SegmentSeal, _ places: Range<Int>) throws(IOError) {
    guard !places.isEmpty else { return }
    let points = seal.points
    let bytes = places.lowerBound * SegmentSeal.pointBytes..<places.upperBound * SegmentSeal.pointBytes
    try file.write(points.bytes.extracting(bytes), at: Int64(SealHead.byteCount + bytes.lowerBound))
  }

  func write(_ head: SealHead) throws(IOError) {
    try file.write(head.encoded.span, at: 0)
  }

  func makeDurable() throws(IOError) { try file.synchronize(.seal) }

  /// The points that `progress` counts, with room for `room` bytes of them; nil where the file does not have
  /// them.
  func points(_ progress: SegmentProgress, room: Int) throws(IOError) -> SegmentSeal? {
    let byteCount = progress.offsetEntries * SegmentSeal.pointBytes
    guard try Self.hasRoom(byteCount, in: file) else { return nil }
    let seal = SegmentSeal(room: max(room, byteCount))
    return try Self.load(byteCount, of: file, into: seal.points, progress.sealChecksum) ? seal : nil
  }

  private static func hasRoom(_ pointBytes: Int, in file: any File) throws(IOError) -> Bool {
    if pointBytes == 0 { return true }
    return try file.metadata().size >= Int64(SealHead.byteCount + pointBytes)
  }

  private static func load(
    _ count: Int, of file: any File, into points: HeapMapping, _ checksum: UInt32
  ) throws(IOError) -> Bool {
    try file.copy(from: Int64(SealHead.byteCount), count: count, into: points)
    return CRC32C.checksum(points.bytes.extracting(0..<count)) == checksum
  }

  /// The seal of a segment that nobody writes to; nil where there is none, or one that is void.
  static func load(
    _ path: String, _ fileSystem: any FileSystem, base: Offset, end: Int64, nextOffset: Offset
  ) throws(IOError) -> LoadedSeal? {
    let file: any File
    do { file = try fileSystem.open(path, .read) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    defer { file.close() }
    var bytes = [UInt8](repeating: 0, count: SealHead.byteCount)
    var span = bytes.mutableSpan
    guard try file.read(into: &span, at: 0) == SealHead.byteCount, let head = SealHead(decoding: span.span),
      head.baseOffset == base, head.size == end, head.nextOffset == nextOffset,
      head.points <= end / Int64(RecordBatchHeader.byteCount),
      try hasRoom(head.points * SegmentSeal.pointBytes, in: file)
    else { return nil }
    let seal = SegmentSeal(room: head.points * SegmentSeal.pointBytes)
    guard
      try load(head.points * SegmentSeal.pointBytes, of: file, into: seal.points, head.pointsChecksum)
    else { return nil }
    return LoadedSeal(head: head, seal: seal)
  }
}

/// A seal as it was read from its file, which is that of its segment.
struct LoadedSeal: Sendable {
  var head: SealHead
  var seal: SegmentSeal

  var counted: CountedSeal {
    CountedSeal(seal: seal, count: head.points, end: SealPoint(position: head.size, digest: head.digest))
  }
}
