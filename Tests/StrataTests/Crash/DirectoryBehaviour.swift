import Strata
import StrataIO
import StrataSimulation

/// Promises of directories and snapshots that a crash of a few verbs does not show.
enum DirectoryBehaviour: String, CaseIterable, Sendable {
  case linkedFilesStayAsTheyAre, aCopyMadeOfLinksLosesNothingInACrash
  case whatAnInterruptedSnapshotHasLeftIsNotTaken
  case aLogThatCannotBeClosedKeepsTheMarkAway, offsetsOfADeletedLogAreForgotten
  case whatADeletionHasLeftGoesAtTheNextOpen
  case aTransactionThatIsNotWholeDoesNotCount, aCommitThatFailedIsTakenBackBeforeAnythingIsAborted
  case decisionsWithAWrongChecksumAreNone

  func check() throws {
    switch self {
    case .linkedFilesStayAsTheyAre: try Self.linkedFiles()
    case .aCopyMadeOfLinksLosesNothingInACrash: try Self.crashOfLinks()
    case .whatAnInterruptedSnapshotHasLeftIsNotTaken: try Self.interruptedSnapshot()
    case .aLogThatCannotBeClosedKeepsTheMarkAway: try Self.failingClose()
    case .offsetsOfADeletedLogAreForgotten: try Self.forgottenOffsets()
    case .whatADeletionHasLeftGoesAtTheNextOpen: try Self.interruptedDeletion()
    case .aTransactionThatIsNotWholeDoesNotCount: try Self.shortTransaction()
    case .aCommitThatFailedIsTakenBackBeforeAnythingIsAborted: try Self.withdrawal()
    case .decisionsWithAWrongChecksumAreNone: try Self.wrongDecisions()
    }
  }

  private static func disk() -> SimulatedDisk { SimulatedDisk(seed: 1, crashAt: .never) }

  private static func open(_ disk: SimulatedDisk) throws -> LogDirectory {
    try LogDirectory.open(
      "data", configuration: DirectoryWorkload.configuration, environment: disk.environment)
  }

  /// A closed log, and a folder of links to all of its files.
  private static func link(_ disk: SimulatedDisk) throws {
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    for number in 0..<3 { try log.append(Record(value: "value \(number)")) }
    try log.close()
    let fileSystem = disk.environment.fileSystem
    try fileSystem.createDirectory("links")
    for name in try fileSystem.list("log") where name != ".lock" {
      try fileSystem.link("log/" + name, to: "links/" + name)
    }
    for folder in ["links", "."] { try fileSystem.synchronizeDirectory(folder) }
  }

  private static func linkedFiles() throws {
    let disk = disk()
    try link(disk)
    let before = disk.folder("links").files
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    try log.append(Record(value: "more"))
    try log.truncate(to: 1)
    try log.append(Record(value: "else"))
    try log.close()
    try expect(disk.folder("links").files == before, "a linked file was changed")
  }

  private static func crashOfLinks() throws {
    var options = CrashExplorer<Int>.Options()
    options.recoveries = 0
    (options.maximumStates, options.samples, options.samplesBesides) = (16, 4, 1)
    let explorer = CrashExplorer<Int>(
      options: options, prepare: { try link($0) },
      workload: { run in
        let log = try Log.open("log", configuration: .crash, environment: run.environment)
        for number in 3..<6 {
          try log.append(Record(value: "value \(number)"))
          run.promise(number + 1)
        }
      },
      check: { survivor in
        let log = try Log.open("log", configuration: .crash, environment: survivor.environment)
        let values = try log.values(from: 0)
        try expect(values.count >= survivor.promises.last ?? 3, "of \(survivor.promises) there are \(values)")
        let links = try Log.open("links", configuration: .crash, environment: survivor.environment)
        let linked = try links.values(from: 0)
        try expect(linked.count == 3, "the links have \(linked)")
      })
    _ = try explorer.explore()
  }

  private static func interruptedSnapshot() throws {
    let disk = disk()
    try link(disk)
    disk.install("copy.strata-partial/00000000000000000007.log", [1, 2, 3])
    disk.install("copy.strata-partial/a-0/x", [1])
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .crash, environment: disk.environment)
    try expect(copy.values() == log.values(), "the snapshot has other records")
    try expect(!disk.listing().contains { $0.contains("copy/a-0") }, "what was left is in the snapshot")
  }

  private static func failingClose() throws {
    let disk = disk()
    let directory = try open(disk)
    let log = try directory.log(for: "a-0")
    try log.append(Record(value: "one"))
    disk.add(FaultRule(.failedSync(.ext4), on: [.synchronize], pathSuffix: ".log"))
    _ = code { try log.append(Record(value: "two")) }
    disk.removeFaults()
    try expect(code { try directory.close() } != nil, "a poisoned log was closed well")
    try expect(disk.contents(of: "data/.kafka_cleanshutdown") == nil, "the mark lies")
  }

  private static func forgottenOffsets() throws {
    let disk = disk()
    disk.install("data/log-start-offset-checkpoint", Array("0\n1\na 0 2\n".utf8))
    var directory: LogDirectory? = try open(disk)
    for number in 0..<4 { try directory!.log(for: "a-0").append(Record(value: "value \(number)")) }
    directory = nil
    directory = try open(disk)
    let start = try directory!.log(for: "a-0").logStartOffset
    try expect(start == 0, "the log starts at \(start), as an earlier one did")
  }

  private static func interruptedDeletion() throws {
    let disk = disk()
    disk.install("data/a-0.0123456789abcdef0123456789abcdef-delete/00000000000000000000.log", [1])
    _ = try open(disk)
    try expect(!disk.listing().contains { $0.contains("delete") }, "it is there still")
  }
}
