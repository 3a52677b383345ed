internal import StrataRecords

/// The names of a log's files, as Kafka gives them: the base offset in twenty digits, and a suffix for what it is.
package enum SegmentFiles {
  /// The kinds of file that one segment has.
  package enum Kind: String, CaseIterable, Sendable {
    case log
    case index
    case timeindex
    case txnindex
    case snapshot
    /// Not Kafka's, whose loader leaves it alone: `SealFile`.
    case seal
  }

  /// Put behind a name while the file is being made; without meaning after a crash.
  static let temporarySuffix = ".tmp"
  /// Bytes that recovery moved aside.
  static let quarantineSuffix = ".quarantine"
  static let lockName = ".lock"
  static let durablePointName = "strata.durable-point"
  /// What becomes the next segment: zeros.
  static let preparedName = "strata.prepared"
  static let lostName = "strata.lost"
  static let compactionName = "strata.compaction"
  static let leaderEpochsName = "leader-epoch-checkpoint"

  static func name(_ baseOffset: Offset, _ kind: Kind) -> String {
    let digits = String(baseOffset.rawValue)
    return String(repeating: "0", count: 20 - digits.utf8.count) + digits + "." + kind.rawValue
  }

  /// The base offset and the kind that `name` speaks of; nil for a name that is no segment's.
  package static func parse(_ name: String) -> (baseOffset: Offset, kind: Kind)? {
    let bytes = name.utf8
    guard bytes.count > 21, let kind = Kind(rawValue: String(name.dropFirst(21))) else { return nil }
    var value: Int64 = 0
    for (place, byte) in bytes.prefix(21).enumerated() {
      if place == 20 {
        guard byte == UInt8(ascii: ".") else { return nil }
      } else {
        guard byte >= 48, byte <= 57 else { return nil }
        let (shifted, over) = value.multipliedReportingOverflow(by: 10)
        let (sum, over2) = shifted.addingReportingOverflow(Int64(byte - 48))
        guard !over, !over2 else { return nil }
        value = sum
      }
    }
    return (Offset(value), kind)
  }

  /// Whether a file of this name was being made when the log stopped.
  static func isTemporary(_ name: String) -> Bool {
    guard name.hasSuffix(temporarySuffix) else { return false }
    let final = String(name.dropLast(temporarySuffix.utf8.count))
    return final == leaderEpochsName || final == lostName || final == ProducerIDs.fileName
      || parse(final) != nil
  }

  /// `name` inside of `directory`.
  package static func path(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : directory + "/" + name
  }

  /// The folder that holds `path`; "." for a plain name.
  package static func parent(of path: String) -> String {
    var bytes = Substring(path)
    while bytes.count > 1, bytes.hasSuffix("/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: "/") else { return "." }
    return slash == bytes.startIndex ? "/" : String(bytes[..<slash])
  }
}
