import Strata
import StrataIO
import StrataSimulation
import Testing

/// Transactions over three logs, on a disk that loses its power at every call, and whose every call fails once.
@Suite struct TransactionCrashTests {
  @Test(arguments: TransactionWorkload.all)
  func eachTransactionIsThereAsAWholeOrNotAtAll(_ workload: TransactionWorkload) throws {
    let report = try workload.explorer(TransactionWorkload.options()).explore()
    print("crash: \(workload): \(report)")
    #expect(report.crashPoints > 10)
  }

  @Test(arguments: FaultTests.faults)
  func noFailureMakesATransactionHalf(_ fault: Fault) throws {
    var failed = 0
    #if DEBUG
      // Unoptimised code takes twenty times as long.
      let workloads = TransactionWorkload.all.prefix(1)
    #else
      let workloads = TransactionWorkload.all[...]
    #endif
    for workload in workloads {
      var attempts = 0
      failed += try SimulatedDisk.failEachCall(fault) { disk in
        attempts += 1
        try FaultedTransactions(disk, attempts).run(workload.steps)
      }
    }
    print("faults: \(fault): \(failed) calls of transactions failed, one at a time")
    #expect(failed > 0)
  }
}

/// A program with transactions on a disk one call of which fails.
struct FaultedTransactions {
  let disk: SimulatedDisk
  /// Which of the logs is opened first afterwards, and what survives, goes by this.
  let number: Int

  init(_ disk: SimulatedDisk, _ number: Int) {
    self.disk = disk
    self.number = number
  }

  /// After a failure the program gives up what it was at, and opens the directory again.
  func run(_ steps: [TransactionStep]) throws {
    var promises: [TransactionPromise] = []
    let configuration = TransactionWorkload.configuration()
    let session = TransactionSession(disk, configuration) { promises.append($0) }
    do {
      try session.open()
      for step in steps { try session.run(step) }
    } catch let error as LogError {
      try expect([.io, .noSpace, .poisoned, .invalidTransactionState].contains(error.code), "\(error)")
      try goOn(session)
    }
    disk.removeFaults()
    session.leave()
    try expect(disk.leaks == nil, "left open: \(disk.leaks ?? "")")
    let oracle = TransactionOracle(promises)
    let openings = TransactionOracle.Opening.allCases
    let (first, second) = (openings[number % openings.count], openings[(number + 1) % openings.count])
    do { try oracle.check(disk.fork(), [first]) } catch { throw BrokenPromise("killed: \(error)") }
    let state = disk.survivingStates().sample(seed: UInt64(number))
    do { try oracle.check(disk.restarted(into: state), [second]) } catch {
      throw BrokenPromise("without power: \(error)")
    }
  }

  /// The directory goes on in the same process: it finishes what it can, and can be closed.
  private func goOn(_ session: TransactionSession) throws {
    guard let directory = session.directory else { return }
    directory.maintain(.transactions)
    _ = code { try directory.close() }
  }
}
