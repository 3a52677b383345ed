import StrataIO
import StrataSimulation
import Testing

/// Faults hit the calls that their rules name, and no others.
@Suite struct FaultRuleTests {
  @Test func theNthCallThatFitsFailsAndDoesNothing() throws {
    let disk = steadyDisk([FaultRule(.error(.device), on: [.write], pathSuffix: ".log", .nth(2))])
    let other = try disk.environment.write("a.index", [1])
    let file = try disk.environment.write("a.log", [1])
    try other.write([2].span, at: 0)
    let error = #expect(throws: IOError.self) { try file.write([2].span, at: 0) }
    #expect(error?.code == .device && error?.path == "a.log" && error?.operation == "write")
    #expect(try file.bytes() == [1])
    try file.write([3].span, at: 0)
    #expect(disk.playedFaultCount == 1)
    #expect(disk.calls.filter { $0.fault != nil }.map(\.error) == [.device])
  }

  @Test func anyCallCanBeNamedByItsNumber() throws {
    let disk = steadyDisk([.call(2, .error(.noSpace))])
    let file = try disk.environment.fileSystem.open("a", .create)
    #expect(throws: IOError.self) { try file.write([1].span, at: 0) }
    try file.write([1].span, at: 0)
  }

  @Test func occurrences() throws {
    for (occurrence, expected) in [
      (FaultRule.Occurrence.nth(2), [2]), (.from(3), [3, 4]), (.every, [1, 2, 3, 4]),
    ] {
      let disk = steadyDisk([FaultRule(.error(.device), on: [.list], occurrence)])
      var failed: [Int] = []
      for number in 1...4 {
        do { _ = try disk.environment.fileSystem.list("/") } catch { failed.append(number) }
      }
      #expect(failed == expected)
    }
  }

  @Test func oneInSoManyIsDrawnByTheSeed() throws {
    func failures(_ seed: UInt64) -> [Bool] {
      let disk = steadyDisk(seed: seed, [FaultRule(.error(.device), on: [.list], .oneIn(4))])
      return (0..<100).map { _ in (try? disk.environment.fileSystem.list("/")) == nil }
    }
    #expect(failures(1) == failures(1))
    #expect(failures(1) != failures(2))
    #expect((10...45).contains(failures(1).count { $0 }))
  }

  @Test func aShortWriteStoresItsBeginning() throws {
    let disk = steadyDisk([FaultRule(.shortWrite(bytes: 2, .noSpace))])
    let file = try disk.environment.fileSystem.open("a", .create)
    let error = #expect(throws: IOError.self) { try file.write([1, 2, 3].span, at: 0) }
    #expect(error?.code == .noSpace)
    #expect(try file.bytes() == [1, 2])
  }

  @Test func aLostWriteIsAcknowledged() throws {
    let disk = steadyDisk([FaultRule(.lostWrite)])
    let file = try disk.environment.write("a", [1, 2, 3])
    #expect(try file.bytes().isEmpty)
  }

  @Test func aMisdirectedWriteGoesElsewhere() throws {
    let disk = steadyDisk([FaultRule(.misdirectedWrite(by: 4))])
    let file = try disk.environment.write("a", [1, 2])
    #expect(try file.bytes() == [0, 0, 0, 0, 1, 2])
  }

  @Test func aFlippedBitIsWritten() throws {
    let disk = steadyDisk([FaultRule(.flippedBit(9))])
    let file = try disk.environment.write("a", [0, 0])
    #expect(try file.bytes() == [0, 2])
  }

  @Test func aHeadAndABodyAreOneWrite() throws {
    let disk = steadyDisk([FaultRule(.shortWrite(bytes: 3, .device), .nth(2))])
    let file = try disk.environment.fileSystem.open("a", .create)
    try file.write([1, 2].span, [3, 4].span, padding: 0, at: 0)
    #expect(try file.bytes() == [1, 2, 3, 4])
    #expect(throws: IOError.self) { try file.write([5, 6].span, [7, 8].span, padding: 0, at: 0) }
    #expect(try file.bytes() == [5, 6, 7, 4])
    #expect(disk.calls.filter { $0.operation == .write }.map(\.length) == [4, 4])
  }

  @Test func aDelayMovesTheClocks() throws {
    let disk = steadyDisk([FaultRule(.delay(nanoseconds: 5_000_000), on: [.list])])
    let before = disk.clock.monotonicNanoseconds
    _ = try disk.environment.fileSystem.list("/")
    #expect(disk.clock.monotonicNanoseconds - before == 5_010_000)
  }

  @Test func rotIsSeenByEveryReaderAndSurvives() throws {
    let disk = steadyDisk()
    disk.install("d/a", [0, 0, 0])
    let mapping = try disk.environment.fileSystem.open("d/a", .read).map(length: 3, .read)
    disk.flipBit(3, ofByte: 1, in: "d/a")
    #expect(mapping.bytes[1] == 8)
    #expect(disk.contents(of: "d/a") == [0, 8, 0])
    disk.overwrite("d/a", at: 2, with: [9, 9])
    #expect(disk.survivors() == [["d/a": [0, 8, 9]]])
  }

  @Test func everyCallIsFailedInItsTurn() throws {
    let count = try SimulatedDisk.failEachCall(.error(.device), seed: 3) { disk in
      do {
        try disk.environment.write("a", [1]).synchronize()
        try disk.environment.fileSystem.synchronizeDirectory(".")
      } catch let error as IOError {
        #expect(error.code == .device)
      }
      #expect(disk.leaks == nil)
    }
    #expect(count == 4)
  }

  @Test func whatFailsInASweepSaysWhere() throws {
    struct Broken: Error {}
    let failure = #expect(throws: FaultFailure.self) {
      try SimulatedDisk.failEachCall(.error(.noSpace), on: [.write]) { disk in
        let file = try disk.environment.fileSystem.open("a", .create)
        try? file.write([1].span, at: 0)
        do { try file.write([1].span, at: 0) } catch { throw Broken() }
      }
    }
    #expect(failure?.occurrence == 2)
    #expect(failure?.description.contains("write a at 0 length 1") == true)
  }
}
