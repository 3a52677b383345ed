import Strata
import StrataIO
import StrataSimulation
import Testing

/// Segments that are rewritten on a disk that may crash at any call: damage taken out, and segments put together as
/// compaction does. The log is the old one or the new one at every moment, for Kafka's loader as well.
struct RewriteWorkload: Sendable, CustomStringConvertible, CustomTestStringConvertible {
  enum Kind: Sendable {
    /// These batches, by segment and number, are damaged; these offsets are lost.
    case salvage([(segment: Int64, batch: Int)], lost: [Range<Offset>])
    /// The first two segments become two others.
    case merge
    /// That was interrupted before it was decided, and is abandoned.
    case abandonedMerge
  }

  var description: String
  var kind: Kind
  var testDescription: String { description }

  static let all = [
    RewriteWorkload(description: "a rewriting that was not decided is abandoned", kind: .abandonedMerge),
    RewriteWorkload(description: "two segments become two others", kind: .merge),
    RewriteWorkload(
      description: "salvage of a sealed segment", kind: .salvage([(0, 1)], lost: [1..<2])),
    RewriteWorkload(
      description: "salvage of two segments, and of the last durable record",
      kind: .salvage([(3, 0), (6, 1)], lost: [3..<4, 7..<8])),
  ]

  static func options() -> CrashExplorer<Bool>.Options {
    var options = CrashExplorer<Bool>.Options()
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 4, 1)
    #if DEBUG
      // Unoptimised code takes twenty times as long.
      (options.maximumStates, options.samples, options.recoveryInterval) = (16, 4, 16)
    #else
      (options.maximumStates, options.samples) = (256, 16)
      options.recoveryInterval = CrashBudget.isLong ? 1 : 4
    #endif
    return options
  }

  /// Three records to a segment.
  static var configuration: LogConfiguration {
    var configuration = LogConfiguration.crash
    configuration.segmentBytes = 250
    return configuration
  }

  static var salvaging: LogConfiguration {
    var configuration = configuration
    configuration.recovery = .salvage
    return configuration
  }

  static func path(_ base: Int64) -> String { "log/0000000000000000000\(base).log" }

  /// A closed log of eight records, one a batch.
  private static func fill(_ disk: SimulatedDisk) throws {
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    for number in 0..<8 { try log.append(Record(value: "value \(number)"), durability: .buffered) }
    try log.close()
    try expect(log.segments.map(\.baseOffset) == [0, 3, 6], "other segments: \(log.segments)")
    // All of it is on the disk, the sizes too.
    for (name, bytes) in disk.folder("log").files where name != ".lock" { disk.install("log/" + name, bytes) }
  }

  func explorer(_ options: CrashExplorer<Bool>.Options) -> CrashExplorer<Bool> {
    CrashExplorer<Bool>(
      options: options, prepare: { try prepare($0) }, workload: { try work($0) },
      recover: { environment in
        _ = try Log.open("log", configuration: configuration, environment: environment)
      },
      check: { survivor in
        switch kind {
        case .salvage(let damaged, let lost): try check(survivor, damaged, lost)
        case .merge: try checkMerged(survivor)
        case .abandonedMerge: try checkMerged(survivor, mayBeNew: false)
        }
      })
  }

  private var configuration: LogConfiguration {
    if case .salvage = kind { Self.salvaging } else { Self.configuration }
  }

  private func prepare(_ disk: SimulatedDisk) throws {
    try Self.fill(disk)
    switch kind {
    case .merge: break
    case .salvage(let damaged, _):
      for place in damaged {
        let batch = StoredBatch.prefix(of: disk.contents(of: Self.path(place.segment))!)[place.batch]
        disk.flipBit(2, ofByte: Int64(batch.position + 66), in: Self.path(place.segment))
      }
    case .abandonedMerge:
      for (base, suffix) in [(Int64(0), ".cleaned"), (4, ".swap")] {
        for (kind, content) in try Self.rewritten(base, disk) {
          disk.install(Self.path(base).dropLast(3) + kind + suffix, content)
        }
      }
    }
  }

  /// The files of what the first two segments become. The second record of each goes on purpose; the new segments
  /// end elsewhere than the old ones.
  private static func rewritten(
    _ base: Int64, _ disk: SimulatedDisk
  ) throws -> [(kind: String, content: [UInt8])] {
    let batches = try [Int64(0), 3].flatMap { base in
      let bytes = try #require(disk.contents(of: Self.path(base)))
      return StoredBatch.prefix(of: bytes).map { Array(bytes[$0.position..<$0.end]) }
    }
    return [
      ("log", (base == 0 ? [0, 2, 3] : [5]).flatMap { batches[$0] }), ("index", []), ("timeindex", []),
    ]
  }

  private func work(_ run: CrashRun<Bool>) throws {
    switch kind {
    case .salvage(_, let lost):
      let log = try Log.open("log", configuration: Self.salvaging, environment: run.environment)
      try expect(log.lostOffsets == lost, "lost \(log.lostOffsets)")
      run.promise(true)
      try log.close()
    case .merge:
      for base in [Int64(0), 4] {
        for (kind, content) in try Self.rewritten(base, run.disk) {
          let path = Self.path(base).dropLast(3) + kind + ".cleaned"
          let file = try run.environment.fileSystem.open(String(path), .create)
          try file.write(content.span, at: 0)
          try file.synchronize()
        }
      }
      try SegmentSwap(directory: "log", fileSystem: run.environment.fileSystem).run(
        replacing: [0, 3], by: [0, 4])
      run.promise(true)
    case .abandonedMerge:
      try Log.open("log", configuration: Self.configuration, environment: run.environment).close()
    }
  }

  private func checkMerged(_ survivor: CrashSurvivor<Bool>, mayBeNew: Bool = true) throws {
    let old = (Int64(0)..<8).map { (offset: $0, value: "value \($0)") }
    let new = old.filter { $0.offset != 1 && $0.offset != 4 }
    let kafka = KafkaLoader(survivor.disk.folder("log")).records
    let isNew = mayBeNew && kafka.map(\.value) == new.map(\.value)
    try expect(
      isNew || (kafka.map(\.value) == old.map(\.value) && survivor.promises.isEmpty),
      "Kafka finds \(kafka.map(\.value))")
    let log = try Log.open("log", configuration: Self.configuration, environment: survivor.environment)
    let values = try log.values(from: 0)
    try expect(values == (isNew ? new : old).map(\.value), "\(values), and Kafka finds \(kafka.map(\.value))")
    try expect(log.lostOffsets.isEmpty, "lost \(log.lostOffsets)")
    try log.append(Record(value: "after"))
    try log.close()
    try checkLeftovers(survivor.disk)
  }

  private func checkLeftovers(_ disk: SimulatedDisk) throws {
    for path in disk.listing() {
      for suffix in [".cleaned", ".swap", ".deleted", ".tmp"] {
        try expect(!path.hasSuffix(suffix), "left behind: \(path)")
      }
    }
  }

  private func check(
    _ survivor: CrashSurvivor<Bool>, _ damaged: [(segment: Int64, batch: Int)], _ lost: [Range<Offset>]
  ) throws {
    let expected = (Int64(0)..<8).filter { offset in !lost.contains { $0.contains(Offset(offset)) } }
    try checkKafka(survivor.disk.folder("log"), damaged, expected)
    let log = try Log.open("log", configuration: Self.salvaging, environment: survivor.environment)
    log.checkInvariants()
    try expect(log.lostOffsets == lost && log.logEndOffset == 8, "lost \(log.lostOffsets)")
    let (found, gone) = try log.readOver()
    try expect(gone == lost, "a reader is told of \(gone)")
    try expect(
      found.keys.sorted() == expected && found.allSatisfy { $1 == "value \($0)" }, "other records: \(found)")
    try expect(log.append(Record(value: "after")).baseOffset == 8, "goes on elsewhere")
    try log.close()
    let copies = survivor.disk.folder("log").quarantine
    for place in damaged {
      // A batch has 75 bytes, the last a zero that is not kept where nothing is behind it.
      let isKept = copies.contains { $0.bytes.count >= 74 && $0.name.contains("0\(place.segment).log") }
      try expect(isKept, "batch \(place) was not kept: \(copies.map(\.name))")
    }
    let again = try Log.open("log", configuration: Self.configuration, environment: survivor.environment)
    try expect(
      again.recoveryReport.wasClean && again.lostOffsets == lost, "opened again: \(again.lostOffsets)")
    try expect(again.readOver().found.count == expected.count + 1, "opened again, other records")
    try checkLeftovers(survivor.disk)
  }

  /// Kafka, to which all of it was flushed, finds every segment, and in each what is whole: up to the damage, or
  /// behind it too.
  private func checkKafka(
    _ folder: StoredFolder, _ damaged: [(segment: Int64, batch: Int)], _ expected: [Int64]
  ) throws {
    let loaded = folder.withSwapsEnded()
    try expect(loaded.segments.map(\.baseOffset).prefix(3) == [0, 3, 6], "Kafka misses a segment")
    for segment in loaded.segments {
      let batches = StoredBatch.prefix(of: segment.bytes)
      let isWhole = batches.last?.end ?? 0 == segment.bytes.count
      let isDamaged = damaged.contains { $0.segment == segment.baseOffset }
      let all = expected.filter { $0 >= segment.baseOffset && $0 < min(segment.baseOffset + 3, 8) }
      let offsets = batches.map(\.baseOffset)
      try expect(
        isDamaged && !isWhole ? all.starts(with: offsets) : offsets == all,
        "Kafka finds \(offsets) in the segment at \(segment.baseOffset)")
    }
    for copy in folder.quarantine {
      try expect(loaded.files[copy.name] == copy.bytes, "Kafka's loader removes \(copy.name)")
    }
  }
}
