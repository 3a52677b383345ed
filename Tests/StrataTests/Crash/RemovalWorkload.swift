import Strata
import StrataIO
import StrataSimulation
import Testing

/// Old records that go, on a disk that may crash, or fail, at any call: up to an offset, by age, and by compaction. No
/// record that is to stay is lost, none that has gone comes back, and the next offset is never forgotten; for Kafka's
/// loader as well.
enum RemovalWorkload: String, CaseIterable, Sendable, CustomStringConvertible, CustomTestStringConvertible {
  /// The log begins inside of its second segment.
  case deletion
  /// All of it is too old.
  case expiry
  /// Two rounds, of which the second removes a tombstone that the first has met.
  case compaction

  var description: String { "old records go by \(rawValue)" }
  var testDescription: String { description }

  static func options() -> CrashExplorer<Int>.Options {
    var options = CrashExplorer<Int>.Options()
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 4, 1)
    #if DEBUG
      // Unoptimised code takes twenty times as long.
      (options.maximumStates, options.samples, options.recoveryInterval) = (12, 4, 24)
    #else
      (options.maximumStates, options.samples) = (256, 16)
      options.recoveryInterval = CrashBudget.isLong ? 1 : 4
    #endif
    return options
  }

  /// Three records to a segment when it is filled, and six when segments are put together.
  private static func configuration(_ segmentBytes: Int) -> LogConfiguration {
    var configuration = LogConfiguration.crash
    configuration.segmentBytes = segmentBytes
    return configuration
  }

  var configuration: LogConfiguration {
    var configuration = Self.configuration(500)
    switch self {
    case .deletion: break
    case .expiry: configuration.retentionMilliseconds = 1000
    case .compaction:
      configuration.cleanupPolicy = .compact
      configuration.deleteRetentionMilliseconds = 0
    }
    return configuration
  }

  /// What is written: a key, and a value or none, for each offset.
  static let records: [(key: String, value: String?)] = [
    ("a", "0"), ("b", "1"), ("c", "2"), ("a", "3"), ("b", nil), ("c", "5"), ("a", "6"), ("c", "7"),
  ]

  /// A closed log of these records, one a batch, all of it on the disk.
  func prepare(_ disk: SimulatedDisk) throws {
    let log = try Log.open("log", configuration: Self.configuration(250), environment: disk.environment)
    for record in Self.records {
      try log.append(Record(key: record.key, value: record.value), durability: .buffered)
    }
    try log.close()
    try expect(log.segments.map(\.baseOffset) == [0, 3, 6], "other segments: \(log.segments)")
    for (name, bytes) in disk.folder("log").files where name != ".lock" { disk.install("log/" + name, bytes) }
    disk.clock.advance(by: .seconds(10))
  }

  /// Calls `promise` with how many steps are done.
  func work(_ disk: SimulatedDisk, _ promise: (Int) -> Void) throws {
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    switch self {
    case .deletion: try log.deleteRecords(before: 4)
    case .expiry:
      disk.clock.advance(by: .seconds(10))
      try log.applyRetention()
    case .compaction:
      var options = CompactionOptions()
      options.endsActiveSegment = true
      let first = try log.compact(options)
      try expect(first.isComplete && first.writtenSegments == 1, "\(first)")
      promise(1)
      disk.clock.advance(by: .seconds(1))
      try log.compact(options)
    }
    promise(2)
    try log.close()
  }

  func explorer(_ options: CrashExplorer<Int>.Options) -> CrashExplorer<Int> {
    CrashExplorer<Int>(
      options: options, prepare: { try prepare($0) },
      workload: { run in try work(run.disk) { run.promise($0) } },
      recover: { environment in
        _ = try Log.open("log", configuration: configuration, environment: environment)
      },
      check: { try check($0.disk, done: $0.promises.last ?? 0) })
  }

  /// Whether what is left on a disk is right, of whose steps `done` have returned.
  func check(_ disk: SimulatedDisk, done: Int) throws {
    let kafka = KafkaLoader(disk.folder("log")).records
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    log.checkInvariants()
    let start = log.logStartOffset.rawValue
    try expect(log.logEndOffset == 8, "the log ends at \(log.logEndOffset)")
    let found = try log.all(isolation: .durable).map { (offset: $0.offset, value: $0.record.value) }
    for (offset, value) in found {
      let written = Self.records[Int(offset)].value.map { Array($0.utf8) }
      try expect(value == written, "another value at \(offset)")
    }
    try checkOffsets(found.map(\.offset), from: start, done)
    // Kafka knows the start by another file.
    try checkOffsets(kafka.map(\.offset).filter { $0 >= start }, from: start, done)
    try expect(log.append(Record(key: "d", value: "after")).baseOffset == 8, "goes on elsewhere")
    try log.close()
    let again = try Log.open("log", configuration: configuration, environment: disk.environment)
    try expect(again.recoveryReport.wasClean && again.logStartOffset.rawValue == start, "opened again: other")
    try expect(again.all().map(\.offset) == found.map(\.offset) + [8], "opened again, other records")
    for path in disk.listing() {
      for suffix in [".cleaned", ".swap", ".deleted", ".tmp"] {
        try expect(!path.hasSuffix(suffix), "left behind: \(path)")
      }
    }
    let bases = Set(
      disk.listing().filter { $0.hasPrefix("log/0") }.map { Int64($0.dropFirst(4).prefix(20))! })
    // Index files of a segment that could not be begun are taken by the next that is.
    let last = again.segments.last!.baseOffset.rawValue
    let expected = again.segments.map(\.baseOffset.rawValue)
    try expect(bases.filter { $0 <= last }.sorted() == expected, "files of other segments: \(bases.sorted())")
  }

  private func checkOffsets(_ offsets: [Int64], from start: Int64, _ done: Int) throws {
    try expect(offsets == offsets.sorted(), "in another order: \(offsets)")
    switch self {
    case .deletion:
      try expect(start == 4 || (start == 0 && done == 0), "the log begins at \(start)")
      try expect(offsets == Array(start..<8), "from \(start) on there are \(offsets)")
    case .expiry:
      try expect(start == 8 || (start == 0 && done == 0), "the log begins at \(start)")
      try expect(offsets == Array(start..<8), "from \(start) on there are \(offsets)")
    case .compaction:
      try expect(start == 0, "the log begins at \(start)")
      // Never an older record as the newest of its key.
      try expect(offsets.contains(6) && offsets.contains(7), "the newest are gone: \(offsets)")
      try expect(
        offsets.contains(4) || !offsets.contains(1), "what was taken back is there again: \(offsets)")
      let states: [[Int64]] = [Array(0..<8), [4, 6, 7], [6, 7]]
      try expect(states.dropFirst(done).contains(offsets), "after \(done) rounds \(offsets)")
    }
  }
}
