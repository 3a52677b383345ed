import StrataIO
import StrataSimulation
import Testing

/// What is open is counted, and misuse ends the process with a word.
@Suite struct LeakTests {
  @Test func openThingsAreCounted() throws {
    let disk = steadyDisk()
    do {
      let file = try disk.environment.write("a", page(0))
      let mapping = try file.map(length: 100, .read)
      let lock = try disk.environment.fileSystem.lock("l", .shared, holder: "")
      #expect((disk.openFileCount, disk.openMappingCount, disk.openLockCount) == (1, 1, 1))
      #expect(disk.leaks == "1 open files, 1 mappings, 1 locks")
      file.close()
      file.close()
      #expect(disk.openFileCount == 0)
      #expect(mapping.bytes[0] == 0, "a mapping outlives its file")
      lock.release()
      #expect(disk.leaks == "0 open files, 1 mappings, 0 locks")
    }
    #expect(disk.leaks == nil)
  }

  @Test func whatACrashInterruptedIsNotCounted() throws {
    for number in 1...4 {
      let disk = SimulatedDisk(seed: 1, crashAt: .after(call: number))
      do {
        let file = try disk.environment.fileSystem.open("a", .create)
        try file.write([1].span, at: 0)
        _ = try file.map(length: 1, .read)
        _ = try disk.environment.fileSystem.lock("l", .exclusive, holder: "")
      } catch {}
      #expect(disk.hasCrashed)
      #expect(disk.leaks == nil, "crash after call \(number)")
    }
  }

  @Test func useAfterCloseTraps() async {
    await #expect(processExitsWith: .failure) {
      let file = try steadyDisk().environment.fileSystem.open("a", .create)
      file.close()
      try file.synchronize()
    }
  }

  @Test func aStoreBehindTheEndOfTheFileTraps() async {
    await #expect(processExitsWith: .failure) {
      let file = try steadyDisk().environment.fileSystem.open("a", .create)
      let mapping = try file.map(length: 4096, .readWrite)
      mapping.store([1].span, at: 0)
    }
  }

  @Test func aStoreIntoAMappingToReadTraps() async {
    await #expect(processExitsWith: .failure) {
      let file = try steadyDisk().environment.write("a", [1])
      let mapping = try file.map(length: 1, .read)
      mapping.store([1].span, at: 0)
    }
  }
}
