internal import StrataIO
internal import StrataLock

/// What a log has done since it was opened: a plain value, to look at, to subtract from a later one, or to hand to
/// whatever collects metrics.
public struct LogStatistics: Hashable, Sendable {
  /// Batches, records and bytes that were appended.
  public var appendedBatches: UInt64 { counts.appendedBatches }
  /// See `appendedBatches`.
  public var appendedRecords: UInt64 { counts.appendedRecords }
  /// See `appendedBatches`.
  public var appendedBytes: UInt64 { counts.appendedBytes }
  /// Calls of `fdatasync` on segments. Less than the synced appends where writers shared one.
  public var synchronizations: UInt64 { counts.synchronizations }
  /// Segments that were begun.
  public var rolledSegments: UInt64 { counts.rolledSegments }
  /// Segments that retention or `deleteRecords(before:)` has removed.
  public var removedSegments: UInt64 { counts.removedSegments }
  /// Segments that compaction has put in the place of others.
  public var compactedSegments: UInt64 { counts.compactedSegments }
  /// How often records were taken back.
  public var truncations: UInt64
  /// How long each `fdatasync` for waiting writers took, in nanoseconds, and what is written down behind it.
  public var synchronizationLatency: LatencyHistogram
  /// How long each thread waited for records to become durable that were not yet, in nanoseconds. Tasks whose appends
  /// share a commit count as the one thread that waits for them; a task's own `waitUntilDurable` is not counted.
  public var durabilityLatency: LatencyHistogram
  /// How long each change to a new segment took, in nanoseconds. Appends wait for it.
  public var rollLatency: LatencyHistogram

  let counts: LogCounts

  init(_ counts: LogCounts, truncations: UInt64, _ latencies: LogLatencies) {
    self.counts = counts
    self.truncations = truncations
    synchronizationLatency = latencies.synchronization
    durabilityLatency = latencies.durability
    rollLatency = latencies.roll
  }
}

/// What is counted of a log under the lock of its state.
struct LogCounts: Hashable, Sendable {
  var appendedBatches: UInt64 = 0
  var appendedRecords: UInt64 = 0
  var appendedBytes: UInt64 = 0
  var synchronizations: UInt64 = 0
  var rolledSegments: UInt64 = 0
  var removedSegments: UInt64 = 0
  var compactedSegments: UInt64 = 0
}

/// How long took what waits for the disk. Behind a lock of its own: the state is copied at every sync.
struct LogLatencies: Sendable {
  var synchronization = LatencyHistogram()
  var durability = LatencyHistogram()
  var roll = LatencyHistogram()
}

extension Log {
  /// What it has done since it was opened.
  public var statistics: LogStatistics {
    let (counts, truncations) = state.withLock { ($0.counts, $0.truncations.count) }
    return LogStatistics(counts, truncations: truncations, latencies.withLock { $0 })
  }

  /// Counts how long it is since `start`.
  func note(_ latency: any WritableKeyPath<LogLatencies, LatencyHistogram> & Sendable, since start: Int64) {
    let passed = environment.monotonicNanoseconds() - start
    latencies.withLock { $0[keyPath: latency].record(passed) }
  }
}
