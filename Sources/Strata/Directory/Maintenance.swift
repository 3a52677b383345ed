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
  /// Transactions over several logs that take too long, or that nobody holds any more, are aborted.
  case transactions
  /// Old records go.
  case retain
  /// Records go that newer ones have replaced.
  case compact
  /// Every log is read to find damage.
  case scrub

  /// Those of one group are done one after the other, the groups side by side: quick ones wait for no slow one.
  package static let groups: [[MaintenanceTask]] = [
    [.flush, .checkpoint, .transactions, .retain], [.compact], [.scrub],
  ]
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
    case .transactions: transactionCheckMilliseconds
    case .retain: retentionMilliseconds
    case .compact: compactionMilliseconds
    case .scrub: scrubMilliseconds
    }
  }
}

/// What maintenance has found out.
struct MaintenanceState: Sendable {
  var failures: [MaintenanceTask: [String: LogError]] = [:]
  var damages: [String: [VerificationReport.Damage]] = [:]
  var checkpointFailure: LogError?
  var isRunning = false
}

extension LogDirectory {
  /// Keeps the directory in order until the task is cancelled or the directory is closed: makes durable what was
  /// appended with `.buffered`, writes Kafka's checkpoint files, aborts transactions over several logs that take too
  /// long, applies the retention, compacts the logs that are due,
  /// and reads all of them to find damage, at the intervals of `LogDirectoryConfiguration`. Without it nothing of that
  /// happens.
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
      await withTaskGroup { group in
        for tasks in MaintenanceTask.groups { group.addTask { await self.work(tasks, stop) } }
      }
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
    case .transactions: endTransactions(mustStop)
    case .retain: retainAll(mustStop)
    case .compact: compactAll(mustStop)
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
    maintenance.withLock { $0.checkpointFailure = found }
  }

  /// What fails here is noted, until it succeeds; a log that was closed or deleted meanwhile does not count.
  func note(_ failure: LogError?, of task: MaintenanceTask, _ name: String) {
    let counts = failure.map { $0.code != .closed && $0.code != .notFound } ?? false
    maintenance.withLock { $0.failures[task, default: [:]][name] = counts ? failure : nil }
  }

  private func forEachLog(
    _ task: MaintenanceTask, _ mustStop: @escaping @Sendable () -> Bool,
    _ body: @escaping @Sendable (Log) throws(LogError) -> Void
  ) {
    let names = logs
    SideBySide.run(names.count, threads: configuration.threads, environment) { place in
      guard !mustStop(), let entry = self.table.withLock({ $0.entries[names[place]] }) else { return }
      var failure: LogError?
      do throws(LogError) { if let log = try self.open(entry) { try body(log) } } catch { failure = error }
      self.note(failure, of: task, names[place])
    }
  }

  private func retainAll(_ mustStop: @escaping @Sendable () -> Bool) {
    forEachLog(.retain, mustStop) { log throws(LogError) in
      let configuration = log.configuration
      guard configuration.cleanupPolicy != .compact,
        configuration.retentionMilliseconds != nil || configuration.retentionBytes != nil
      else { return }
      try log.applyRetention()
    }
  }

  private func compactAll(_ mustStop: @escaping @Sendable () -> Bool) {
    var options = CompactionOptions()
    options.trigger = .whenDue
    options.keyMapBytes = max(1, configuration.compactionKeyBytes / configuration.threads)
    options.bytesPerSecond = bytesPerThread
    options.mustStop = mustStop
    let chosen = options
    forEachLog(.compact, mustStop) { log throws(LogError) in
      if log.configuration.cleanupPolicy != .delete { try log.compact(chosen) }
    }
  }

  private var bytesPerThread: Int { max(1, configuration.maintenanceBytesPerSecond / configuration.threads) }

  private func scrubAll(_ mustStop: @escaping @Sendable () -> Bool) {
    forEachLog(.scrub, mustStop) { [self, share = bytesPerThread] log throws(LogError) in
      let report = try log.verify(bytesPerSecond: share) { _ in !mustStop() }
      let name = String(log.path.dropFirst(SegmentFiles.path(path, "").utf8.count))
      maintenance.withLock { state in
        let damages = Array(report.damages.prefix(Self.notedDamages))
        state.damages[name] = damages.isEmpty ? nil : damages
      }
    }
  }

  /// So many damages of one log are noted.
  private static var notedDamages: Int { 100 }
}

/// Says to the threads that work that they are to end.
private final class StopSign: Sendable {
  let isUp = Atomic<Bool>(false)
}
