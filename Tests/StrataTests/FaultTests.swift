import Strata
import StrataIO
import StrataSimulation
import Testing

/// Every call of every sequence of verbs fails once, in every way in which it can.
///
/// Interrupted calls and short transfers that are no failure end below the seam, where `InterruptedTransferTests`
/// look at them; a quota that is used up (EDQUOT) comes through the seam as a full disk does.
@Suite struct FaultTests {
  static let faults: [Fault] =
    [
      .error(.device), .error(.noSpace), .error(.tooManyOpenFiles), .shortWrite(bytes: 30, .noSpace),
      .shortWrite(bytes: 0, .device), .shortWrite(bytes: 70, .device),
    ] + FailedSync.allCases.flatMap { [.failedSync($0, .device), .failedSync($0, .noSpace)] }

  @Test(arguments: faults)
  func everyFailureIsSaidAndNothingAcknowledgedIsLost(_ fault: Fault) throws {
    // Any call may meet an error; only few can be cut short or are a sync.
    var longest = 3
    if case .error = fault { longest = 2 }
    #if DEBUG
      longest = 1
    #else
      if CrashBudget.isLong { longest += 1 }
    #endif
    var (failed, workloads) = (0, 0)
    for steps in CrashStep.sequences(longest) {
      do {
        failed += try SimulatedDisk.failEachCall(fault) { disk in
          var session = FaultedSession(disk)
          try session.run(steps)
        }
        workloads += 1
      } catch {
        Issue.record("\(steps.map(\.rawValue)): \(error)")
        return
      }
    }
    print("faults: \(fault): \(failed) calls of \(workloads) workloads failed, one at a time")
    #expect(failed > 0)
  }

  /// The same where space is made ready ahead, and where records are stored through a mapping.
  @Test(arguments: faults)
  func everyFailureOfPreparingIsSaidToo(_ fault: Fault) throws {
    var options = SimulatedDisk.Options()
    options.ioThread = .stepped
    for configuration in [LogConfiguration.crash(.written, .copied), .crash(.written, .mapped)] {
      for steps: [CrashStep] in [
        [.prepare, .synced, .roll, .prepare, .synced, .close],
        [.prepare, .buffered, .open, .prepare, .truncate],
      ] {
        let failed = try SimulatedDisk.failEachCall(fault, options: options) { disk in
          var session = FaultedSession(disk)
          session.configuration = configuration
          try session.run(steps)
        }
        #expect(failed > 0)
      }
    }
  }

  /// A call that fails again and again leaves nothing open behind each time.
  @Test(arguments: Call.Operation.allCases)
  func aFailureThatRepeatsLeavesNothingOpen(_ operation: Call.Operation) throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    try log.append(Record(value: "first"))
    disk.add(FaultRule(.error(.noSpace), on: [operation], .every))
    let large = Record(value: [UInt8](repeating: 1, count: 160))
    func open() -> (Int, Int, Int) { (disk.openFileCount, disk.openMappingCount, disk.openLockCount) }
    var counts: [Int] = []
    for _ in 0..<8 {
      if code({ try log.append(large) }) != nil { counts.append(disk.openFileCount + disk.openMappingCount) }
    }
    #expect(counts.allSatisfy { $0 <= (counts.first ?? 0) }, "\(counts)")
    let before = open()
    for _ in 0..<4 {
      _ = code { _ = try Log.open("other", configuration: .crash, environment: disk.environment) }
      #expect(open() == before)
    }
  }

  @Test func aFolderThatAFailedOpenHasMadeIsMadeDurableByTheNext() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    disk.add(FaultRule(.error(.device), on: [.synchronizeDirectory]))
    #expect(code { _ = try Log.open("a/log", environment: disk.environment) } == .io)
    let log = try Log.open("a/log", environment: disk.environment)
    try log.append(Record(value: "kept"))
    let states = disk.survivingStates()
    for index in 0..<states.count! {
      let left = try Log.open("a/log", environment: disk.restarted(into: states[index]).environment)
      #expect(try left.values() == ["kept"], "\(states[index])")
    }
  }

  @Test(arguments: FailedSync.allCases)
  func whatWasDurableIsReadToItsEndAfterAFailedSync(_ variant: FailedSync) throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", environment: disk.environment)
    try log.append(Record(value: "durable"))
    disk.add(FaultRule(.failedSync(variant), on: [.synchronize], pathSuffix: ".log"))
    #expect(code { try log.append(Record(value: "lost")) } == .poisoned)
    #expect(try log.values(from: 0, isolation: .durable) == ["durable"])
  }

  /// Not even through the mapping, by the short way of a single record.
  @Test func aPoisonedLogStoresNothing() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = LogConfiguration.crash
    configuration.writing = .mapped
    configuration.segmentBytes = 1 << 16
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    for _ in 0..<3 { try log.append(Record(value: "durable")) }
    let rule = FaultRule(.failedSync(.ext4), on: [.synchronize], pathSuffix: ".log")
    disk.add(rule)
    #expect(code { try log.append(Record(value: "lost")) } == .poisoned)
    let (before, _) = try file(disk)
    for durability in [Durability.buffered, .synced] {
      #expect(code { try log.append(Record(value: "rejected"), durability: durability) } == .poisoned)
    }
    let (after, text) = try file(disk)
    #expect(after == before && !text.contains("rejected"))
  }

  private func file(_ disk: SimulatedDisk) throws -> ([UInt8], String) {
    let file = try disk.environment.fileSystem.open("log/00000000000000000000.log", .read)
    defer { file.close() }
    var bytes = [UInt8](repeating: 0, count: Int(try file.metadata().size))
    var span = bytes.mutableSpan
    _ = try file.read(into: &span, at: 0)
    return (bytes, String(decoding: bytes, as: UTF8.self))
  }

  @Test func aReaderThatCameToAnotherSegmentKeepsNothingOpen() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    do {
      let log = try Log.open("log", configuration: .crash, environment: disk.environment)
      for _ in 0..<5 { try log.append(Record(value: "value 1")) }
      #expect(try log.values(from: 0).count == 5)
    }
    #expect(disk.leaks == nil)
  }
}
