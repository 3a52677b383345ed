#if os(Linux)
  import Foundation
  import StrataIO
  import Testing

  /// The machine as a log sees it.
  struct SystemEnvironmentTests {
    @Test func clocksRun() {
      let environment = LogEnvironment.system
      let start = environment.monotonicNanoseconds()
      usleep(2_000)
      #expect((2_000_000..<60_000_000_000).contains(environment.monotonicNanoseconds() - start))
      let difference = Double(environment.wallClockMilliseconds()) - Date().timeIntervalSince1970 * 1_000
      #expect(abs(difference) < 1_000)
    }

    @Test func theHolderIsThisProcess() {
      let holder = LogEnvironment.system.holder
      let name = CommandLine.arguments[0].split(separator: "/").last!
      #expect(holder == "process \(getpid()) (\(name)) on \(ProcessInfo.processInfo.hostName)")
    }

    @Test func itsThreadIsShared() {
      #expect(LogEnvironment.system.ioThread === LogEnvironment.system.ioThread)
    }
  }
#endif
