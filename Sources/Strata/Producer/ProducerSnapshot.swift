internal import StrataIO
package import StrataRecords

/// The producers of a log at an offset, in a file that is named after it (`<offset>.snapshot`). The format is Kafka's
/// (`ProducerStateManager`), all big endian:
///
///     0   version int16 (1) | CRC-32C of all that follows it, uint32 | producers int32
///     10  each: id int64 | epoch int16 | last sequence int32 | last offset int64 | offset delta int32
///         | timestamp int64 | coordinator epoch int32 | first offset of its transaction int64, or −1
///
/// Only the last batch of a producer is in it. A producer whose epoch has no batch yet has the sequence number −1 and
/// the offset −1. Kafka writes producers in the order of a hash map, Strata by growing ids.
///
/// A snapshot saves reading what lies before it, and remembers what retention has taken since. One that is damaged
/// counts as none: then an older one is taken, and what lies behind that is read.
package enum ProducerSnapshot {
  package static let headBytes = 10
  package static let entryBytes = 46
  /// A file above this size is none: 5.8 million producers.
  package static let largestFile: Int64 = 256 << 20

  package static func encode(_ state: ProducerState) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headBytes + state.count * entryBytes)
    var span = bytes.mutableSpan
    span.storeBigEndian(Int16(1), at: 0)
    span.storeBigEndian(Int32(state.count), at: 6)
    var place = headBytes
    for entry in state.entries.values.sorted(by: { $0.id < $1.id }) {
      let last = entry.batches.last
      span.storeBigEndian(entry.id, at: place)
      span.storeBigEndian(entry.epoch, at: place + 8)
      span.storeBigEndian(last?.lastSequence ?? -1, at: place + 10)
      span.storeBigEndian(last?.lastOffset.rawValue ?? -1, at: place + 14)
      span.storeBigEndian(last?.offsetDelta ?? 0, at: place + 22)
      span.storeBigEndian(entry.lastTimestamp.milliseconds, at: place + 26)
      span.storeBigEndian(entry.coordinatorEpoch, at: place + 34)
      span.storeBigEndian(entry.transactionStart?.rawValue ?? -1, at: place + 38)
      place += entryBytes
    }
    let checksum = CRC32C.checksum(span.span.extracting(6...))
    span.storeBigEndian(checksum, at: 2)
    return bytes
  }

  /// The producers that `bytes` hold; nil where they are no snapshot of `offset`, or damaged.
  package static func decode(_ bytes: Span<UInt8>, at offset: Offset) -> ProducerState? {
    guard bytes.count >= headBytes, bytes[0] == 0, bytes[1] == 1,
      UInt32(bitPattern: bytes.bigEndianInt32(at: 2)) == CRC32C.checksum(bytes.extracting(6...))
        || Mutants.leavesOut(.snapshotChecksum),
      Int(bytes.bigEndianInt32(at: 6)) * entryBytes == bytes.count - headBytes
    else { return nil }
    var state = ProducerState()
    var entries: [ProducerEntry] = []
    for place in stride(from: headBytes, to: bytes.count, by: entryBytes) {
      guard let entry = self.entry(bytes, place, below: offset) else { return nil }
      entries.append(entry)
    }
    // In the order of their transactions each is put at the end.
    entries.sort { ($0.transactionStart ?? -1) < ($1.transactionStart ?? -1) }
    for entry in entries {
      // Twice the same producer or the same first offset: somebody has made this up.
      guard state[entry.id] == nil else { return nil }
      if let start = entry.transactionStart, start == state.open.last?.firstOffset { return nil }
      state.restore(entry)
    }
    return state
  }

  private static func entry(_ bytes: Span<UInt8>, _ place: Int, below end: Offset) -> ProducerEntry? {
    var entry = ProducerEntry(id: bytes.bigEndianInt64(at: place))
    entry.epoch = Int16(truncatingIfNeeded: bytes.bigEndianInt32(at: place + 6))
    entry.lastTimestamp = Timestamp(milliseconds: bytes.bigEndianInt64(at: place + 26))
    entry.coordinatorEpoch = bytes.bigEndianInt32(at: place + 34)
    let start = bytes.bigEndianInt64(at: place + 38)
    guard entry.id >= 0, start < end.rawValue else { return nil }
    if start >= 0 { entry.transactionStart = Offset(start) }
    let lastOffset = bytes.bigEndianInt64(at: place + 14)
    guard lastOffset >= 0 else { return entry }
    let batch = ProducerEntry.Batch(
      lastSequence: bytes.bigEndianInt32(at: place + 10), lastOffset: Offset(lastOffset),
      offsetDelta: bytes.bigEndianInt32(at: place + 22), timestamp: entry.lastTimestamp)
    guard lastOffset < end.rawValue, batch.offsetDelta >= 0, Int64(batch.offsetDelta) <= lastOffset
    else { return nil }
    entry.restore(batch)
    return entry
  }

  /// The offsets of the snapshots in a folder, damaged ones too, newest first.
  static func offsets(in names: [String]) -> [Offset] {
    names.compactMap(SegmentFiles.parse).filter { $0.kind == .snapshot }.map(\.baseOffset).sorted(by: >)
  }

  static func path(_ directory: String, _ offset: Offset) -> String {
    SegmentFiles.path(directory, SegmentFiles.name(offset, .snapshot))
  }

  /// The producers at `offset`; nil where there is no snapshot, or a damaged one.
  static func load(
    _ directory: String, at offset: Offset, _ fileSystem: any FileSystem
  ) throws(IOError) -> ProducerState? {
    let file: any File
    do { file = try fileSystem.open(path(directory, offset), .read) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    defer { file.close() }
    let size = try file.metadata().size
    guard size >= headBytes, size <= largestFile else { return nil }
    let bytes = try file.copyIntoMemory(Int(size))
    return decode(bytes.bytes, at: offset)
  }

  /// Writes the producers down as they are at `offset`, durably. The name is not durable yet.
  ///
  /// It gets its name at once: half of a snapshot has no checksum that fits, and counts as none.
  static func store(
    _ state: ProducerState, _ directory: String, at offset: Offset, _ fileSystem: any FileSystem
  ) throws(IOError) {
    let file = try fileSystem.open(path(directory, offset), .create)
    defer { file.close() }
    let bytes = encode(state)
    if try file.metadata().size > bytes.count { try file.resize(to: 0, .emptyTemporary) }
    try file.write(bytes.span, at: 0)
    try file.synchronize(.producers)
  }

  /// Removes snapshots; those that are gone already do not count.
  static func remove(
    _ offsets: some Sequence<Offset>, _ directory: String, _ fileSystem: any FileSystem
  ) throws(IOError) {
    for offset in offsets {
      do { try fileSystem.remove(path(directory, offset), .producersRemove) } catch {
        guard error.code == .notFound else { throw error }
      }
    }
  }
}
