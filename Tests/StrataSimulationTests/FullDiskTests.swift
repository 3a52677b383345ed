import StrataIO
import StrataSimulation
import Testing

/// A disk of limited size fills up, and has room again when something goes.
@Suite struct FullDiskTests {
  let disk = steadyDisk { $0.capacity = 4 * 4096 }
  var fileSystem: any FileSystem { disk.environment.fileSystem }

  @Test func aWriteThatDoesNotFitStoresItsFirstPages() throws {
    let file = try disk.environment.write("a", page(1, 3))
    #expect(try fileSystem.freeSpace(".") == 4096)
    let error = #expect(throws: IOError.self) { try file.write(page(2, 2).span, at: 3 * 4096 + 100) }
    #expect(error?.code == .noSpace && error?.systemCode == 28)
    #expect(try file.metadata().size == 4 * 4096)
    #expect(try fileSystem.freeSpace(".") == 0)
    // What has its blocks can be written.
    try file.write(page(3, 4).span, at: 0)
  }

  @Test func cuttingGivesRoomBack() throws {
    let file = try disk.environment.write("a", page(1, 4))
    #expect(throws: IOError.self) { try disk.environment.write("b", [1]) }
    try file.resize(to: 4097)
    #expect(disk.usedSpace == 2 * 4096)
    try disk.environment.write("b", page(1, 2))
    #expect(disk.usedSpace == 4 * 4096)
  }

  @Test func removingGivesRoomBackOnceNobodyHasItOpen() throws {
    let file = try disk.environment.write("a", page(1, 4))
    try fileSystem.link("a", to: "b")
    try fileSystem.remove("a")
    try fileSystem.remove("b")
    #expect(disk.usedSpace == 4 * 4096)
    #expect(try file.bytes() == page(1, 4))
    file.close()
    #expect(disk.usedSpace == 0)
    #expect(try fileSystem.freeSpace("/") == 4 * 4096)
  }

  @Test func replacingGivesRoomBack() throws {
    try disk.environment.write("a", page(1, 2)).close()
    try disk.environment.write("b", page(2, 2)).close()
    try fileSystem.rename("a", to: "b")
    #expect(disk.usedSpace == 2 * 4096)
  }

  @Test func reservingTakesRoom() throws {
    let file = try disk.environment.write("a", [1])
    try file.preallocate(0..<4 * 4096, keepingSize: true)
    #expect(throws: IOError.self) { try disk.environment.write("b", [1]) }
    try file.write(page(1, 4).span, at: 0)
    #expect(throws: IOError.self) { try file.preallocate(0..<5 * 4096, keepingSize: true) }
    try file.resize(to: 1)
    #expect(try file.metadata().allocatedSize == 4096)
  }

  @Test func holesTakeNoRoom() throws {
    let file = try disk.environment.write("a", [1], at: 1 << 20)
    #expect(try file.metadata().allocatedSize == 4096)
    #expect(disk.usedSpace == 4096)
    try file.resize(to: 1 << 30)
    #expect(disk.usedSpace == 4096)
  }

  @Test func theRoomIsCountedAgainAfterACrash() throws {
    let file = try disk.environment.write("a", page(1, 2))
    try file.synchronize()
    try fileSystem.synchronizeDirectory(".")
    try fileSystem.remove("a")
    #expect(disk.usedSpace == 8192)
    let fork = disk.fork()
    #expect(fork.usedSpace == 0)
    let states = disk.survivingStates()
    #expect(disk.restarted(into: states[0]).usedSpace == 8192)
    #expect(disk.restarted(into: states[1]).usedSpace == 0)
  }
}
