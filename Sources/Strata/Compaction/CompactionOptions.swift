public import StrataRecords

/// How one compaction goes about it.
public struct CompactionOptions: Sendable {
  /// What keys and offsets may take of memory, in bytes. With less, a compaction passes over the log more often; any
  /// number will do. Kafka: `log.cleaner.dedupe.buffer.size` (128 MiB).
  public var keyMapBytes = 128 << 20
  /// How fast it reads, in bytes a second; it writes less than that. nil is as fast as it can. Kafka:
  /// `log.cleaner.io.max.bytes.per.second`.
  public var bytesPerSecond: Int?
  /// Whether there has to be something to gain.
  public var trigger = CompactionTrigger.always
  /// Whether the segment that is appended to ends first, so that its records are compacted too.
  public var endsActiveSegment = false
  /// Whether it is to end at the next batch; asked by who works for somebody else.
  var mustStop: @Sendable () -> Bool = { false }

  /// The defaults.
  public init() {}

  func checkSense() {
    precondition(keyMapBytes > 0, "keyMapBytes has to be above 0")
    precondition(bytesPerSecond ?? 1 > 0, "bytesPerSecond has to be above 0, or nil")
  }
}

/// When a compaction does something.
@nonexhaustive
public enum CompactionTrigger: Hashable, Sendable {
  /// Whenever it is asked to.
  case always
  /// When the dirty part is as large as `LogConfiguration.minimumDirtyRatio` says, or as old as
  /// `maximumCompactionLagMilliseconds`.
  case whenDue
}

/// What a compaction has done.
public struct CompactionReport: Hashable, Sendable {
  /// Whether all that may be compacted was. It was not where a truncation, a close or a cancelled task stopped it.
  public var isComplete = false
  /// How often it went over the log: once for each time that the keys filled their memory.
  public var passes = 0
  /// Segments that were replaced, and those that took their places.
  public var replacedSegments = 0
  public var writtenSegments = 0
  /// Bytes of the segments that were replaced, and of those that took their places.
  public var replacedBytes: Int64 = 0
  public var writtenBytes: Int64 = 0
  /// Records that went.
  public var removedRecords: Int64 = 0
  /// Batches whose records cannot be read, because of what is in them or because their codec was not built. They
  /// stay as they are.
  public var unreadBatches: Int64 = 0
  /// The part of what may be compacted that was dirty before, 0 to 1.
  public var dirtyRatio = 0.0
  /// Below this offset the log is compacted.
  public var compactedThrough: Offset
  /// How long it took.
  public var nanoseconds: Int64 = 0

  init(compactedThrough: Offset) { self.compactedThrough = compactedThrough }
}
