import Strata
import StrataSimulation
import Testing

/// A directory on a disk that loses its power at every call, and whose every call fails once.
@Suite struct DirectoryCrashTests {
  @Test(arguments: DirectoryWorkload.all)
  func nothingAcknowledgedIsLostAndNoFileLies(_ workload: DirectoryWorkload) throws {
    let report = try workload.explorer(DirectoryWorkload.options()).explore()
    print("crash: \(workload): \(report)")
    #expect(report.crashPoints > 10)
  }
}
