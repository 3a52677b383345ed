import Strata
import StrataIO
import StrataRecords
import StrataSimulation

/// Promises that a crash does not show, each on a small log: damage that has to be met, space that has to be given
/// back, files that have to be what Kafka's loader takes.
enum Behaviour: String, CaseIterable, Sendable {
  case aFlippedBitIsMet, aBatchWithAnothersOffsetsIsMet, aTornSealedSegmentIsMet
  case aWrongIndexEntryIsNotFollowed, aFailedSyncPoisons, damageBelowTheDurablePointIsRefused
  case aDurablePointWithAFlippedBitIsNone, aSegmentThatWasReplacedIsReadAnew
  case nothingThatMayBeTakenBackIsShown, leftoversGo, reservedSpaceIsGivenBack, indexesEndWithTheirEntries
  case aFailedAppendLeavesNothingBehind, aRebuiltIndexTakesNothingOver, aRebuiltIndexIsWholeOrNotThere
  case aCutBeginsAnEpochThatIsWrittenDown, aTruncationLeavesNothingBehind
  case removedSegmentsLeaveNothingBehind
  case offsetsAreCheckedWithoutASeal, anIndexThatChangesLaterIsNotFollowed, aSealIsThereAfterACrash
  case aClosedLogsProducersAreOnTheDisk, noSnapshotOutlivesWhatItSpeaksOf, aWrongSnapshotIsNone
  case noProducerIDIsGivenOutTwice
  case aPreparedSegmentIsWholeOnTheDisk, aClosedLogHasNothingPrepared

  func check() throws {
    switch self {
    case .aFlippedBitIsMet: try Self.meetsDamage { $0[75 + 66] ^= 4 }
    case .aBatchWithAnothersOffsetsIsMet: try Self.meetsDamage { $0[75 + 7] = 0 }
    case .aTornSealedSegmentIsMet: try Self.meetsDamage { $0.removeLast($0.count - 75 - 65) }
    case .aWrongIndexEntryIsNotFollowed: try Self.wrongIndexEntry()
    case .aFailedSyncPoisons: try Self.failedSync()
    case .damageBelowTheDurablePointIsRefused: try Self.refusal()
    case .aDurablePointWithAFlippedBitIsNone: try Self.flippedDurablePoint()
    case .aSegmentThatWasReplacedIsReadAnew: try Self.replacedSegment()
    case .nothingThatMayBeTakenBackIsShown: try Self.isolation()
    case .leftoversGo: try Self.leftovers()
    case .reservedSpaceIsGivenBack: try Self.reservedSpace()
    case .indexesEndWithTheirEntries: try Self.indexEnds()
    case .aFailedAppendLeavesNothingBehind: try Self.failedAppend()
    case .aRebuiltIndexTakesNothingOver: try Self.rebuiltOverLeftovers()
    case .aRebuiltIndexIsWholeOrNotThere: try Self.rebuiltIndex()
    case .aCutBeginsAnEpochThatIsWrittenDown: try Self.epochOfCut()
    case .aTruncationLeavesNothingBehind: try Self.truncation()
    case .removedSegmentsLeaveNothingBehind: try Self.removedSegments()
    case .offsetsAreCheckedWithoutASeal: try Self.meetsDamage(withSeal: false) { $0[75 + 7] = 0 }
    case .anIndexThatChangesLaterIsNotFollowed: try Self.changedIndex()
    case .aSealIsThereAfterACrash: try Self.durableSeal()
    case .aClosedLogsProducersAreOnTheDisk: try Self.closedProducers()
    case .noSnapshotOutlivesWhatItSpeaksOf: try Self.staleSnapshots()
    case .aWrongSnapshotIsNone: try Self.wrongSnapshot()
    case .noProducerIDIsGivenOutTwice: try Self.producerIDs()
    case .aPreparedSegmentIsWholeOnTheDisk: try Self.preparedSegment()
    case .aClosedLogHasNothingPrepared: try Self.nothingPrepared()
    }
  }

  /// Five records to a segment, every one but its first with an index entry.
  static var configuration: LogConfiguration {
    var configuration = LogConfiguration.crash
    configuration.segmentBytes = 400
    return configuration
  }

  static let first = "log/00000000000000000000.log"

  static func open(_ disk: SimulatedDisk) throws -> Log {
    try Log.open("log", configuration: configuration, environment: disk.environment)
  }

  /// A disk with a log of `count` records that was closed.
  private static func closed(_ count: Int = 7) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try open(disk)
    for place in 0..<count { try log.append(Record(value: "value \(place)")) }
    try log.close()
    return disk
  }

  /// Damage in the second batch of a sealed segment: a read stops there and says so.
  private static func meetsDamage(withSeal: Bool = true, _ damage: (inout [UInt8]) -> Void) throws {
    let disk = try closed()
    if !withSeal { disk.install("log/00000000000000000000.seal", []) }
    var bytes = disk.contents(of: first)!
    damage(&bytes)
    disk.install(first, bytes)
    let log = try open(disk)
    var cursor = log.fetch(from: 0)
    let batch = try cursor.next()
    try expect(batch?.baseOffset == 0, "the whole batch before is not read")
    let failure = code { _ = try cursor.next() }
    try expect(failure == .damaged, "damage was answered with \(failure, "a batch, or the end")")
  }

  private static func wrongIndexEntry() throws {
    let disk = try closed()
    // The entry of offset 1 points at the batch of offset 3.
    disk.overwrite("log/00000000000000000000.index", at: 4, with: [0, 0, 0, 225])
    let values = try open(disk).values(from: 1)
    try expect(values == (1..<7).map { "value \($0)" }, "from offset 1 on: \(values)")
  }

  /// An entry that was right when the index was looked through.
  private static func changedIndex() throws {
    let disk = try closed()
    let log = try open(disk)
    let expected = (1..<7).map { "value \($0)" }
    try expect(log.values(from: 1) == expected, "other records")
    disk.overwrite("log/00000000000000000000.index", at: 4, with: [0, 0, 0, 225])
    let values = try log.values(from: 1)
    try expect(values == expected, "from offset 1 on: \(values)")
  }

  /// The power goes when a segment has been ended: its seal is on the disk as a whole.
  private static func durableSeal() throws {
    var options = CrashExplorer<Bool>.Options()
    options.recoveries = 0
    (options.maximumStates, options.samples) = (16, 4)
    let explorer = CrashExplorer<Bool>(
      options: options,
      workload: { run in
        let log = try Log.open("log", configuration: configuration, environment: run.environment)
        for place in 0..<7 { try log.append(Record(value: "value \(place)")) }
        run.promise(true)
      },
      check: { survivor in
        guard !survivor.promises.isEmpty else { return }
        let bytes = survivor.disk.contents(of: "log/00000000000000000000.seal") ?? []
        let head = bytes.count >= SealHead.byteCount ? SealHead(decoding: bytes.span) : nil
        try expect(head?.covers(bytes.span) == true, "the seal is \(bytes)")
      })
    _ = try explorer.explore()
  }

  private static func failedSync() throws {
    let disk = try closed()
    let log = try open(disk)
    disk.add(FaultRule(.failedSync(.ext4), on: [.synchronize], pathSuffix: ".log"))
    let failure = code { try log.append(Record(value: "lost")) }
    try expect(failure == .poisoned, "a failed sync was answered with \(failure, "success")")
    for durability in [Durability.synced, .buffered] {
      let next = code { try log.append(Record(value: "next"), durability: durability) }
      try expect(next == .poisoned, "after a failed sync an append was answered with \(next, "success")")
    }
  }

  private static func refusal() throws {
    let disk = try closed(5)
    // As if the process had been killed with a record behind what is durable.
    let batch = StoredBatch.prefix(of: disk.contents(of: first)!)
    disk.install(first, disk.contents(of: first)! + Array(disk.contents(of: first)!.prefix(30)))
    disk.flipBit(0, ofByte: Int64(batch[2].position + 66), in: first)
    let bytes = disk.contents(of: first)
    // What is read on opening begins at the index entries' checkpoint; without them, at the start.
    disk.install("log/00000000000000000000.index", [])
    let failure = code { _ = try open(disk) }
    try expect(failure == .damaged, "damage in durable bytes was answered with \(failure, "success")")
    try expect(disk.contents(of: first) == bytes, "damage in durable bytes was cut")
  }

  private static func flippedDurablePoint() throws {
    let disk = try closed(5)
    for slot in 0..<2 {
      // The next offset of the durable end becomes a large one.
      disk.flipBit(4, ofByte: Int64(512 * slot + 24 + 22), in: "log/" + DurablePoint.fileName)
    }
    let log = try open(disk)
    try expect(log.recoveryReport.cutReason == nil, "believed: \(log.recoveryReport)")
    try expect(log.values(from: 0) == (0..<5).map { "value \($0)" }, "other records")
  }

  private static func replacedSegment() throws {
    let disk = try closed(1)
    // As many bytes, and the same index files, but two records.
    let other = SimulatedDisk(seed: 1, crashAt: .never)
    let writer = try open(other)
    try writer.append([Record(value: ""), Record(value: "")])
    try writer.close()
    let bytes = other.contents(of: first)!
    try expect(bytes.count == disk.contents(of: first)!.count, "the sizes differ: \(bytes.count)")
    disk.install(first, bytes)
    let log = try open(disk)
    try expect(log.logEndOffset == 2, "the log ends at \(log.logEndOffset), and has two records")
  }

  private static func isolation() throws {
    let log = try open(try closed(1))
    try log.append(Record(value: "buffered"), durability: .buffered)
    let seen = try log.values(from: 0, isolation: .durable)
    try expect(seen == ["value 0"], "shown as durable: \(seen)")
  }

  private static func leftovers() throws {
    let disk = try closed(5)
    let names = ["00000000000000000000.index.tmp", "leader-epoch-checkpoint.tmp", "strata.prepared"]
    for name in names { disk.install("log/" + name, [1, 2, 3]) }
    // The index of a segment that was not begun when the log stopped.
    disk.install("log/00000000000000000005.index", [UInt8](repeating: 9, count: 16))
    let log = try open(disk)
    for name in names { try expect(disk.contents(of: "log/" + name) == nil, "\(name) is still there") }
    for place in 5..<7 { try log.append(Record(value: "value \(place)")) }
    try log.close()
    try expectIndexes(disk)
  }

  private static func expectIndexes(_ disk: SimulatedDisk) throws {
    let fault = KafkaLoader.indexFault(disk.folder("log"))
    try expect(fault == nil, fault ?? "")
  }

  private static func reservedSpace() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = configuration
    configuration.segmentBytes = 64 << 10
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    let value = [UInt8](repeating: 1, count: 40 << 10)
    try log.append(Record(value: value))
    try log.append(Record(value: value))
    for segment in log.segments {
      if !segment.isSealed { try log.close() }
      let occupied = try disk.environment.fileSystem.metadata(segment.path)!.allocatedSize
      try expect(occupied <= segment.bytes + 4096, "\(segment.path) occupies \(occupied) bytes")
    }
  }

  private static func indexEnds() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try open(disk)
    for place in 0..<7 { try log.append(Record(value: "value \(place)")) }
    try log.close()
    try expectIndexes(disk)
    try expect(disk.contents(of: "log/00000000000000000000.index")!.count == 4 * 8, "entries are missing")
  }

  private static func failedAppend() throws {
    let disk = try closed(2)
    let log = try open(disk)
    disk.add(FaultRule(.shortWrite(bytes: 30, .noSpace), on: [.write], pathSuffix: ".log"))
    let failure = code { try log.append(Record(value: "too much")) }
    try expect(failure == .noSpace, "a full disk was answered with \(failure, "success")")
    let size = disk.contents(of: first)!.count
    try expect(size == 2 * 75, "\(size - 2 * 75) bytes of it are still there")
  }

  private static func rebuiltOverLeftovers() throws {
    let disk = try closed()
    disk.install("log/00000000000000000000.index", [])
    let log = try open(disk)
    // What an earlier try in the same life has left.
    for kind in ["index", "timeindex"] {
      disk.install("log/00000000000000000000.\(kind).tmp", [UInt8](repeating: 9, count: 240))
    }
    _ = try log.values(from: 1)
    try log.close()
    try expectIndexes(disk)
  }

  /// The power goes while an index is rebuilt: under its name is the old one, or the new one as a whole.
  private static func rebuiltIndex() throws {
    let files = try closed().folder("log").files
    let index = "00000000000000000000.index"
    var options = CrashExplorer<Bool>.Options()
    options.recoveries = 0
    let explorer = CrashExplorer<Bool>(
      options: options,
      prepare: { disk in
        for (name, bytes) in files where name != ".lock" {
          disk.install("log/" + name, name == index ? [] : bytes)
        }
      },
      workload: { run in
        let log = try Log.open("log", configuration: configuration, environment: run.environment)
        _ = try log.values(from: 1)
        run.promise(true)
      },
      check: { survivor in
        let found = survivor.disk.contents(of: "log/" + index)
        let isWhole = found == files[index]
        try expect(isWhole || (found == [] && survivor.promises.isEmpty), "the index is \(found ?? [])")
      })
    _ = try explorer.explore()
  }

  private static func truncation() throws {
    let disk = try closed(12)
    let log = try open(disk)
    try expect(log.truncate(to: 3) == 3, "truncated elsewhere")
    try log.append(Record(value: "value 3"))
    try log.close()
    try expectIndexes(disk)
    let names = disk.folder("log").files.keys.filter { $0.hasPrefix("0") }.sorted()
    try expect(
      names == ["index", "log", "seal", "timeindex"].map { "00000000000000000000." + $0 },
      "left behind: \(names)")
    try expect(disk.contents(of: first)!.count == 4 * 75, "\(disk.contents(of: first)!.count) bytes")
  }

  private static func removedSegments() throws {
    let disk = try closed(12)
    let log = try open(disk)
    try log.deleteRecords(before: 6)
    // Before the next opening, which would remove it too.
    let left = disk.listing().filter { $0.hasSuffix(".deleted") || $0.hasPrefix("log/00000000000000000000.") }
    try expect(left.isEmpty && log.segments[0].baseOffset > 0, "left behind: \(left)")
  }

  private static func epochOfCut() throws {
    let disk = try closed(3)
    disk.install(first, disk.contents(of: first)! + [UInt8](repeating: 1, count: 20))
    let log = try open(disk)
    try log.append(Record(value: "after"))
    let batches = StoredBatch.prefix(of: disk.contents(of: first)!)
    try expect(batches.map(\.epoch) == [0, 0, 0, 1], "epochs \(batches.map(\.epoch))")
    let text = String(decoding: disk.contents(of: "log/" + LeaderEpochs.fileName) ?? [], as: UTF8.self)
    try expect(text == "0\n2\n0 0\n1 3\n", "written down: \(text.debugDescription)")
  }
}
