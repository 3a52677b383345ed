internal import StrataIO
internal import StrataRecords

/// How far a log is known to be on the disk: a lower bound that is true whenever it can be read.
///
/// It lies in a file of its own, in two slots of one sector each that are written in turn, so that a torn write
/// leaves the other. It is written after every sync, and synchronised itself only every 64 MiB and wherever
/// something depends on it: whichever value survives speaks of bytes that were durable before it was written.
///
///     0   magic "STDP" | version uint16 (3) | zero uint16 | sequence uint64 | log start int64
///     24  durable: base offset int64 | position int64 | next offset int64 | last batch's position int64
///         | its checksum uint32 | offset entries int32 | time entries int32 | bytes since entry int64
///         | largest timestamp int64 | its offset int64 | last indexed timestamp int64 | first timestamp int64
///         | digest of the heads uint32 | checksums of the entries: offsets uint32 | times uint32 | seal uint32
///         | aborted transactions int32 | their checksum uint32 | 1 where the log knows producers, uint32
///     136 checkpoint: the same fields; what the durable *index entries* speak of
///     248 CRC-32C of the bytes before, uint32
///
/// A slot of an earlier version, which has less, counts as none.
///
/// All big endian. The slot with the higher sequence counts.
package struct DurablePoint: Hashable, Sendable {
  package var sequence: UInt64
  /// The first offset that the log still has.
  package var logStart: Offset
  /// The last segment through its last durable batch.
  package var durable: SegmentProgress
  /// The same segment, or one before it, through the last batch whose index entries are durable as well:
  /// recovery reads on from here.
  package var checkpoint: SegmentProgress

  package init(sequence: UInt64, logStart: Offset, durable: SegmentProgress, checkpoint: SegmentProgress) {
    self.sequence = sequence
    self.logStart = logStart
    self.durable = durable
    self.checkpoint = checkpoint
  }

  package static let slotBytes = 512
  private static let magic: UInt32 = 0x5354_4450
  package static let checksumPlace = 24 + 2 * SegmentProgress.encodedBytes

  /// Fills one slot.
  package func encode(into span: inout MutableSpan<UInt8>) {
    span.storeBigEndian(Self.magic, at: 0)
    span.storeBigEndian(UInt16(3), at: 4)
    span.storeBigEndian(sequence, at: 8)
    span.storeBigEndian(logStart.rawValue, at: 16)
    durable.encode(into: &span, at: 24)
    checkpoint.encode(into: &span, at: 24 + SegmentProgress.encodedBytes)
    let checksum = CRC32C.checksum(span.span.extracting(0..<Self.checksumPlace))
    span.storeBigEndian(checksum, at: Self.checksumPlace)
  }

  /// The slot that `bytes` hold; nil where they hold none.
  init?(decoding bytes: Span<UInt8>) {
    guard bytes.count >= Self.checksumPlace + 4,
      UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == Self.magic, bytes[4] == 0, bytes[5] == 3,
      UInt32(bitPattern: bytes.bigEndianInt32(at: Self.checksumPlace))
        == CRC32C.checksum(bytes.extracting(0..<Self.checksumPlace))
        || Mutants.leavesOut(.durablePointChecksum),
      let durable = SegmentProgress(decoding: bytes, at: 24),
      let checkpoint = SegmentProgress(decoding: bytes, at: 24 + SegmentProgress.encodedBytes)
    else { return nil }
    let number = bytes.bigEndianInt64(at: 8)
    // No log comes so far, and the next number has to be a larger one.
    guard number >= 0, number < .max else { return nil }
    sequence = UInt64(number)
    logStart = Offset(bytes.bigEndianInt64(at: 16))
    self.durable = durable
    self.checkpoint = checkpoint
  }
}

extension SegmentProgress {
  static let encodedBytes = 112

  func encode(into bytes: inout MutableSpan<UInt8>, at place: Int) {
    bytes.storeBigEndian(baseOffset.rawValue, at: place)
    bytes.storeBigEndian(position, at: place + 8)
    bytes.storeBigEndian(nextOffset.rawValue, at: place + 16)
    bytes.storeBigEndian(lastBatchPosition, at: place + 24)
    bytes.storeBigEndian(lastBatchChecksum, at: place + 32)
    bytes.storeBigEndian(Int32(offsetEntries), at: place + 36)
    bytes.storeBigEndian(Int32(timeEntries), at: place + 40)
    bytes.storeBigEndian(bytesSinceEntry, at: place + 44)
    bytes.storeBigEndian(largestTimestamp.milliseconds, at: place + 52)
    bytes.storeBigEndian(offsetOfLargestTimestamp.rawValue, at: place + 60)
    bytes.storeBigEndian(lastIndexedTimestamp.milliseconds, at: place + 68)
    bytes.storeBigEndian(firstTimestamp.milliseconds, at: place + 76)
    bytes.storeBigEndian(headDigest, at: place + 84)
    bytes.storeBigEndian(offsetChecksum, at: place + 88)
    bytes.storeBigEndian(timeChecksum, at: place + 92)
    bytes.storeBigEndian(sealChecksum, at: place + 96)
    bytes.storeBigEndian(Int32(abortedTransactions), at: place + 100)
    bytes.storeBigEndian(transactionChecksum, at: place + 104)
    bytes.storeBigEndian(UInt32(hasProducers ? 1 : 0), at: place + 108)
  }

  init?(decoding bytes: Span<UInt8>, at place: Int) {
    self.init(baseOffset: Offset(bytes.bigEndianInt64(at: place)))
    position = bytes.bigEndianInt64(at: place + 8)
    nextOffset = Offset(bytes.bigEndianInt64(at: place + 16))
    lastBatchPosition = bytes.bigEndianInt64(at: place + 24)
    lastBatchChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 32))
    offsetEntries = Int(bytes.bigEndianInt32(at: place + 36))
    timeEntries = Int(bytes.bigEndianInt32(at: place + 40))
    bytesSinceEntry = bytes.bigEndianInt64(at: place + 44)
    largestTimestamp = Timestamp(milliseconds: bytes.bigEndianInt64(at: place + 52))
    offsetOfLargestTimestamp = Offset(bytes.bigEndianInt64(at: place + 60))
    lastIndexedTimestamp = Timestamp(milliseconds: bytes.bigEndianInt64(at: place + 68))
    firstTimestamp = Timestamp(milliseconds: bytes.bigEndianInt64(at: place + 76))
    headDigest = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 84))
    offsetChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 88))
    timeChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 92))
    sealChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 96))
    abortedTransactions = Int(bytes.bigEndianInt32(at: place + 100))
    transactionChecksum = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 104))
    hasProducers = bytes.bigEndianInt32(at: place + 108) != 0
    guard baseOffset.rawValue >= 0, position >= 0, nextOffset >= baseOffset, lastBatchPosition >= 0,
      lastBatchPosition <= position, offsetEntries >= 0, timeEntries >= 0, abortedTransactions >= 0,
      bytesSinceEntry >= 0, lastIndexedTimestamp <= largestTimestamp
    else { return nil }
  }
}

/// The file that holds the durable point. Written by whoever holds the log's turn to synchronise.
struct DurablePointFile: Sendable {
  private let file: any File
  private(set) var sequence: UInt64
  /// One slot's bytes, used again for every write.
  private var slot = [UInt8](repeating: 0, count: DurablePoint.slotBytes)

  private init(file: any File, sequence: UInt64) {
    self.file = file
    self.sequence = sequence
  }

  /// Opens the file of a log, creating it where it is missing.
  static func open(
    _ directory: String, _ fileSystem: any FileSystem
  ) throws(IOError) -> (file: DurablePointFile, point: DurablePoint?) {
    let path = SegmentFiles.path(directory, SegmentFiles.durablePointName)
    let file = try fileSystem.open(path, .create)
    let point = try read(file)
    return (DurablePointFile(file: file, sequence: point?.sequence ?? 0), point)
  }

  /// What the file says, for who only reads; nil where there is no file, or nothing valid in it.
  static func peek(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) -> DurablePoint? {
    let path = SegmentFiles.path(directory, SegmentFiles.durablePointName)
    do { return try read(fileSystem.open(path, .read)) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private static func read(_ file: any File) throws(IOError) -> DurablePoint? {
    var bytes = [UInt8](repeating: 0, count: 2 * DurablePoint.slotBytes)
    var span = bytes.mutableSpan
    let count = try file.read(into: &span, at: 0)
    var best: DurablePoint?
    for slot in 0..<2 where count >= (slot + 1) * DurablePoint.slotBytes {
      let start = slot * DurablePoint.slotBytes
      let bytes = span.span.extracting(start..<start + DurablePoint.slotBytes)
      guard let point = DurablePoint(decoding: bytes) else { continue }
      if best == nil || point.sequence > best!.sequence { best = point }
    }
    return best
  }

  /// Writes the next point, and waits for it to be durable where `synchronizing` says so.
  mutating func write(
    logStart: Offset, durable: SegmentProgress, checkpoint: SegmentProgress, synchronizing: Bool
  ) throws(IOError) {
    sequence += 1
    let point = DurablePoint(
      sequence: sequence, logStart: logStart, durable: durable, checkpoint: checkpoint)
    var span = slot.mutableSpan
    point.encode(into: &span)
    try file.write(slot.span, at: Int64(sequence % 2) * Int64(DurablePoint.slotBytes))
    if synchronizing { try file.synchronize(.durablePoint) }
  }

  /// Waits for the last point to be durable.
  func synchronize() throws(IOError) { try file.synchronize(.durablePoint) }

  func close() { file.close() }
}
