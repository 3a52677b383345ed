internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// Which logs of a directory cannot be used as they should.
public struct LogDirectoryHealth: Sendable {
  /// Logs that could not be opened, whose disk has failed so that they take nothing more, or of which `run()` could not
  /// do its work, and why. The others are not concerned.
  public var failures: [String: LogError] = [:]
  /// Damage that `run()` has found while it read the logs.
  public var damages: [String: [VerificationReport.Damage]] = [:]
  /// Why no transaction over several logs can be begun: nobody knows which earlier ones were committed. nil where it is
  /// known.
  public var transactionFailure: LogError?
  /// The last failure of writing the directory's own files; nil where they were written since.
  public var checkpointFailure: LogError?

  /// Whether there is nothing to tell.
  public var isGood: Bool {
    failures.isEmpty && damages.isEmpty && checkpointFailure == nil && transactionFailure == nil
  }
}

/// How much of a directory is open.
public struct LogDirectoryStatistics: Hashable, Sendable {
  /// All of its logs.
  public var logs = 0
  /// Those that may have files open.
  public var awakeLogs = 0
  /// Files and mappings that are open, cursors' and readers' included; the directory's lock is not counted.
  public var openFiles = 0
  public var mappings = 0
  /// How often a log gave its files back to make room for another.
  public var fellAsleep: UInt64 = 0
}

extension LogDirectory {
  /// Which logs cannot be used, by what was met so far. Takes no look at the disk.
  public var health: LogDirectoryHealth {
    let found = maintenance.withLock { $0 }
    var health = LogDirectoryHealth()
    health.transactionFailure = transactions.failure
    (health.damages, health.checkpointFailure) = (found.damages, found.checkpointFailure)
    for task in MaintenanceTask.allCases {
      health.failures.merge(found.failures[task] ?? [:]) { first, _ in first }
    }
    let entries = table.withLock { Array($0.entries.values) }
    for entry in entries {
      let (log, failure) = entry.slot.withLock { ($0.log, $0.failure) }
      if let failure = failure ?? log?.state.withLock({ $0.poison }) {
        health.failures[entry.name.text] = failure
      }
    }
    return health
  }

  /// How much is open now.
  public var statistics: LogDirectoryStatistics {
    var statistics = LogDirectoryStatistics()
    statistics.logs = table.withLock { $0.entries.count }
    statistics.awakeLogs = openLogs.awakeCount
    statistics.openFiles = openLogs.counts.files.load(ordering: .relaxed)
    statistics.mappings = openLogs.counts.mappings.load(ordering: .relaxed)
    statistics.fellAsleep = openLogs.putToSleep.load(ordering: .relaxed)
    return statistics
  }
}
