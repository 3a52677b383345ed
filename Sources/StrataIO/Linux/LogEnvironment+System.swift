#if os(Linux)
  internal import Glibc

  extension LogEnvironment {
    /// The machine: its file system, its clocks, and one thread that is shared by all and starts when it is
    /// first needed.
    public static let system = LogEnvironment(
      fileSystem: LinuxFileSystem(),
      monotonicNanoseconds: {
        let now = read(CLOCK_MONOTONIC)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
      },
      wallClockMilliseconds: {
        let now = read(CLOCK_REALTIME)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
      },
      ioThread: SystemIOThread(),
      makeIOThread: { SystemIOThread() },
      holder: "process \(getpid()) (\(programName)) on \(hostName)")

    private static func read(_ clock: clockid_t) -> timespec {
      var now = timespec()
      // Cannot fail: both clocks exist on every Linux.
      unsafe clock_gettime(clock, &now)
      return now
    }

    private static var programName: String {
      let path = CommandLine.arguments.first ?? ""
      return path.split(separator: "/").last.map(String.init) ?? "unknown"
    }

    private static var hostName: String {
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard unsafe gethostname(buffer.baseAddress!, buffer.count) == 0 else { return "unknown" }
        // A name that was cut has no zero at its end.
        unsafe buffer[buffer.count - 1] = 0
        return unsafe String(cString: buffer.baseAddress!)
      }
    }
  }
#else
  extension LogEnvironment {
    @available(*, unavailable, message: "only Linux has a file system here; use SimulatedDisk's environment")
    public static var system: LogEnvironment { fatalError("unavailable") }
  }
#endif
