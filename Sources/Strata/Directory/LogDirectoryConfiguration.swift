/// How a directory of logs behaves. Nothing of it is stored.
///
/// A log that is awake costs 5 descriptors, 2 mappings of `LogConfiguration.indexBytes` of addresses each, and some
/// 20 KiB of memory; each sealed segment of it that was read costs one descriptor and two mappings more. A log that
/// sleeps costs about 2 KiB of memory, and one that was not used since the directory was opened some 200 bytes.
public struct LogDirectoryConfiguration: Sendable {
  /// How each of its logs behaves.
  public var log = LogConfiguration()
  /// How those of its logs behave that are to behave otherwise, by their names.
  public var overrides: [String: LogConfiguration] = [:]
  /// Threads that open and close logs side by side, and on which `run()` works. Kafka:
  /// `num.recovery.threads.per.data.dir`, and its other pools of threads.
  public var threads = 2

  /// Files that may be open, cursors' and readers' included; above, logs that were not used lately give theirs back.
  /// What is being used at the moment is never taken away, so it needs some ten more for each thread that works. nil:
  /// half of what the process may have open, and at most 16,384.
  public var maximumOpenFiles: Int?
  /// Mappings that may exist; above, as with the files. Linux allows 65,530 in a process (`vm.max_map_count`).
  public var maximumMappings = 16_384
  /// Logs that may be awake. This bounds the memory that they take.
  public var maximumAwakeLogs = 4_096

  /// How often `run()` makes durable what was appended with `.buffered`, in milliseconds; nil is never. Kafka:
  /// `log.flush.scheduler.interval.ms`.
  public var flushMilliseconds: Int64? = 1_000
  /// How often `run()` writes Kafka's checkpoint files, in milliseconds; nil is never. Kafka:
  /// `log.flush.offset.checkpoint.interval.ms`.
  public var checkpointMilliseconds: Int64? = 60_000
  /// How long a transaction over several logs may take, in milliseconds, before `run()` aborts it; nil is for ever.
  /// Readers of what is committed wait for it so long. Kafka: `transaction.timeout.ms`.
  public var transactionTimeoutMilliseconds: Int64? = 60_000
  /// How often `run()` looks for transactions that take too long, or that nobody holds any more, in milliseconds; nil is
  /// never. Kafka: `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
  public var transactionCheckMilliseconds: Int64? = 10_000
  /// How often `run()` applies the retention of each log, in milliseconds; nil is never. Kafka:
  /// `log.retention.check.interval.ms`.
  public var retentionMilliseconds: Int64? = 300_000
  /// How often `run()` looks for logs that are due to be compacted, in milliseconds; nil is never. Kafka:
  /// `log.cleaner.backoff.ms`.
  public var compactionMilliseconds: Int64? = 15_000
  /// The memory for keys of all compactions together, in bytes. Kafka: `log.cleaner.dedupe.buffer.size`.
  public var compactionKeyBytes = 128 << 20
  /// How often `run()` reads each log to find damage that nobody has met yet, in milliseconds; nil is never.
  public var scrubMilliseconds: Int64? = 7 * 24 * 3600 * 1000
  /// The bytes a second that `run()` reads at most to compact, and as many to look for damage, all threads together.
  /// Kafka: `log.cleaner.io.max.bytes.per.second`.
  public var maintenanceBytesPerSecond = 32 << 20

  /// The defaults.
  public init() {}

  /// Traps where a value makes no sense: that is a mistake in a program.
  func checkSense() {
    log.checkSense()
    for configuration in overrides.values { configuration.checkSense() }
    precondition((1...1024).contains(threads), "threads has to be in 1...1024")
    precondition(maximumOpenFiles ?? 16 >= 16, "maximumOpenFiles has to be 16 or more, or nil")
    precondition(maximumMappings >= 8, "maximumMappings has to be 8 or more")
    precondition(maximumAwakeLogs >= 1, "maximumAwakeLogs has to be 1 or more")
    let intervals = [
      flushMilliseconds, checkpointMilliseconds, transactionTimeoutMilliseconds, transactionCheckMilliseconds,
      retentionMilliseconds, compactionMilliseconds, scrubMilliseconds,
    ]
    precondition(compactionKeyBytes >= threads, "compactionKeyBytes has to be 1 or more for each thread")
    for interval in intervals {
      precondition(interval ?? 1 > 0, "an interval has to be above 0, or nil")
    }
    precondition(maintenanceBytesPerSecond > 0, "maintenanceBytesPerSecond has to be above 0")
  }
}
