internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// What the maintenance of a directory does, each at its own interval.
package enum MaintenanceTask: CaseIterable, Sendable {
  /// What was appended with `.buffered` gets durable.
  case flush
  /// Kafka's checkpoint files.
  case checkpoint
  /// Every log is read to find damage.
  case scrub

  /// Quick ones and slow ones do not wait for each other.
  package static let quick: [MaintenanceTask] = [.flush, .checkpoint]
  package static let slow: [MaintenanceTask] = [.scrub]
}

/// Which tasks are due, decided from the time alone.
package struct MaintenanceSchedule: Sendable {
  /// Milliseconds between two beginnings; a task without any is never due.
  let intervals: [MaintenanceTask: Int64]
  /// When each began the last time, in milliseconds of the monotonic clock.
  private(set) var began: [MaintenanceTask: Int64]

  /// Of the tasks, those that `configuration` wants. Each is due an interval after `now`; reading the logs at once.
  package init(_ tasks: [MaintenanceTask], _ configuration: LogDirectoryConfiguration, now: Int64) {
    var intervals: [MaintenanceTask: Int64] = [:]
    for task in tasks { intervals[task] = configuration.interval(of: task) }
    self.intervals = intervals
    began = intervals.filter { $0.key != .scrub }.mapValues { _ in now }
  }

  /// The tasks whose interval has passed, which begin now.
  package mutating func takeDue(now: Int64) -> [MaintenanceTask] {
    let due = MaintenanceTask.allCases.filter { task in
      guard let interval = intervals[task] else { return false }
      return began[task].map { now - $0 >= interval } ?? true
    }
    for task in due { began[task] = now }
    return due
  }

  /// How long nothing is due, in milliseconds; nil where nothing ever is.
  package func pause(now: Int64) -> Int64? {
    intervals.map { task, interval in began[task].map { max(0, $0 + interval - now) } ?? 0 }.min()
  }
}

extension LogDirectoryConfiguration {
  fileprivate func interval(of task: MaintenanceTask) -> Int64? {
    switch task {
    case .flush: flushMilliseconds
    case .checkpoint: checkpointMilliseconds
    case .scrub: scrubMilliseconds
    }
  }
}

/// What maintenance has found out.
struct MaintenanceState: Sendable {
  var health = LogDirectoryHealth()
  var isRunning = false
}

extension LogDirectory {
  /// Keeps the directory in order until the task is cancelled or the directory is closed: makes durable what was
  /// appended with `.buffered`, writes Kafka's checkpoint files, and reads the logs to find damage, at the intervals of
  /// `LogDirectoryConfiguration`. Without it nothing of that happens.
  ///
  /// The work is done by threads of the environment, as many as the configuration says, and never by the task's own.
  /// What fails is noted in `health`, and concerns that log alone: one whose disk has failed takes nothing more, and
  /// the others go on. Reading begins when this is called, and keeps to `maintenanceBytesPerSecond`. A second call
  /// while the first runs does nothing.
  public func run() async {
    let isFirst = maintenance.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard isFirst else { return }
    let stop = StopSign()
    await withTaskCancellationHandler {
      async let slow: Void = work(MaintenanceTask.slow, stop)
      await work(MaintenanceTask.quick, stop)
      await slow
    } onCancel: {
      stop.isUp.store(true, ordering: .relaxed)
    }
    maintenance.withLock { $0.isRunning = false }
  }

  private func work(_ tasks: [MaintenanceTask], _ stop: StopSign) async {
    var schedule = MaintenanceSchedule(tasks, configuration, now: now)
    let thread = environment.makeIOThread()
    while !stop.isUp.load(ordering: .relaxed), !isClosed {
      for task in schedule.takeDue(now: now) {
        await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
          thread.enqueue {
            self.maintain(task) { stop.isUp.load(ordering: .relaxed) || self.isClosed }
            unsafe continuation.resume()
          }
        }
      }
      guard let pause = schedule.pause(now: now) else { return }
      // A directory that was closed meanwhile is noticed a second later.
      do { try await Task.sleep(for: .milliseconds(min(1000, max(1, pause)))) } catch { return }
    }
  }

  private var now: Int64 { environment.monotonicNanoseconds() / 1_000_000 }
  var isClosed: Bool { table.withLock { $0.isClosed } }

  /// Does one task for all logs, and returns when it is done or `mustStop` says so.
  package func maintain(_ task: MaintenanceTask, mustStop: @escaping @Sendable () -> Bool = { false }) {
    switch task {
    case .flush: flushAll(mustStop)
    case .checkpoint: noteCheckpoint()
    case .scrub: scrubAll(mustStop)
    }
  }

  private func flushAll(_ mustStop: @escaping @Sendable () -> Bool) {
    let logs = openedLogs().map(\.log).filter { $0.recoveryPoint < $0.logEndOffset }
    SideBySide.run(logs.count, threads: configuration.threads, environment) { place in
      if mustStop() { return }
      // A log whose sync fails is poisoned, and says so to everybody who asks for its health.
      do throws(LogError) { try logs[place].flush() } catch {}
    }
  }

  private func noteCheckpoint() {
    var failure: LogError?
    do throws(LogError) { try checkpoint() } catch { if error.code != .closed { failure = error } }
    let found = failure
    maintenance.withLock { $0.health.checkpointFailure = found }
  }

  private func scrubAll(_ mustStop: @escaping @Sendable () -> Bool) {
    let names = logs
    let share = max(1, configuration.maintenanceBytesPerSecond / configuration.threads)
    SideBySide.run(names.count, threads: configuration.threads, environment) { place in
      if !mustStop() { self.scrub(names[place], bytesPerSecond: share, mustStop) }
    }
  }

  private func scrub(_ name: String, bytesPerSecond: Int, _ mustStop: () -> Bool) {
    guard let entry = table.withLock({ $0.entries[name] }) else { return }
    var failure: LogError?
    var report: VerificationReport?
    do throws(LogError) {
      report = try open(entry)?.verify(bytesPerSecond: bytesPerSecond) { _ in !mustStop() }
    } catch {
      // A segment that retention or a deletion has removed meanwhile is no failure.
      if error.code != .closed, error.code != .notFound { failure = error }
    }
    let (found, damages) = (failure, report?.damages)
    maintenance.withLock { state in
      state.health.failures[name] = found
      guard let damages else { return }
      state.health.damages[name] = damages.isEmpty ? nil : Array(damages.prefix(Self.notedDamages))
    }
  }

  /// So many damages of one log are noted.
  private static var notedDamages: Int { 100 }
}

/// Says to the threads that work that they are to end.
private final class StopSign: Sendable {
  let isUp = Atomic<Bool>(false)
}
