import StrataIO
import StrataSimulation
import Testing

/// What each call of the seam makes durable, and what it does not.
@Suite struct DurabilityTests {
  let disk = steadyDisk()
  var fileSystem: any FileSystem { disk.environment.fileSystem }

  @Test func nothingIsDurableBeforeItIsSynchronized() throws {
    try disk.environment.write("a", [1, 2, 3])
    #expect(disk.contents(of: "a") == [1, 2, 3])
    #expect(disk.contents(of: "a", .durable) == nil)
    #expect(disk.survivors().contains([:]))
  }

  @Test func synchronizingAFileDoesNotMakeItsNameDurable() throws {
    try disk.environment.write("a", [1]).synchronize()
    #expect(disk.survivors() == [[:], ["a": [1]]])
  }

  @Test func synchronizingADirectoryDoesNotMakeBytesDurable() throws {
    try disk.environment.write("a", [1])
    try fileSystem.synchronizeDirectory(".")
    // Size without data, neither, both; data without size is nothing.
    #expect(disk.survivors() == [["a": []], ["a": [0]], ["a": [1]]])
  }

  @Test func bothTogetherLeaveOneState() throws {
    try disk.environment.write("a", [1]).synchronize()
    try fileSystem.synchronizeDirectory("/")
    #expect(disk.survivors() == [["a": [1]]])
    #expect(disk.survivingStates().units.isEmpty)
  }

  @Test func aDirectoryNeedsItsParentSynchronized() throws {
    try fileSystem.createDirectory("d")
    try disk.environment.write("d/a", [1]).synchronize()
    try fileSystem.synchronizeDirectory("d")
    #expect(disk.survivors() == [[:], ["d/a": [1]]])
    try fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors() == [["d/a": [1]]])
  }

  @Test func aRenameLeavesTheOldOrTheNew() throws {
    disk.install("a", [1])
    disk.install("b", [2])
    try fileSystem.rename("a", to: "b")
    #expect(disk.survivors() == [["a": [1], "b": [2]], ["b": [1]]])
    try fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors() == [["b": [1]]])
  }

  @Test func aRemovalMaySurvive() throws {
    disk.install("a", [1])
    try fileSystem.remove("a")
    #expect(disk.survivors() == [["a": [1]], [:]])
    try fileSystem.synchronizeDirectory(".")
    #expect(disk.survivors() == [[:]])
  }

  @Test func aLinkIsASecondName() throws {
    disk.install("a", [1])
    try fileSystem.link("a", to: "b")
    #expect(disk.survivors() == [["a": [1]], ["a": [1], "b": [1]]])
    #expect(try fileSystem.metadata("a")?.linkCount == 2)
    #expect(try fileSystem.metadata("a")?.identity == fileSystem.metadata("b")?.identity)
  }

  @Test func aCutMaySurvive() throws {
    disk.install("a", [1, 2, 3])
    let file = try fileSystem.open("a", .readWrite)
    try file.resize(to: 1)
    // The page that the cut goes through may reach the disk before the size does.
    #expect(disk.survivors() == [["a": [1, 2, 3]], ["a": [1, 0, 0]], ["a": [1]]])
    try file.synchronize()
    #expect(disk.survivors() == [["a": [1]]])
  }

  @Test func whatWasCutNeverComesBackOnceTheCutIsDurable() throws {
    disk.install("a", page(1, 3))
    let file = try fileSystem.open("a", .readWrite)
    try file.write(page(2).span, at: 8192)
    try file.resize(to: 4000)
    try file.synchronize()
    try file.resize(to: 12288)
    for survivor in disk.survivors() {
      #expect(survivor["a"]!.dropFirst(4000).allSatisfy { $0 == 0 })
    }
  }

  @Test func preallocatingWithoutKeepingTheSizeGrows() throws {
    let file = try disk.environment.write("a", [1])
    try file.synchronize()
    try fileSystem.synchronizeDirectory(".")
    try file.preallocate(0..<3, keepingSize: false)
    #expect(try file.bytes() == [1, 0, 0])
    #expect(disk.survivors() == [["a": [1]], ["a": [1, 0, 0]]])
    try file.preallocate(0..<9000, keepingSize: true)
    #expect(try file.metadata().size == 3)
    #expect(try file.metadata().allocatedSize == 12288)
  }

  @Test func storesAreLikeWrites() throws {
    disk.install("a", page(0))
    let file = try fileSystem.open("a", .readWrite)
    let mapping = try file.map(length: 8192, .readWrite)
    mapping.store([7].span, at: 5)
    #expect(try file.bytes()[5] == 7)
    #expect(mapping.bytes[5] == 7)
    #expect(disk.survivors().count == 2)
    try mapping.synchronize(0..<4096)
    #expect(disk.survivors().count == 1)
    #expect(disk.contents(of: "a", .durable)![5] == 7)
    // What the file gets by `write` shows in the mapping.
    try file.write([8].span, at: 4096)
    #expect(mapping.bytes[4096] == 8)
    #expect(mapping.bytes[4097] == 0xDB)
  }

  @Test func mappedPagesAreMadeDurableByTheirRange() throws {
    disk.install("a", page(0, 2))
    let file = try fileSystem.open("a", .readWrite)
    let mapping = try file.map(length: 8192, .readWrite)
    mapping.store([1].span, at: 0)
    mapping.store([1].span, at: 4096)
    try mapping.synchronize(0..<1)
    #expect(disk.contents(of: "a", .durable)![0] == 1)
    #expect(disk.contents(of: "a", .durable)![4096] == 0)
    try file.synchronize()
    #expect(disk.contents(of: "a", .durable)![4096] == 1)
  }

  @Test func renamesReachTheDiskInEitherOrder() throws {
    disk.install("a", [1])
    disk.install("b", [2])
    try fileSystem.rename("a", to: "c")
    try fileSystem.rename("b", to: "d")
    #expect(disk.survivors().contains(["a": [1], "d": [2]]))
    #expect(disk.survivors().count == 4)
  }

  @Test func aSwapKeepsTheOrderOfOneName() throws {
    disk.install("a", [1])
    disk.install("b", [2])
    try fileSystem.rename("a", to: "c")
    try fileSystem.rename("b", to: "a")
    #expect(disk.survivors() == [["a": [1], "b": [2]], ["c": [1], "b": [2]], ["c": [1], "a": [2]]])
    // Without that order the first file may lose both its names.
    #expect(disk.survivors(SurvivalModel(nameOrder: .any)).contains(["a": [2]]))
  }

  @Test func aDirectoryVanishesOnlyAfterWhatWasMovedOutOfIt() throws {
    disk.install("d/a", [1])
    try fileSystem.rename("d/a", to: "b")
    try fileSystem.removeDirectory("d")
    #expect(disk.survivors() == [["d/a": [1]], ["b": [1]]])
    // Synchronising the directory above makes both durable, in their order.
    try fileSystem.synchronizeDirectory(".")
    #expect(disk.listing(.durable) == ["b"])
  }

  @Test func aRenameBetweenDirectoriesBringsAllThatCameBeforeIt() throws {
    disk.install("x/_", [])
    disk.install("y/_", [])
    try disk.environment.write("x/a", [1]).synchronize()
    try fileSystem.rename("x/a", to: "y/a")
    try fileSystem.synchronizeDirectory("y")
    #expect(disk.survivors() == [["x/_": [], "y/_": [], "y/a": [1]]])
  }

  @Test func msyncMakesACutDurableWithAllBehindIt() throws {
    disk.install("a", page(1, 3))
    let file = try fileSystem.open("a", .readWrite)
    let mapping = try file.map(length: 12288, .readWrite)
    try file.write(page(2).span, at: 8192)
    try file.resize(to: 4096)
    try mapping.synchronize(0..<4096)
    try file.resize(to: 12288)
    #expect(disk.survivors().allSatisfy { $0["a"]!.dropFirst(4096).allSatisfy { $0 == 0 } })
  }
}
