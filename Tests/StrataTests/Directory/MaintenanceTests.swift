import Strata
import StrataIO
import StrataSimulation
import Testing

/// What `run()` does, and that nothing else does it.
@Suite struct MaintenanceTests {
  private func open(_ disk: SimulatedDisk, _ change: (inout LogDirectoryConfiguration) -> Void = { _ in })
    throws -> LogDirectory
  {
    var configuration = LogDirectoryConfiguration.small
    change(&configuration)
    return try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
  }

  /// Waits, at most ten seconds.
  private func wait(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
      if condition() { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return condition()
  }

  @Test func bufferedRecordsBecomeDurableAndCheckpointsAreWritten() async throws {
    let scratch = Scratch()
    var configuration = LogDirectoryConfiguration.small
    (configuration.flushMilliseconds, configuration.checkpointMilliseconds) = (20, 20)
    let directory = try await LogDirectory.open(scratch("data"), configuration: configuration)
    let logs = try (0..<3).map { try directory.log(for: "orders-\($0)") }
    for log in logs { try await log.append(Record(value: "one"), durability: .buffered) }
    try await Task.sleep(for: .milliseconds(100))
    #expect(logs.allSatisfy { $0.recoveryPoint == 0 })
    let running = Task { await directory.run() }
    #expect(try await wait { logs.allSatisfy { $0.recoveryPoint == 1 } })
    let path = scratch("data") + "/recovery-point-offset-checkpoint"
    let text = "0\n3\norders 0 1\norders 1 1\norders 2 1\n"
    #expect(try await wait { (try? contents(path)).map { String(decoding: $0, as: UTF8.self) } == text })
    running.cancel()
    await running.value
    for log in logs { try await log.append(Record(value: "two"), durability: .buffered) }
    try await Task.sleep(for: .milliseconds(100))
    #expect(logs.allSatisfy { $0.recoveryPoint == 1 })
    try await directory.close()
  }

  @Test func itEndsWhenTheDirectoryIsClosed() async throws {
    let scratch = Scratch()
    var configuration = LogDirectoryConfiguration.small
    configuration.flushMilliseconds = 10
    let directory = try await LogDirectory.open(scratch("data"), configuration: configuration)
    let running = Task { await directory.run() }
    try await Task.sleep(for: .milliseconds(30))
    try await directory.close()
    await running.value
  }

  @Test func damageThatNobodyHasMetIsFound() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let directory = try open(disk)
    for name in ["bad-0", "good-0"] {
      let log = try directory.log(for: name)
      for number in 0..<50 { try log.append(Record(value: "\(number)")) }
    }
    directory.maintain(.scrub)
    #expect(directory.health.isGood)
    disk.flipBit(3, ofByte: 80, in: "data/bad-0/00000000000000000000.log")
    directory.maintain(.scrub)
    #expect(directory.health.damages.keys.sorted() == ["bad-0"])
    #expect(directory.health.damages["bad-0"]?.first?.offsets == 1..<2)
    disk.flipBit(3, ofByte: 80, in: "data/bad-0/00000000000000000000.log")
    directory.maintain(.scrub)
    #expect(directory.health.isGood)
  }

  @Test func aFailingDiskTakesItsOwnLogDownAndNoOther() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let directory = try open(disk)
    let logs = try ["bad-0", "good-0"].map { try directory.log(for: $0) }
    for log in logs { try log.append(Record(value: "one"), durability: .buffered) }
    disk.add(
      FaultRule(.failedSync(.ext4), on: [.synchronize], pathSuffix: "bad-0/00000000000000000000.log", .every))
    directory.maintain(.flush)
    #expect(directory.health.failures.mapValues(\.code) == ["bad-0": .poisoned])
    #expect(code { try logs[0].append(Record(value: "two")) } == .poisoned)
    try logs[1].append(Record(value: "two"))
    #expect(logs[1].recoveryPoint == 2)
    disk.removeFaults()
    #expect(code { try directory.close() } != nil)
    #expect(disk.contents(of: "data/.kafka_cleanshutdown") == nil)
    let again = try open(disk)
    #expect(again.health.isGood)
    #expect(try again.log(for: "good-0").values() == ["one", "two"])
  }

  @Test func aCheckpointThatCannotBeWrittenIsSaid() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let directory = try open(disk)
    try directory.log(for: "orders-0").append(Record(value: "one"))
    disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: "checkpoint.tmp", .every))
    directory.maintain(.checkpoint)
    #expect(directory.health.checkpointFailure?.code == .noSpace)
    disk.removeFaults()
    directory.maintain(.checkpoint)
    #expect(directory.health.isGood)
  }

  @Test func oldRecordsGoAndReplacedOnes() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let directory = try open(disk) { configuration in
      configuration.log.retentionMilliseconds = nil
      configuration.log.retentionBytes = 5000
      var compacted = configuration.log
      compacted.cleanupPolicy = .compact
      compacted.minimumDirtyRatio = 0
      configuration.overrides = ["keys-0": compacted]
    }
    let (orders, keys) = (try directory.log(for: "orders-0"), try directory.log(for: "keys-0"))
    for number in 0..<100 {
      let value = "\(number) " + String(repeating: ".", count: 200)
      try orders.append(Record(value: value), durability: .buffered)
      try keys.append(Record(key: "\(number % 3)", value: value), durability: .buffered)
    }
    directory.maintain(.retain)
    #expect(orders.logStartOffset > 50 && keys.logStartOffset == 0)
    directory.maintain(.compact)
    #expect(try keys.values().count < 20 && orders.values().count > 10)
    #expect(directory.health.isGood)
    directory.maintain(.compact) { true }
    try directory.close()
    let again = try open(disk)
    #expect(try again.log(for: "orders-0").logStartOffset == orders.logStartOffset)
  }

  @Test func aTaskIsDueWhenItsIntervalHasPassed() {
    var configuration = LogDirectoryConfiguration()
    (configuration.flushMilliseconds, configuration.checkpointMilliseconds) = (10, 25)
    var schedule = MaintenanceSchedule([.flush, .checkpoint], configuration, now: 100)
    #expect(schedule.takeDue(now: 109) == [])
    #expect(schedule.pause(now: 109) == 1)
    #expect(schedule.takeDue(now: 110) == [.flush])
    #expect(schedule.takeDue(now: 130) == [.flush, .checkpoint])
    #expect(schedule.pause(now: 130) == 10)
    configuration.flushMilliseconds = nil
    schedule = MaintenanceSchedule([.flush, .checkpoint], configuration, now: 0)
    #expect(schedule.takeDue(now: 1000) == [.checkpoint])
    configuration.checkpointMilliseconds = nil
    #expect(MaintenanceSchedule([.flush, .checkpoint], configuration, now: 0).pause(now: 5) == nil)
    schedule = MaintenanceSchedule([.scrub], configuration, now: 0)
    #expect(schedule.takeDue(now: 0) == [.scrub])
  }
}
