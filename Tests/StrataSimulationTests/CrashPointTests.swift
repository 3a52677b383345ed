import StrataIO
import StrataSimulation
import Testing

/// The power goes when it is told to, and what comes after it is the same for the same seed.
@Suite struct CrashPointTests {
  func workload(_ environment: LogEnvironment) throws {
    let fileSystem = environment.fileSystem
    try fileSystem.createDirectory("d")
    let file = try fileSystem.open("d/a", .create)
    for index in 0..<20 {
      try file.write(page(UInt8(index), 2).span, at: Int64(index * 5000))
      if index % 5 == 4 { try file.synchronize() }
    }
    try fileSystem.synchronizeDirectory("d")
    try fileSystem.rename("d/a", to: "d/b")
    try fileSystem.synchronizeDirectory("d")
    try fileSystem.synchronizeDirectory(".")
  }

  @Test func beforeACallNothingHasHappened() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .before(call: 2))
    let error = #expect(throws: IOError.self) {
      try disk.environment.fileSystem.createDirectory("d")
      try disk.environment.fileSystem.createDirectory("e")
    }
    #expect(error?.isPowerLoss == true && error?.code == .other && disk.hasCrashed)
    #expect(disk.listing() == ["d/"])
    #expect(disk.description == "seed 1, crash before call 2 (createDirectory e)")
  }

  @Test func afterACallItHasHappenedUnheard() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .after(call: 1))
    let error = #expect(throws: IOError.self) { try disk.environment.fileSystem.createDirectory("d") }
    #expect(error?.isPowerLoss == true)
    #expect(disk.listing() == ["d/"])
    #expect(disk.calls.count == 1)
    // Nothing works any more, and nothing is counted.
    #expect(throws: IOError.self) { _ = try disk.environment.fileSystem.list("/") }
    #expect(disk.callCount == 1)
  }

  @Test func storesAfterTheCrashDoNotReachTheDisk() throws {
    let disk = steadyDisk()
    disk.install("a", page(0))
    let mapping = try disk.environment.fileSystem.open("a", .readWrite).map(length: 4096, .readWrite)
    disk.crash()
    mapping.store([1].span, at: 0)
    #expect(disk.contents(of: "a") == page(0))
    #expect(disk.survivors().count == 1)
  }

  @Test func theSeedDecidesEverything() throws {
    var crashes: Set<String> = []
    for seed in UInt64(0)..<200 {
      func run() -> ([Call], String, [String: [UInt8]], [String: [UInt8]]) {
        let disk = SimulatedDisk(seed: seed, faults: [FaultRule(.error(.device), on: [.read], .oneIn(3))])
        try? workload(disk.environment)
        let calls = disk.calls
        let next = disk.restarted()
        return (calls, disk.description, next.snapshot, disk.restarted().snapshot)
      }
      let first = run()
      #expect(first == run())
      #expect(first.2 == first.3)
      crashes.insert(first.1)
    }
    #expect(crashes.count > 50)
  }

  @Test func seededCrashesReachEarlyAndLateCalls() throws {
    var points: [Int: Int] = [:]
    for seed in UInt64(0)..<400 {
      let disk = SimulatedDisk(seed: seed, crashAt: .seeded(limit: 256))
      while !disk.hasCrashed { _ = try? disk.environment.fileSystem.list("/") }
      points[disk.callCount, default: 0] += 1
    }
    #expect(points.keys.allSatisfy { (1..<256).contains($0) })
    #expect(points[1, default: 0] > 10 && points.keys.count { $0 > 128 } > 10)
  }

  @Test func aNewLifeCanCrashToo() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .after(call: 1))
    try? workload(disk.environment)
    let second = disk.restarted(crashAt: .before(call: 1))
    #expect(throws: IOError.self) { _ = try second.environment.fileSystem.list("/") }
    #expect(second.hasCrashed)
    _ = try second.afterCrash().fileSystem.list("/")
  }

  @Test func aForkGoesItsOwnWay() throws {
    let disk = steadyDisk()
    let file = try disk.environment.write("a", page(1))
    let fork = disk.fork()
    #expect(fork.leaks == nil)
    try file.synchronize()
    try fork.environment.write("a", page(2))
    #expect(disk.contents(of: "a") == page(1) && fork.contents(of: "a") == page(2))
    #expect(disk.contents(of: "a", .durable) == nil)
    #expect(fork.survivingStates().units.count == 3)
    try fork.environment.fileSystem.open("a", .readWrite).synchronize()
    #expect(fork.survivors() == [[:], ["a": page(2)]])
  }

  @Test func theClocksMoveWithTheCallsAndByHand() throws {
    let disk = steadyDisk()
    let environment = disk.environment
    let (monotonic, wall) = (environment.monotonicNanoseconds(), environment.wallClockMilliseconds())
    _ = try environment.fileSystem.list("/")
    #expect(environment.monotonicNanoseconds() == monotonic + 10_000)
    disk.clock.advance(by: .seconds(2))
    #expect(environment.wallClockMilliseconds() == wall + 2_000)
    disk.clock.setWallClock(milliseconds: 5)
    #expect(environment.wallClockMilliseconds() == 5)
    #expect(environment.monotonicNanoseconds() == monotonic + 2_000_010_000)
    #expect(disk.afterCrash().wallClockMilliseconds() == 30_005)
  }

  @Test func jobsRunAsTheModeSays() async throws {
    let stepped = steadyDisk { $0.ioThread = .stepped }
    let inline = steadyDisk { $0.ioThread = .inline }
    let background = steadyDisk()
    for disk in [stepped, inline] {
      disk.environment.ioThread.enqueue { disk.install("a", [1]) }
      disk.environment.ioThread.enqueue { disk.install("b", [1]) }
    }
    #expect(stepped.listing().isEmpty && stepped.pendingJobCount == 2)
    #expect(stepped.runPendingJobs(atMost: 1) == 1)
    #expect(stepped.listing() == ["a"])
    #expect(stepped.runPendingJobs() == 1)
    #expect(inline.listing() == ["a", "b"])
    for number in 0..<100 {
      let result = await withCheckedContinuation { done in
        background.environment.ioThread.enqueue { done.resume(returning: number) }
      }
      #expect(result == number)
    }
  }
}
