import Foundation
import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// Rewriting segments on a disk that loses its power at every call: what salvage and compaction rest on.
@Suite struct SwapCrashTests {
  enum Promise: Sendable { case done }

  static var configuration: LogConfiguration {
    var configuration = CrashTests.configuration
    // Three records to a segment.
    configuration.segmentBytes = 250
    return configuration
  }

  static var salvaging: LogConfiguration {
    var configuration = configuration
    configuration.recovery = .salvage
    return configuration
  }

  static func options() -> CrashExplorer<Promise>.Options {
    var options = CrashExplorer<Promise>.Options()
    options.recoveries = 1
    options.maximumRecoveryStates = 4
    options.recoverySamples = 1
    #if DEBUG
      // Unoptimised code takes twenty times as long.
      options.maximumStates = 16
      options.samples = 4
      options.recoveryInterval = 16
    #else
      options.maximumStates = 1024
      options.samples = 32
    #endif
    return options
  }

  /// A closed log of eight records, one a batch.
  static func fill(_ disk: SimulatedDisk) throws {
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    for number in 0..<8 { try log.append(Record(value: "value \(number)"), durability: .buffered) }
    try log.close()
    try #require(log.segments.map(\.baseOffset) == [0, 3, 6])
  }

  static func files(_ disk: SimulatedDisk) -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for path in disk.listing() where path.contains("log/") && !path.hasSuffix("/") {
      let name = String(path[path.range(of: "log/")!.upperBound...])
      files[name] = disk.contents(of: path)
    }
    return files
  }

  /// What a reader gets who steps over what cannot be read.
  static func read(_ log: Log) throws -> (found: [Int64: String], lost: [Range<Offset>]) {
    try SalvageTests().readOver(log)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Batches that are damaged: segment and number in it.
    var damaged: [(segment: Int64, batch: Int)]
    var lost: [Range<Offset>]
  }

  static let cases = [
    Case(testDescription: "in the middle of a sealed segment", damaged: [(0, 1)], lost: [1..<2]),
    Case(
      testDescription: "in two segments, and the last durable record", damaged: [(3, 0), (6, 1)],
      lost: [3..<4, 7..<8]),
  ]

  /// At every moment the log is the damaged one or the salvaged one, for Kafka's loader as well; and salvage can
  /// be begun again.
  @Test(arguments: cases) func salvageIsInterruptedAtEveryCall(_ damage: Case) throws {
    let explorer = CrashExplorer<Promise>(
      options: Self.options(),
      prepare: { disk in
        try Self.fill(disk)
        for place in damage.damaged {
          let path = "log/0000000000000000000\(place.segment).log"
          let batch = SalvageTests().positions(disk.contents(of: path)!)[place.batch]
          disk.flipBit(2, ofByte: Int64(batch + 66), in: path)
        }
      },
      workload: { run in
        let log = try Log.open("log", configuration: Self.salvaging, environment: run.environment)
        try #require(log.lostOffsets == damage.lost)
        run.promise(.done)
        try log.close()
      },
      recover: { environment in
        _ = try Log.open("log", configuration: Self.salvaging, environment: environment)
      },
      check: { survivor in try Self.check(survivor, damage) })
    let report = try explorer.explore()
    print("salvage \(damage.testDescription): \(report)")
    #expect(report.recoveryCrashPoints > 50)
  }

  static func check(_ survivor: CrashSurvivor<Promise>, _ damage: Case) throws {
    let lost: (Int64) -> Bool = { offset in damage.lost.contains { $0.contains(Offset(offset)) } }
    let expected = Dictionary(
      uniqueKeysWithValues: (Int64(0)..<8).filter { !lost($0) }.map { ($0, "value \($0)") })
    // Kafka, to which all of this was flushed, finds every segment, and in each what was whole before: up to
    // the damage, or behind it too.
    let before = files(survivor.disk)
    let loaded = KafkaLoaderModel(before, recoveryPoint: .max)
    try #require(loaded.segments.map(\.base).prefix(3) == [0, 3, 6])
    for (offset, value) in try loaded.values() { try #require(expected[offset] == value) }
    for segment in loaded.segments {
      let name = "0000000000000000000\(segment.base).log"
      let isWhole = KafkaLoaderModel.batches(loaded.files[name]!).isWhole
      let isDamaged = damage.damaged.contains { $0.segment == segment.base }
      let offsets = segment.batches.map(\.baseOffset.rawValue)
      let all = expected.keys.filter { $0 >= segment.base && $0 < min(segment.base + 3, 8) }.sorted()
      try #require(isDamaged && !isWhole ? all.starts(with: offsets) : offsets == all)
    }
    for (name, bytes) in before where name.hasSuffix(".quarantine") {
      try #require(loaded.files[name] == bytes, "Kafka's loader removes what was moved aside")
    }

    let log = try Log.open("log", configuration: salvaging, environment: survivor.environment)
    log.checkInvariants()
    try #require(log.lostOffsets == damage.lost && log.logEndOffset == 8)
    let (found, gone) = try read(log)
    try #require(found == expected && gone == damage.lost)
    try #require(try log.append(Record(value: "after")).baseOffset == 8)
    try log.close()
    let again = try Log.open("log", configuration: configuration, environment: survivor.environment)
    try #require(again.recoveryReport.wasClean && again.lostOffsets == damage.lost)
    try #require(read(again).found.count == expected.count + 1)
    for path in survivor.disk.listing() {
      for suffix in [".cleaned", ".swap", ".deleted", ".tmp"] {
        try #require(!path.hasSuffix(suffix), "\(path)")
      }
    }
  }

  /// Two segments become one, as compaction makes them.
  @Test func mergingSegmentsIsInterruptedAtEveryCall() throws {
    let explorer = CrashExplorer<Promise>(
      options: Self.options(), prepare: { try Self.fill($0) },
      workload: { run in
        let fileSystem = run.environment.fileSystem
        let logs = try [0, 3].map { base in
          try #require(run.disk.contents(of: "log/0000000000000000000\(base).log"))
        }
        // The new segment leaves a record out, on purpose.
        let batch = SalvageTests().positions(logs[0])[1..<3]
        let bytes = Array(logs[0][..<batch.first!] + logs[0][batch.last!...] + logs[1])
        for (kind, content) in [("log", bytes), ("index", []), ("timeindex", [])] {
          let file = try fileSystem.open("log/00000000000000000000.\(kind).cleaned", .create)
          try file.write(content.span, at: 0)
          try file.synchronize()
        }
        try SegmentSwap(directory: "log", fileSystem: fileSystem).run(replacing: [0, 3], by: [0])
        run.promise(.done)
      },
      recover: { environment in
        _ = try Log.open("log", configuration: Self.configuration, environment: environment)
      },
      check: { survivor in
        let old = Dictionary(uniqueKeysWithValues: (Int64(0)..<8).map { ($0, "value \($0)") })
        var new = old
        new[1] = nil
        let loaded = try KafkaLoaderModel(Self.files(survivor.disk), recoveryPoint: 0).values()
        try #require(loaded == new || (loaded == old && survivor.promises.isEmpty))
        let log = try Log.open("log", configuration: Self.configuration, environment: survivor.environment)
        let (found, lost) = try Self.read(log)
        try #require(found == loaded && lost.isEmpty)
        try log.append(Record(value: "after"))
        try log.close()
      })
    print("merging: \(try explorer.explore())")
  }
}
