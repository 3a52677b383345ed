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
    let segments = log.segments
    #expect(compression.codec == .none ? segments.count > 1 : !segments.isEmpty)
    for segment in segments {
      let words = python.split(separator: " ").map(String.init)
      let result = Self.run(
        words + [
          TidyTests.root + "/Tests/Tools/check_segment.py", segment.path, "--quiet", "--expect-base",
          "\(segment.baseOffset)",
        ])
      #expect(result.status == 0, "\(result.output.prefix(2000))")
      #expect(result.output.contains(#""readers": ["kafka-python", "aiokafka", "aiokafka-py"]"#))
    }
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
    for segment in log.segments {
      let result = Self.run(
        python.split(separator: " ").map(String.init) + [
          TidyTests.root + "/Tests/Tools/check_segment.py", segment.path, "--quiet", "--expect-base",
          "\(segment.baseOffset)",
        ])
      #expect(result.status == 0, "\(result.output.prefix(2000))")
      #expect(result.output.contains(#""readers": ["kafka-python", "aiokafka", "aiokafka-py"]"#))
    }
  }
}
