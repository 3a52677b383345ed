import StrataIO
import StrataSimulation
import Testing

/// What is left of a file after its synchronisation has failed, as the file systems differ in it.
@Suite struct FailedSyncTests {
  /// A file of a durable page 1 and, unsynchronised, pages 2 and 3, on a disk whose first sync fails.
  func failed(_ variant: FailedSync) throws -> (SimulatedDisk, any File) {
    let disk = steadyDisk([FaultRule(.failedSync(variant))])
    disk.install("a", page(1))
    let file = try disk.environment.fileSystem.open("a", .readWrite)
    try file.write((page(2) + page(3)).span, at: 0)
    let error = #expect(throws: IOError.self) { try file.synchronize() }
    #expect(error?.code == .device && error?.operation == "synchronize" && error?.systemCode == 5)
    return (disk, file)
  }

  @Test(arguments: FailedSync.allCases) func aSecondAttemptSucceedsAndSavesNothing(
    _ variant: FailedSync
  ) throws {
    let (disk, file) = try failed(variant)
    try file.synchronize()
    #expect(disk.playedFaultCount == 1)
    #expect(disk.survivors().count == 1)
    let bytes = try #require(try disk.afterCrash().read("a"))
    #expect(Array(bytes.prefix(4096)) == page(1))
    #expect(bytes.dropFirst(4096).allSatisfy { $0 == 0 })
  }

  @Test func ext4KeepsThePagesReadableUntilTheyAreEvicted() throws {
    let (disk, file) = try failed(.ext4)
    #expect(try file.bytes() == page(2) + page(3))
    disk.evictCleanPages()
    #expect(try file.bytes() == page(1) + page(0))
  }

  @Test func ext4EvictsNothingThatWasWrittenAgain() throws {
    let (disk, file) = try failed(.ext4)
    try file.write(page(4).span, at: 0)
    disk.evictCleanPages()
    #expect(try file.bytes() == page(4) + page(0))
  }

  @Test func xfsDropsThePagesAndKeepsTheSize() throws {
    let (disk, file) = try failed(.xfs)
    #expect(try file.bytes() == page(1) + page(0))
    #expect(disk.survivors() == [["a": page(1) + page(0)]])
  }

  @Test func btrfsGoesBackToTheDisk() throws {
    let (disk, file) = try failed(.btrfs)
    #expect(try file.bytes() == page(1))
    #expect(disk.survivors() == [["a": page(1)]])
  }

  @Test(arguments: FailedSync.allCases) func whatIsWrittenAgainBecomesDurable(_ variant: FailedSync) throws {
    let (disk, file) = try failed(variant)
    try file.write((page(2) + page(3)).span, at: 0)
    try file.synchronize()
    disk.evictCleanPages()
    #expect(disk.survivors() == [["a": page(2) + page(3)]])
    #expect(try file.bytes() == page(2) + page(3))
  }

  @Test(arguments: FailedSync.allCases) func mappingsShowWhatReadsShow(_ variant: FailedSync) throws {
    let disk = steadyDisk([FaultRule(.failedSync(variant), on: [.synchronizeMapping])])
    disk.install("a", page(1))
    let file = try disk.environment.fileSystem.open("a", .readWrite)
    let mapping = try file.map(length: 4096, .readWrite)
    mapping.store([9].span, at: 0)
    #expect(throws: IOError.self) { try mapping.synchronize(0..<4096) }
    #expect(try file.bytes()[0] == mapping.bytes[0])
    disk.evictCleanPages()
    #expect(mapping.bytes[0] == 1)
    #expect(disk.contents(of: "a", .durable) == page(1))
  }

  @Test func anIgnoredSynchronizationSucceedsAndLeavesEverythingDirty() throws {
    let disk = steadyDisk([FaultRule(.ignoredSync, .every)])
    disk.install("a", page(1))
    let file = try disk.environment.fileSystem.open("a", .readWrite)
    try file.write(page(2).span, at: 0)
    try file.synchronize()
    try disk.environment.fileSystem.rename("a", to: "b")
    try disk.environment.fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors().count == 4)
  }

  @Test func aFailedDirectorySynchronizationLeavesTheNamesPending() throws {
    let disk = steadyDisk([FaultRule(.error(.device), on: [.synchronizeDirectory])])
    try disk.environment.write("a", [1]).synchronize()
    #expect(throws: IOError.self) { try disk.environment.fileSystem.synchronizeDirectory(".") }
    #expect(disk.survivors().count == 2)
    try disk.environment.fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors().count == 1)
  }
}
