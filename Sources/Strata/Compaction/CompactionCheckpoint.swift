internal import StrataIO
internal import StrataRecords

/// How far a log is compacted, kept in a side file so that the dirty part is known when it is opened again:
///
///     0   magic "STCC" | version uint16 (1) | zero uint16 | sequence uint64
///     16  offset int64 | leader epoch int32 | CRC-32C of the bytes before, uint32
///
/// All big endian, in two slots of one sector each that are written in turn; the higher sequence counts. It is not
/// synchronised: an older one only means that more is read again. It is written after the segments that it speaks
/// of are in place. Where the log was cut afterwards, the epoch that began there says so, and what is
/// behind counts as dirty again: nothing has to be taken back here.
struct CompactionCheckpoint: Hashable, Sendable {
  /// Below it every key has one record.
  var offset: Offset
  /// The log's leader epoch when that was so.
  var epoch: LeaderEpoch

  private static let magic: UInt32 = 0x5354_4343
  private static let slotBytes = 512
  private static let byteCount = 32

  /// How far the log is compacted by now, if it has these epochs and ends at `end`.
  func offset(_ epochs: LeaderEpochs, end: Offset) -> Offset {
    let cut = epochs.entries.first { $0.epoch > epoch }?.startOffset
    return min(offset, cut ?? offset, end)
  }

  private func encoded(_ sequence: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    var span = bytes.mutableSpan
    span.storeBigEndian(Self.magic, at: 0)
    span.storeBigEndian(UInt16(1), at: 4)
    span.storeBigEndian(sequence, at: 8)
    span.storeBigEndian(offset.rawValue, at: 16)
    span.storeBigEndian(epoch.rawValue, at: 24)
    span.storeBigEndian(CRC32C.checksum(span.span.extracting(0..<28)), at: 28)
    return bytes
  }

  private static func decode(_ bytes: Span<UInt8>) -> (checkpoint: CompactionCheckpoint, sequence: UInt64)? {
    guard UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == magic, bytes.bigEndianInt32(at: 4) == 1 << 16,
      UInt32(bitPattern: bytes.bigEndianInt32(at: 28)) == CRC32C.checksum(bytes.extracting(0..<28)),
      bytes.bigEndianInt64(at: 8) >= 0, bytes.bigEndianInt64(at: 16) >= 0
    else { return nil }
    let checkpoint = CompactionCheckpoint(
      offset: Offset(bytes.bigEndianInt64(at: 16)), epoch: LeaderEpoch(bytes.bigEndianInt32(at: 24)))
    return (checkpoint, UInt64(bytes.bigEndianInt64(at: 8)))
  }

  private static func read(
    _ file: any File
  ) throws(IOError) -> (checkpoint: CompactionCheckpoint, sequence: UInt64)? {
    var bytes = [UInt8](repeating: 0, count: 2 * slotBytes)
    var span = bytes.mutableSpan
    let count = try file.read(into: &span, at: 0)
    let slots = [0, slotBytes].filter { $0 + byteCount <= count }.compactMap {
      decode(bytes.span.extracting($0..<$0 + byteCount))
    }
    return slots.max { $0.sequence < $1.sequence }
  }

  /// What the file of a log says; nil where there is none, or nothing valid in it.
  static func load(
    _ directory: String, _ fileSystem: any FileSystem
  ) throws(IOError) -> CompactionCheckpoint? {
    let path = SegmentFiles.path(directory, SegmentFiles.compactionName)
    do {
      let file = try fileSystem.open(path, .read)
      defer { file.close() }
      return try read(file)?.checkpoint
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// Writes it behind the one before.
  func store(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, SegmentFiles.compactionName)
    let file = try fileSystem.open(path, .create)
    defer { file.close() }
    let sequence = (try Self.read(file)?.sequence ?? 0) + 1
    try file.write(encoded(sequence).span, at: Int64(sequence % 2) * Int64(Self.slotBytes))
  }
}
