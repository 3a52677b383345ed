import Foundation
import Strata
import Testing

/// What Strata writes, read by kafka-python and aiokafka (`Tests/Tools/check_segment.py`).
///
/// CI installs them; elsewhere the test is skipped where they are missing, and says so.
@Suite struct IndependentReaderTests {
  /// A Python that has the readers; nil where none is at hand.
  static let python: String? = {
    for candidate in [TidyTests.root + "/.build-python/bin/python", "/usr/bin/env python3"] {
      let words = candidate.split(separator: " ").map(String.init)
      let probe = run(words + ["-c", "import kafka, aiokafka, crc32c, lz4, zstandard, snappy, cramjam"])
      if probe.status == 0 { return candidate }
    }
    return nil
  }()

  static func run(_ words: [String]) -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    let pipe = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = pipe
    do { try process.run() } catch { return (127, "\(error)") }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  static var compressions: [Compression] {
    [.none, .gzip(), .gzip(level: 1), .snappy, .lz4(), .lz4(level: 9), .zstd(), .zstd(level: -3)].filter {
      Compression.isBuilt($0.codec)
    }
  }

  @Test(arguments: compressions)
  func everySegmentIsReadTheSameByOthers(compression: Compression) throws {
    guard let python = Self.python else {
      if ProcessInfo.processInfo.environment["CI"] == "true" {
        Issue.record("CI has to install the independent readers")
      }
      print("skipped: no Python with kafka-python and aiokafka; pip install -r Tests/Tools/requirements.txt")
      return
    }
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 60_000
    configuration.compression = compression
    let log = try Log.open(scratch("log"), configuration: configuration)
    var random = Random(seed: 11)
    for _ in 0..<60 {
      let records = (0..<(1 + random.below(40))).map { number in
        Record(
          key: random.below(4) == 0 ? nil : random.bytes(random.below(20)),
          value: random.below(9) == 0
            ? nil : Array(repeating: "{\"n\": \(number)}", count: random.below(40)).joined(),
          timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(random.below(10_000))),
          headers: random.below(5) == 0
            ? [RecordHeader("näme", random.bytes(5)), RecordHeader("none", nil)] : [])
      }
      try log.append(records, durability: .buffered)
    }
    try log.append(Record(value: [UInt8](repeating: 7, count: 200_000)))
    try log.close()
    #expect(compression.codec == .none ? log.segments.count > 1 : !log.segments.isEmpty)
    Self.check(log, python)
  }

  /// What a compaction leaves: gaps, batches with few of their records, empty batches, delete horizons.
  @Test(arguments: CompactionTests.codecs)
  func everyCompactedSegmentIsReadTheSameByOthers(compression: Compression) throws {
    guard let python = Self.python else {
      print("skipped: no Python with kafka-python and aiokafka; pip install -r Tests/Tools/requirements.txt")
      return
    }
    let scratch = Scratch()
    var configuration = CompactionTests.configuration
    configuration.segmentBytes = 20_000
    let log = try Log.open(scratch("log"), configuration: configuration)
    var random = Random(seed: 12)
    try CompactionTests.fill(log, 2000, keys: 300, &random, compression: compression)
    let report = try log.compact()
    try log.close()
    #expect(report.removedRecords > 0)
    Self.check(log, python)
  }

  /// Producers, transactions of one log and of several, end markers, and leader epochs.
  @Test(arguments: compressions)
  func everySegmentWithTransactionsIsReadTheSameByOthers(compression: Compression) throws {
    guard let python = Self.python else {
      print("skipped: no Python with kafka-python and aiokafka; pip install -r Tests/Tools/requirements.txt")
      return
    }
    let scratch = Scratch()
    var configuration = LogDirectoryConfiguration.small
    configuration.log.segmentBytes = 4_000
    configuration.log.compression = compression
    let directory = try LogDirectory.open(scratch("data"), configuration: configuration)
    var random = Random(seed: 13)
    let log = try directory.log(for: "a-0")
    let writer = try log.makeWriter()
    for round in 0..<80 {
      let records = (0..<(1 + random.below(20))).map { Record(key: "\($0)", value: "\(round) \($0)") }
      switch random.below(4) {
      case 0: try writer.append(records, durability: .buffered)
      case 1: try log.withTransaction(durability: .buffered) { try $0.append(records) }
      case 2:
        let transaction = try directory.beginTransaction()
        for name in ["a-0", "b-0"] { try transaction.append(records, to: name) }
        try random.below(3) == 0 ? transaction.abort() : transaction.commit(durability: .buffered)
      default:
        try log.append(records, durability: .buffered)
        if round % 10 == 0 { try log.beginLeaderEpoch(LeaderEpoch(log.leaderEpoch.rawValue + 1)) }
      }
    }
    let other = try directory.log(for: "b-0")
    try directory.close()
    #expect(log.segments.count > 1 || compression.codec != .none)
    for log in [log, other] { Self.check(log, python) }
  }

  private static func check(_ log: Log, _ python: String) {
    for segment in log.segments {
      let result = run(
        python.split(separator: " ").map(String.init) + [
          TidyTests.root + "/Tests/Tools/check_segment.py", segment.path, "--quiet", "--expect-base",
          "\(segment.baseOffset)",
        ])
      #expect(result.status == 0, "\(result.output.prefix(2000))")
      #expect(result.output.contains(#""readers": ["kafka-python", "aiokafka", "aiokafka-py"]"#))
    }
  }
}
