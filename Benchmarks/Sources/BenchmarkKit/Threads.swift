internal import Glibc

/// Threads of the system, not tasks: what blocks here blocks nobody else.
public enum Threads {
  final class Job: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on `count` threads at once, each with its number, and returns when all have ended.
  public static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws(BenchmarkError) {
    var threads: [pthread_t] = []
    for number in 0..<count {
      var thread = pthread_t()
      let job = unsafe Unmanaged.passRetained(Job { body(number) })
      let failure = unsafe pthread_create(
        &thread, nil,
        { argument in
          unsafe Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().body()
          return nil
        }, job.toOpaque())
      guard failure == 0 else {
        unsafe job.release()
        for thread in threads { pthread_join(thread, nil) }
        throw BenchmarkError("a thread cannot be started; \(number) of \(count) run")
      }
      threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
  }
}
