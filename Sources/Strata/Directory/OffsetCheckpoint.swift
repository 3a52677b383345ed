internal import StrataIO
package import StrataRecords

/// One of Kafka's checkpoints of a directory: an offset for each of some logs. As text:
///
///     0                      the version
///     2                      the number of lines that follow
///     orders 0 4711          topic, partition, offset
///     orders 1 0
///
/// It is put in place of the one before as a whole, so that who reads it finds either.
package struct OffsetCheckpoint: Hashable, Sendable {
  package var offsets: [LogName: Offset] = [:]

  /// Which of them.
  package enum Kind: String, CaseIterable, Sendable {
    /// Below it, everything is on the disk. Kafka reads a log from here after an unclean stop.
    case recoveryPoint = "recovery-point-offset-checkpoint"
    /// The first offset of each log. Kafka writes it only where that is not its first segment's.
    case logStart = "log-start-offset-checkpoint"
    /// The high watermarks, of the logs whose owner has set one.
    case highWatermark = "replication-offset-checkpoint"

    package var fileName: String { rawValue }
  }

  package init() {}

  /// A file above this many bytes is none: 4 million logs.
  private static let largestFile: Int64 = 128 << 20

  /// Parses a file's bytes; nil where they are not in the format, or speak of a log twice.
  package init?(parsing bytes: [UInt8]) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)
    guard lines.count >= 2, lines[0].elementsEqual("0".utf8), Self.number(lines[1]) == Int64(lines.count - 2)
    else { return nil }
    offsets.reserveCapacity(lines.count - 2)
    for line in lines.dropFirst(2) {
      let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard fields.count == 3, let partition = Self.number(fields[1]).flatMap({ Int32(exactly: $0) }),
        let offset = Self.number(fields[2]),
        let name = LogName(topic: String(decoding: fields[0], as: UTF8.self), partition: partition),
        offsets.updateValue(Offset(offset), forKey: name) == nil
      else { return nil }
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.count <= 19, digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  /// The file's text, in the order of topics and partitions.
  package var text: String {
    let sorted = offsets.sorted { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }
    var text = "0\n\(sorted.count)\n"
    for (name, offset) in sorted { text += "\(name.topic) \(name.partition) \(offset.rawValue)\n" }
    return text
  }

  /// What reading a checkpoint has found.
  enum Found {
    case none
    case checkpoint(OffsetCheckpoint)
    /// There is something of that name which is no checkpoint.
    case unreadable
  }

  static func load(
    _ kind: Kind, in directory: String, _ fileSystem: any FileSystem
  ) throws(IOError) -> Found {
    let path = SegmentFiles.path(directory, kind.fileName)
    guard let metadata = try fileSystem.metadata(path) else { return .none }
    guard metadata.kind == .file, let bytes = try fileSystem.contents(of: path, atMost: largestFile),
      let checkpoint = OffsetCheckpoint(parsing: bytes)
    else { return .unreadable }
    return .checkpoint(checkpoint)
  }

  /// Puts the file in place of the one before. Its name is durable once the directory is synchronised.
  func store(_ kind: Kind, in directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, kind.fileName)
    try fileSystem.replace(path, with: Array(text.utf8), .offsetCheckpoint, .offsetCheckpointRename)
  }
}

/// What Kafka's files in a directory say of one of its logs.
struct KnownOffsets: Hashable, Sendable {
  var recoveryPoint: Offset?
  var logStart: Offset?
}
