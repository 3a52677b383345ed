internal import StrataIO
internal import StrataLock

/// When jobs of the simulated I/O thread run.
@nonexhaustive
public enum IOThreadMode: Hashable, Sendable {
  /// On a real thread, so that an ordinary asynchronous test completes. As long as the program awaits each
  /// call before the next, the order of calls is still the same in every run.
  case background
  /// When `SimulatedDisk.runPendingJobs()` is called, on the caller's thread: fully deterministic.
  case stepped
  /// Inside `enqueue`, on the caller's thread. Only for programs that hold no lock there.
  case inline
}

/// The queue that stands for the thread which waits for the disk.
final class SimulatedIOThread: IOThread {
  private struct Queue {
    var jobs: [@Sendable () -> Void] = []
    var isRunning = false
  }

  private let mode: IOThreadMode
  private let queue = Lock(Queue())

  init(_ mode: IOThreadMode) {
    self.mode = mode
  }

  var pendingJobCount: Int { queue.withLock { $0.jobs.count } }

  func enqueue(_ job: @escaping @Sendable () -> Void) {
    switch mode {
    case .inline:
      job()
    case .stepped:
      queue.withLock { $0.jobs.append(job) }
    case .background:
      let starts = queue.withLock { queue in
        queue.jobs.append(job)
        defer { queue.isRunning = true }
        return !queue.isRunning
      }
      if starts { Thread.start { self.drain() } }
    }
  }

  /// Runs the oldest job. False where none waits.
  func runNext() -> Bool {
    guard let job = queue.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) else { return false }
    job()
    return true
  }

  private func drain() {
    while true {
      let job = queue.withLock { queue in
        queue.isRunning = !queue.jobs.isEmpty
        return queue.jobs.isEmpty ? nil : queue.jobs.removeFirst()
      }
      guard let job else { return }
      job()
    }
  }
}
