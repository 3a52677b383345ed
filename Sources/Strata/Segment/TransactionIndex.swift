internal import StrataIO
internal import StrataLock
package import StrataRecords

/// A transaction that was aborted, on disk 34 bytes, big endian, in the segment that has its end marker:
///
///     version int16 (0) | producer id int64 | first offset int64 | last offset int64
///     | last stable offset int64
///
/// The last offset is the marker's. The last stable offset is what it was when the marker came: no transaction that
/// ends later begins below it. The format is Kafka's (`AbortedTxn`).
package struct AbortedTransaction: Hashable, Sendable {
  package static let byteCount = 34

  package var producerID: Int64
  package var firstOffset: Offset
  package var lastOffset: Offset
  package var lastStableOffset: Offset

  package init(producerID: Int64, firstOffset: Offset, lastOffset: Offset, lastStableOffset: Offset) {
    self.producerID = producerID
    self.firstOffset = firstOffset
    self.lastOffset = lastOffset
    self.lastStableOffset = lastStableOffset
  }

  package var encoded: [34 of UInt8] {
    var bytes = [34 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    span.storeBigEndian(producerID, at: 2)
    span.storeBigEndian(firstOffset.rawValue, at: 10)
    span.storeBigEndian(lastOffset.rawValue, at: 18)
    span.storeBigEndian(lastStableOffset.rawValue, at: 26)
    return bytes
  }

  /// The entry at `place`; nil where these bytes are none.
  package init?(decoding bytes: Span<UInt8>, at place: Int) {
    guard bytes[place] == 0, bytes[place + 1] == 0 else { return nil }
    producerID = bytes.bigEndianInt64(at: place + 2)
    firstOffset = Offset(bytes.bigEndianInt64(at: place + 10))
    lastOffset = Offset(bytes.bigEndianInt64(at: place + 18))
    lastStableOffset = Offset(bytes.bigEndianInt64(at: place + 26))
    guard producerID >= 0, firstOffset.rawValue >= 0, lastOffset >= firstOffset, lastStableOffset.rawValue >= 0
    else { return nil }
  }
}

/// The aborted transactions of one segment, by the offsets of their end markers.
///
/// As with the other indexes, how many entries count is not known here (`SegmentProgress.abortedTransactions`). The
/// entries are in memory, 32 bytes for each, in segments that are appended to or that a reader of what is committed
/// came to; an entry has at least 139 bytes of log behind it. The file, which a segment without an entry does not
/// have, gets what is new whenever the other indexes are synchronised.
package final class TransactionIndex: Sendable {
  private let entries: Lock<[AbortedTransaction]>

  init(_ entries: [AbortedTransaction] = []) { self.entries = Lock(entries) }

  /// Puts an entry at `place`; what was there and behind belongs to an append that failed.
  func store(_ entry: AbortedTransaction, at place: Int) {
    entries.withLock { entries in
      if place < entries.count { entries.removeSubrange(place...) }
      entries.append(entry)
    }
  }

  /// The first `count` entries.
  func prefix(_ count: Int) -> [AbortedTransaction] {
    entries.withLock { Array($0.prefix(count)) }
  }

  /// Adds those of the first `count` entries to `found` that concern `range`. True where no later entry can.
  func collect(_ range: Range<Offset>, count: Int, into found: inout [AbortedTransaction]) -> Bool {
    let (added, isEnough) = entries.withLock { entries -> ([AbortedTransaction], Bool) in
      let count = min(count, entries.count)
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].lastOffset < range.lowerBound { low = middle + 1 } else { high = middle }
      }
      var added: [AbortedTransaction] = []
      for place in low..<count {
        if entries[place].firstOffset < range.upperBound { added.append(entries[place]) }
        if entries[place].lastStableOffset >= range.upperBound { return (added, true) }
      }
      return (added, false)
    }
    found += added
    return isEnough
  }

  static func encode(_ entries: some Collection<AbortedTransaction>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.count * AbortedTransaction.byteCount)
    for entry in entries {
      let encoded = entry.encoded
      for place in encoded.indices { bytes.append(encoded[place]) }
    }
    return bytes
  }

  /// Writes the entries from `written` through `count` into the file, durably.
  func synchronize(
    _ count: Int, written: Int, _ path: String, _ fileSystem: any FileSystem
  ) throws(IOError) {
    guard count > written else { return }
    let bytes = Self.encode(prefix(count).dropFirst(written))
    let file = try fileSystem.open(path, .create)
    defer { file.close() }
    try file.write(bytes.span, at: Int64(written * AbortedTransaction.byteCount))
    try file.synchronize(.transactionIndex)
  }

  /// Cuts the file to `count` entries; without any there is no file.
  static func trim(_ count: Int, _ path: String, _ fileSystem: any FileSystem) throws(IOError) {
    guard let size = try fileSystem.metadata(path)?.size else { return }
    if count == 0 { return try fileSystem.remove(path, .removeLeftover) }
    guard size > Int64(count * AbortedTransaction.byteCount) else { return }
    let file = try fileSystem.open(path, .readWrite)
    defer { file.close() }
    try file.resize(to: Int64(count * AbortedTransaction.byteCount), .trimIndex)
  }

  /// The first `count` entries of a file, if their checksum is `checksum`; nil where they are not there. `exactly`:
  /// whether the file has to end with them.
  static func load(
    _ path: String, count: Int, checksum: UInt32, exactly: Bool, _ fileSystem: any FileSystem
  ) throws(IOError) -> TransactionIndex? {
    let size = try fileSystem.metadata(path)?.size ?? 0
    let needed = Int64(count) * Int64(AbortedTransaction.byteCount)
    guard exactly ? size == needed : size >= needed else { return nil }
    if count == 0 { return TransactionIndex() }
    let file: any File
    do { file = try fileSystem.open(path, .read) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    defer { file.close() }
    let mapping = try file.copyIntoMemory(Int(needed))
    guard CRC32C.checksum(mapping.bytes) == checksum, let entries = parse(mapping.bytes) else { return nil }
    return TransactionIndex(entries)
  }

  /// The entries of a file; nil where a byte of it is none.
  package static func parse(_ bytes: Span<UInt8>) -> [AbortedTransaction]? {
    guard bytes.count % AbortedTransaction.byteCount == 0 else { return nil }
    var entries: [AbortedTransaction] = []
    entries.reserveCapacity(bytes.count / AbortedTransaction.byteCount)
    for place in stride(from: 0, to: bytes.count, by: AbortedTransaction.byteCount) {
      guard let entry = AbortedTransaction(decoding: bytes, at: place) else { return nil }
      entries.append(entry)
    }
    return entries
  }
}

extension SegmentProgress {
  /// Counts one more aborted transaction, and stores it.
  mutating func take(_ aborted: AbortedTransaction, _ index: SegmentIndex) {
    index.transactions.store(aborted, at: abortedTransactions)
    transactionChecksum = CRC32C.update(transactionChecksum, aborted.encoded.span)
    abortedTransactions += 1
  }
}
