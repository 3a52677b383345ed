import Strata
import StrataIO
import StrataSimulation
import Testing

/// Removing old records on a disk that loses its power at every call, and again while that is recovered from; and on one
/// that fails at every call.
@Suite struct RemovalCrashTests {
  @Test(arguments: RemovalWorkload.allCases) func itIsInterruptedAtEveryCall(_ workload: RemovalWorkload)
    throws
  {
    let report = try workload.explorer(RemovalWorkload.options()).explore()
    print("crash: \(workload): \(report)")
    #expect(report.recoveryCrashPoints > 5)
  }

  /// The log goes on as it was, or is poisoned until it is opened again.
  @Test(arguments: RemovalWorkload.allCases) func everyCallFailsOnce(_ workload: RemovalWorkload) throws {
    let whole = SimulatedDisk(seed: 1, crashAt: .never)
    try workload.prepare(whole)
    let before = whole.calls.count
    try workload.work(whole) { _ in }
    let calls = whole.calls.count - before
    #expect(calls > 30)
    var failures = 0
    for number in 1...calls {
      for code in [IOError.Code.device, .noSpace] {
        #if DEBUG
          guard (number + (code == .device ? 0 : 1)) % 2 == 0 else { continue }
        #endif
        let disk = SimulatedDisk(seed: 1, crashAt: .never)
        try workload.prepare(disk)
        disk.add(.call(number, .error(code)))
        var done = 0
        do { try workload.work(disk) { done = $0 } } catch let error as LogError {
          failures += 1
          let expected: [LogError.Code] = [.io, .noSpace, .poisoned]
          #expect(expected.contains(error.code), "call \(number), \(code): \(error)")
        }
        disk.removeFaults()
        #expect(disk.leaks == nil, "call \(number), \(code) left open: \(disk.leaks ?? "")")
        do { try workload.check(disk, done: done) } catch {
          Issue.record("call \(number), \(code), after \(done) steps: \(error)")
        }
      }
    }
    #expect(failures > 10)
    print("faults: \(workload): \(calls) calls, \(failures) failures")
  }
}
