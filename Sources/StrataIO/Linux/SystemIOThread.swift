internal import StrataLock

#if os(Linux)
  internal import Glibc

  /// A thread that starts with the first job, sleeps between jobs, and ends after the last one once nobody can
  /// hand it more.
  package final class SystemIOThread: IOThread {
    private let jobs = JobQueue()

    package init() {}

    deinit {
      jobs.close()
    }

    package func enqueue(_ job: @escaping @Sendable () -> Void) {
      if jobs.append(job) { Self.start(jobs) }
    }

    private static func start(_ jobs: JobQueue) {
      // The thread inherits the mask: a signal is the business of the program's own threads. The signals of
      // faults stay, so that a crash here is reported as one.
      var blocked = sigset_t()
      var previous = sigset_t()
      unsafe sigfillset(&blocked)
      for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS] {
        unsafe sigdelset(&blocked, fault)
      }
      unsafe pthread_sigmask(SIG_SETMASK, &blocked, &previous)
      var thread = pthread_t()
      // The thread takes over this reference.
      let argument = unsafe Unmanaged.passRetained(jobs)
      let failure = unsafe pthread_create(
        &thread, nil,
        { argument in
          unsafe pthread_setname_np(pthread_self(), "strata-io")
          unsafe Unmanaged<JobQueue>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
      unsafe pthread_sigmask(SIG_SETMASK, &previous, nil)
      // Jobs that nobody would ever run are callers that wait for ever.
      guard failure == 0 else {
        fatalError("the I/O thread cannot be started: \(IOError(Errno(failure), "", "").detail)")
      }
      pthread_detach(thread)
    }
  }

  /// The jobs of one thread, in their order. The thread holds it, and not its owner, so that it can outlive it.
  private final class JobQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
      var waiting: [Job] = []
      var isStarted = false
      var isClosed = false
    }

    private let state = Lock(State())
    private let changes = EventCount()

    /// Puts `job` last. True for the first one ever: the caller starts the thread.
    func append(_ job: @escaping Job) -> Bool {
      let (wasEmpty, wasStarted) = state.withLock { state in
        defer {
          state.waiting.append(job)
          state.isStarted = true
        }
        return (state.waiting.isEmpty, state.isStarted)
      }
      // Behind another job it needs no call: that one's made the thread look, or will.
      if wasEmpty { changes.advance() }
      return !wasStarted
    }

    func close() {
      state.withLock { $0.isClosed = true }
      changes.advance()
    }

    /// Runs all jobs until the queue is closed and empty.
    func run() {
      var batch: [Job] = []
      while true {
        // Before the look at the queue: what is put there later has advanced the count by then.
        let seen = changes.current
        let isClosed = state.withLock { state in
          swap(&batch, &state.waiting)
          return state.isClosed
        }
        if batch.isEmpty {
          if isClosed { return }
          changes.wait(while: seen)
          continue
        }
        // Each job is let go of as soon as it is done; the array keeps its room and goes back into the queue.
        batch.reverse()
        while let job = batch.popLast() { job() }
      }
    }
  }
#endif
