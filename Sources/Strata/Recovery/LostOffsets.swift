internal import StrataIO
package import StrataRecords

/// The offsets of a log whose records are gone, and which nobody has taken back on purpose: a gap in the offsets
/// that a compaction left is passed over in silence, one of these never.
///
/// They lie in a file of their own, written as a whole and put in place by a rename:
///
///     0   magic "STLO" | version uint16 (1) | zero uint16 | count uint32
///     12  for each range: its first offset int64 | the offset behind its last int64
///         CRC-32C of the bytes before, uint32
///
/// All big endian. Where the file cannot be read, every gap of the log may be one of them, and counts as one.
package struct LostOffsets: Hashable, Sendable {
  /// Sorted; none touches the next.
  package private(set) var ranges: [Range<Offset>] = []
  /// Whether the file was there and could not be read.
  package var isUnreadable = false

  package init() {}

  package var isEmpty: Bool { ranges.isEmpty && !isUnreadable }

  /// Adds a range, as one with those that it meets.
  package mutating func insert(_ range: Range<Offset>) {
    guard !range.isEmpty else { return }
    var merged = range
    for other in ranges where other.lowerBound <= range.upperBound && range.lowerBound <= other.upperBound {
      merged = min(merged.lowerBound, other.lowerBound)..<max(merged.upperBound, other.upperBound)
    }
    ranges.removeAll { $0.lowerBound <= merged.upperBound && merged.lowerBound <= $0.upperBound }
    ranges.insert(merged, at: ranges.firstIndex { $0.lowerBound > merged.lowerBound } ?? ranges.count)
  }

  /// Forgets what lies at `end` or behind: those offsets get new records.
  package mutating func cut(at end: Offset) {
    ranges = ranges.filter { $0.lowerBound < end }.map { $0.lowerBound..<min($0.upperBound, end) }
  }

  /// Forgets what lies below `start`: nobody can ask for those offsets any more.
  package mutating func drop(below start: Offset) {
    ranges = ranges.filter { $0.upperBound > start }.map { max($0.lowerBound, start)..<$0.upperBound }
  }

  /// The first part of `gap` that is lost; nil where all of it went on purpose.
  package func first(in gap: Range<Offset>) -> Range<Offset>? {
    if isUnreadable { return gap.isEmpty ? nil : gap }
    return ranges.first { $0.overlaps(gap) }?.clamped(to: gap)
  }
}

extension LostOffsets {
  private static let magic: UInt32 = 0x5354_4C4F
  private static let headBytes = 12
  /// More ranges than any disk has damage for.
  private static let largestFile: Int64 = 64 << 20

  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.headBytes + 16 * ranges.count + 4)
    var span = bytes.mutableSpan
    span.storeBigEndian(Self.magic, at: 0)
    span.storeBigEndian(UInt16(1), at: 4)
    span.storeBigEndian(UInt32(ranges.count), at: 8)
    for (place, range) in ranges.enumerated() {
      span.storeBigEndian(range.lowerBound.rawValue, at: Self.headBytes + 16 * place)
      span.storeBigEndian(range.upperBound.rawValue, at: Self.headBytes + 16 * place + 8)
    }
    let end = Self.headBytes + 16 * ranges.count
    span.storeBigEndian(CRC32C.checksum(span.span.extracting(0..<end)), at: end)
    return bytes
  }

  /// The ranges that `bytes` hold; nil where they hold none.
  init?(decoding bytes: Span<UInt8>) {
    guard bytes.count >= Self.headBytes + 4, (bytes.count - Self.headBytes - 4) % 16 == 0 else { return nil }
    let count = (bytes.count - Self.headBytes - 4) / 16
    let end = bytes.count - 4
    guard UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == Self.magic, bytes[4] == 0, bytes[5] == 1,
      UInt32(bitPattern: bytes.bigEndianInt32(at: 8)) == UInt32(count),
      UInt32(bitPattern: bytes.bigEndianInt32(at: end)) == CRC32C.checksum(bytes.extracting(0..<end))
    else { return nil }
    for place in 0..<count {
      let lower = bytes.bigEndianInt64(at: Self.headBytes + 16 * place)
      let upper = bytes.bigEndianInt64(at: Self.headBytes + 16 * place + 8)
      guard lower >= 0, lower < upper, lower > ranges.last?.upperBound.rawValue ?? -1 else { return nil }
      ranges.append(Offset(lower)..<Offset(upper))
    }
  }

  /// Reads the file of a log; nothing is lost where there is none.
  static func load(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) -> LostOffsets {
    let path = SegmentFiles.path(directory, SegmentFiles.lostName)
    let file: any File
    do { file = try fileSystem.open(path, .read) } catch {
      guard error.code == .notFound else { throw error }
      return LostOffsets()
    }
    defer { file.close() }
    let size = try file.metadata().size
    if size <= largestFile {
      var bytes = [UInt8](repeating: 0, count: Int(size))
      var span = bytes.mutableSpan
      let count = try file.read(into: &span, at: 0)
      if count == bytes.count, let lost = LostOffsets(decoding: bytes.span) { return lost }
    }
    var unreadable = LostOffsets()
    unreadable.isUnreadable = true
    return unreadable
  }

  /// Puts the file in place of the one before. Its name becomes durable with the next that does.
  func store(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, SegmentFiles.lostName)
    try fileSystem.replace(path, with: bytes, .lost, .lostRename)
  }
}
