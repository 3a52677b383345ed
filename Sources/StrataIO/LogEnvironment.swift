/// The world that a log lives in: its file system, its two clocks, and the thread that waits for the disk on
/// behalf of `async` callers. Handed in when a log is opened; nothing else of the outside is reached.
public struct LogEnvironment: Sendable {
  /// Where the files are.
  public var fileSystem: any FileSystem
  /// Nanoseconds that never go back; from no particular start. For durations.
  public var monotonicNanoseconds: @Sendable () -> Int64
  /// Milliseconds since 1970-01-01 00:00 UTC, as the system's clock has them. For timestamps.
  public var wallClockMilliseconds: @Sendable () -> Int64
  /// The thread that runs the blocking calls of `async` verbs.
  public var ioThread: any IOThread
  /// Makes one more such thread, for work that is done side by side: opening many logs, and their maintenance.
  public var makeIOThread: @Sendable () -> any IOThread
  /// Who asks for locks: written into lock files, and shown to who finds one taken.
  public var holder: String

  /// `makeIOThread`: nil lets everybody share `ioThread`.
  public init(
    fileSystem: any FileSystem, monotonicNanoseconds: @escaping @Sendable () -> Int64,
    wallClockMilliseconds: @escaping @Sendable () -> Int64, ioThread: any IOThread,
    makeIOThread: (@Sendable () -> any IOThread)? = nil, holder: String
  ) {
    self.fileSystem = fileSystem
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallClockMilliseconds = wallClockMilliseconds
    self.ioThread = ioThread
    self.makeIOThread = makeIOThread ?? { ioThread }
    self.holder = holder
  }
}

/// A thread that runs jobs one after the other, in the order in which they came.
///
/// The system's starts with the first job and sleeps between jobs. The simulated one is a queue that the
/// seed steps.
public protocol IOThread: AnyObject, Sendable {
  /// Puts `job` behind those already waiting. Never blocks for a job.
  func enqueue(_ job: @escaping @Sendable () -> Void)
}
