internal import StrataIO
internal import StrataRecords

/// Which transactions over several logs of a directory count, as long as a log may lack the marker that says so; and
/// which producer ids are the directory's. What is under way in one of its logs, was written by such a producer, and is
/// not found here was never decided, and is aborted.
///
/// The file `strata.transactions` lies in the directory from its first such transaction on. It is replaced as a whole:
/// whoever reads it finds all of one version, and what does not fit its checksum is damage, never a write that was cut
/// short. Where it is missing or damaged nobody knows what was decided, and nothing is ended by guessing.
///
///     0   magic "STTX" | version uint16 (1) | zero uint16
///     8   first id of this directory int64 | the id behind the last block int64
///     24  number of transactions uint32
///     28  for each: producer id int64 | its epoch int16 | number of logs uint32
///                   for each log: bytes of its name uint16 | name
///         CRC-32C of the bytes before, uint32
///
/// All big endian.
package struct TransactionDecisions: Hashable, Sendable {
  /// A transaction: no producer has two with the same epoch.
  package struct Key: Hashable, Sendable {
    package var producerID: Int64
    package var epoch: Int16

    package init(producerID: Int64, epoch: Int16) {
      (self.producerID, self.epoch) = (producerID, epoch)
    }
  }

  /// The producer ids that the directory has given out, or may have.
  package var own: Range<Int64>
  /// The transactions that were committed, with the logs that may lack the marker.
  package var committed: [Key: Set<String>] = [:]

  package static let fileName = "strata.transactions"
  /// Ids from here on are given out by directories; those that a log gives out for itself lie below.
  static let firstID: Int64 = 1 << 62
  /// So many ids are written down ahead.
  static let blockSize: Int64 = 1000

  package init(own: Range<Int64>) { self.own = own }

  /// For a directory that has given out no id. The time makes its ids others than those of every other directory, so
  /// that a log that was moved is not taken for one of this directory's.
  init(createdAt milliseconds: Int64) {
    let first = Self.firstID | (milliseconds & (1 << 41 - 1)) << 20
    own = first..<first
  }

  /// How a transaction that is under way in a log has to end; nil where others know.
  package func outcome(of key: Key) -> ControlRecord.Kind? {
    guard own.contains(key.producerID) else { return nil }
    return committed[key] == nil ? .abort : .commit
  }
}

extension TransactionDecisions {
  private static let magic: UInt32 = 0x5354_5458
  private static let headBytes = 28
  /// A file above this many bytes is none: that is half a million transactions.
  private static let largestFile: Int64 = 64 << 20

  package var bytes: [UInt8] {
    var size = Self.headBytes + 4
    for names in committed.values { size += 14 + names.reduce(0) { $0 + 2 + $1.utf8.count } }
    var bytes = [UInt8](repeating: 0, count: size)
    var span = bytes.mutableSpan
    span.storeBigEndian(Self.magic, at: 0)
    span.storeBigEndian(UInt16(1), at: 4)
    span.storeBigEndian(own.lowerBound, at: 8)
    span.storeBigEndian(own.upperBound, at: 16)
    span.storeBigEndian(UInt32(committed.count), at: 24)
    var place = Self.headBytes
    let sorted = committed.sorted { ($0.key.producerID, $0.key.epoch) < ($1.key.producerID, $1.key.epoch) }
    for (key, names) in sorted {
      span.storeBigEndian(key.producerID, at: place)
      span.storeBigEndian(key.epoch, at: place + 8)
      span.storeBigEndian(UInt32(names.count), at: place + 10)
      place += 14
      for name in names.sorted() {
        span.storeBigEndian(UInt16(name.utf8.count), at: place)
        place += 2
        for byte in name.utf8 {
          span[place] = byte
          place += 1
        }
      }
    }
    span.storeBigEndian(CRC32C.checksum(span.span.extracting(0..<place)), at: place)
    return bytes
  }

  /// What `bytes` hold; nil where they hold nothing of the kind.
  package init?(decoding bytes: Span<UInt8>) {
    let end = bytes.count - 4
    guard end >= Self.headBytes, UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == Self.magic,
      bytes.bigEndianInt32(at: 4) == 1 << 16,
      Mutants.leavesOut(.decisionChecksum)
        || UInt32(bitPattern: bytes.bigEndianInt32(at: end)) == CRC32C.checksum(bytes.extracting(0..<end))
    else { return nil }
    let (first, last) = (bytes.bigEndianInt64(at: 8), bytes.bigEndianInt64(at: 16))
    guard first >= Self.firstID, first <= last else { return nil }
    own = first..<last
    var rest = Rest(place: Self.headBytes, end: end)
    let count = UInt32(bitPattern: bytes.bigEndianInt32(at: 24))
    for _ in 0..<count {
      guard let place = rest.take(14) else { return nil }
      let key = Key(
        producerID: bytes.bigEndianInt64(at: place),
        epoch: Int16(bitPattern: UInt16(bytes[place + 8]) << 8 | UInt16(bytes[place + 9])))
      let logs = UInt32(bitPattern: bytes.bigEndianInt32(at: place + 10))
      guard own.contains(key.producerID), key.epoch >= 0,
        let names = Self.names(logs, in: bytes, &rest), committed.updateValue(names, forKey: key) == nil
      else { return nil }
    }
    guard rest.place == end else { return nil }
  }

  /// What of some bytes is not read yet.
  private struct Rest {
    var place: Int
    let end: Int

    /// Where the next `count` bytes begin; nil where there are not so many.
    mutating func take(_ count: Int) -> Int? {
      guard count <= end - place else { return nil }
      defer { place += count }
      return place
    }
  }

  private static func names(_ count: UInt32, in bytes: Span<UInt8>, _ rest: inout Rest) -> Set<String>? {
    var names: Set<String> = []
    for _ in 0..<count {
      guard let place = rest.take(2) else { return nil }
      let length = Int(bytes[place]) << 8 | Int(bytes[place + 1])
      guard let start = rest.take(length) else { return nil }
      let text = String(copying: bytes.extracting(start..<start + length))
      guard LogName(text) != nil, names.insert(text).inserted else { return nil }
    }
    return names
  }

  /// What looking for the file has found.
  package enum Found: Sendable {
    /// There is none: the folder has never had a transaction over several logs, or is another than that which had.
    case none
    case decisions(TransactionDecisions)
    /// There is something of that name which cannot be read.
    case unreadable
  }

  static func load(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) -> Found {
    let path = SegmentFiles.path(directory, fileName)
    guard let metadata = try fileSystem.metadata(path) else { return .none }
    guard metadata.kind == .file, let bytes = try fileSystem.contents(of: path, atMost: largestFile),
      let decisions = TransactionDecisions(decoding: bytes.span)
    else { return .unreadable }
    return .decisions(decisions)
  }

  /// Puts the file in place of the one before; it is on the disk when this returns, name and all.
  func store(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, Self.fileName)
    try fileSystem.replace(path, with: bytes, .transactions, .transactionsRename)
    try fileSystem.synchronizeDirectory(directory, .transactionsDirectory)
  }
}
