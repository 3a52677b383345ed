import StrataSimulation
import Testing

/// Rewriting segments on a disk that loses its power at every call, and again while that is recovered from.
@Suite struct SwapCrashTests {
  @Test(arguments: RewriteWorkload.all) func itIsInterruptedAtEveryCall(_ workload: RewriteWorkload) throws {
    let report = try workload.explorer(RewriteWorkload.options()).explore()
    print("crash: \(workload): \(report)")
    // Of the shortest a debug build tries seven.
    #expect(report.recoveryCrashPoints > 5)
  }
}
