public import StrataRecords

/// How a log behaves. Nothing of it is stored: the next open may choose otherwise.
public struct LogConfiguration: Sendable {
  /// The size at which a segment is closed and the next begun, in bytes; a larger one makes retention and
  /// compaction coarser. 1 MiB at least is sensible; 2 GiB − 1 at most. Kafka: `segment.bytes`.
  public var segmentBytes = 1 << 30
  /// The age at which a segment is closed, in milliseconds: between its first record's timestamp and the
  /// newest one. nil is never. Kafka: `segment.ms`.
  public var segmentMilliseconds: Int64? = 7 * 24 * 3600 * 1000
  /// Bytes of log between two entries of the offset index. Smaller finds faster, and takes more memory: 8 + 12
  /// bytes an entry. Kafka: `index.interval.bytes`.
  public var indexIntervalBytes = 4096
  /// The largest size of an index, in bytes; a segment whose index is full is closed. Kafka:
  /// `segment.index.bytes`.
  public var indexBytes = 10 << 20
  /// The largest batch that is taken, in bytes as it lies in the log. Kafka: `max.message.bytes` (1 MiB).
  public var maximumBatchBytes = 64 << 20
  /// What is prepared of a segment before its bytes are written.
  public var preparation = SegmentPreparation.allocated
  /// How small appends are written.
  public var writing = WritingMode.copied
  /// How sealed segments are read.
  public var reading = ReadingMode.copied
  /// Whether every read checks the whole batch. If not, looking a single record up reads its batch whole the first
  /// time, and afterwards only the record and its neighbours.
  public var checksEveryRead = false
  /// What looking single records up may take of memory, in bytes: to remember where the records of a batch lie, and
  /// those that are asked for again. 0: nothing is remembered; nor is it by a log that was opened to be read.
  public var recordCacheBytes = 8 << 20
  /// What an append waits for that does not say so itself.
  public var durability = Durability.synced
  /// How long a producer is remembered that nothing was heard of, in milliseconds: between the timestamp of its last
  /// batch and the wall clock, looked at when the log is opened and a segment begun. A batch that it repeats later is
  /// appended a second time. A producer with a transaction under way stays. Kafka: `producer.id.expiration.ms`.
  public var producerExpirationMilliseconds: Int64 = 24 * 3600 * 1000
  /// The most producers that are remembered at once; one more is refused with `.tooManyProducers`. Each costs about
  /// 300 bytes of memory, and 46 in a snapshot. Kafka has no such bound.
  public var maximumProducers = 1 << 20
  /// How records are compressed that are appended one by one or as a collection; built batches stay as they are.
  public var compression = Compression.none
  /// What `applyRetention` and `compact` do to old records. Kafka: `cleanup.policy`.
  public var cleanupPolicy = CleanupPolicy.delete
  /// How long records are kept, in milliseconds: a segment goes when its newest record is older, or its file where
  /// the record claims to be from the future. nil, the default, is for ever. Kafka: `retention.ms` (7 days).
  public var retentionMilliseconds: Int64?
  /// How many bytes of batches are kept at least; what is more goes a segment at a time. nil is all. Kafka:
  /// `retention.bytes`.
  public var retentionBytes: Int64?
  /// The part of what may be compacted, in bytes and 0 to 1, that has to be dirty before `compact` does something that
  /// was asked to do it when due. Kafka: `min.cleanable.dirty.ratio`.
  public var minimumDirtyRatio = 0.5
  /// How long a record stays at least before it may be compacted away, in milliseconds. Kafka:
  /// `min.compaction.lag.ms`.
  public var minimumCompactionLagMilliseconds: Int64 = 0
  /// How old, in milliseconds, a record that was not compacted may get before compacting is due whatever there is of
  /// it; the segment that is appended to ends for it. nil is any age. Kafka: `max.compaction.lag.ms`.
  public var maximumCompactionLagMilliseconds: Int64?
  /// How long a tombstone can be read after the compaction that first met it, in milliseconds: who reads the whole log
  /// in that time learns of it. Kafka: `delete.retention.ms` (1 day).
  public var deleteRetentionMilliseconds: Int64 = 24 * 3600 * 1000
  /// What opening does about damage below the known durable point.
  public var recovery = RecoveryPolicy.refuse
  /// What a parser may take of memory and time.
  public var limits = ParsingLimits.standard

  /// The defaults.
  public init() {}

  /// Traps where a value makes no sense: that is a mistake in a program, not something that happens to it.
  func checkSense() {
    let positions = 1...Int(Int32.max)
    precondition(positions.contains(segmentBytes), "segmentBytes has to be in \(positions)")
    precondition(indexIntervalBytes >= 0, "indexIntervalBytes has to be 0 or more")
    precondition(
      indexBytes >= 24 && positions.contains(indexBytes), "indexBytes has to be in 24...\(Int32.max)")
    precondition(positions.contains(maximumBatchBytes), "maximumBatchBytes has to be in \(positions)")
    precondition(maximumBatchBytes <= limits.batchBytes, "maximumBatchBytes is above limits.batchBytes")
    precondition(
      writing == .copied || preparation != .none, "writing .mapped needs a preparation other than .none")
    precondition(producerExpirationMilliseconds > 0, "producerExpirationMilliseconds has to be above 0")
    precondition(recordCacheBytes >= 0, "recordCacheBytes has to be 0 or more")
    precondition(maximumProducers > 0, "maximumProducers has to be above 0")
    precondition(segmentMilliseconds ?? 1 > 0, "segmentMilliseconds has to be above 0, or nil")
    precondition(retentionMilliseconds ?? 0 >= 0, "retentionMilliseconds has to be 0 or more, or nil")
    precondition((0...1).contains(minimumDirtyRatio), "minimumDirtyRatio has to be in 0...1")
    precondition(
      minimumCompactionLagMilliseconds >= 0, "minimumCompactionLagMilliseconds has to be 0 or more")
    precondition(
      maximumCompactionLagMilliseconds ?? 0 >= 0,
      "maximumCompactionLagMilliseconds has to be 0 or more, or nil")
    precondition(deleteRetentionMilliseconds >= 0, "deleteRetentionMilliseconds has to be 0 or more")
    precondition(retentionBytes ?? 0 >= 0, "retentionBytes has to be 0 or more, or nil")
  }
}

/// How the space of a segment is made ready.
@nonexhaustive
public enum SegmentPreparation: Hashable, Sendable {
  /// Not at all: every append allocates.
  case none
  /// Blocks are reserved up to 64 MiB at a time, and the file is written to the next 16 KiB, with zeros behind
  /// the last batch: appends are about a third faster, and a sync of small ones has no journal to wait for. Closing
  /// and sealing cut the file to its batches.
  case allocated
  /// As `allocated`, and zeros are written ahead of the appends, in this segment and the next one's file, by a thread
  /// of the log's own: a sync of records that come to lie on them has no journal to wait for, which about halves its
  /// time. Everything is written twice for it, and while the zeros go to the disk a sync may wait for a mebibyte of
  /// them: it is for logs whose syncs are many and small, or that have idle times. Where the appends are faster than
  /// the thread, it lets them go.
  ///
  /// It runs ahead by as much as the segment has, 1 to 64 MiB, and costs so much room on the disk; `Log.prepare` runs
  /// ahead further, at a time of your choice. A full disk takes the room back. After a crash, opening reads over the
  /// zeros.
  case written
}

/// How small appends get to the file; large ones are always written by a system call.
@nonexhaustive
public enum WritingMode: Hashable, Sendable {
  /// Copied by a system call: an error of the disk is an error that is thrown.
  case copied
  /// Batches of up to 16 KiB are stored through a mapping of the active segment, over blocks that it has: a record
  /// takes a fraction of the time of a system call. What is durable when is the same. An error of the disk kills the
  /// process (`SIGBUS`) where a page has to be read for a store; so does another process that shortens the file, and a
  /// full disk of a file system that gives a block another place when it is written (Btrfs, or XFS with reflinks).
  /// `preparation` must not be `none`. The file is as large as what is allocated ahead of its records, 1 to 64 MiB,
  /// until it is closed.
  case mapped
}

/// How the batches of sealed segments get to who reads them. The active segment is always copied: a truncation cuts it.
@nonexhaustive
public enum ReadingMode: Hashable, Sendable {
  /// Read into memory of the process: an error of the disk is an error that is thrown.
  case copied
  /// Looked at in place, in a mapping of the file: reading from the page cache is faster by about a third. An error
  /// of the disk, or another process that shortens a segment's file, kills this process (`SIGBUS`) when the bytes
  /// are touched; a batch that is held keeps its segment's file mapped.
  case mapped
}

/// What becomes of old records. Nothing does by itself: `Log.applyRetention` and `Log.compact` go by it.
@nonexhaustive
public enum CleanupPolicy: Hashable, Sendable {
  /// They go by age and by size.
  case delete
  /// Of the records of one key the newest stays; records without a key go.
  case compact
  /// Both.
  case compactAndDelete
}

/// What an append waits for.
@nonexhaustive
public enum Durability: Hashable, Sendable {
  /// An `fdatasync` that began after the write has succeeded: the records survive the loss of power. Writers
  /// that wait at the same time share one.
  case synced
  /// The kernel has the bytes: the records survive the end of the process. `waitUntilDurable` and `flush` wait
  /// for the rest later.
  case buffered
}

/// What opening does about damage in bytes that were durable.
@nonexhaustive
public enum RecoveryPolicy: Hashable, Sendable {
  /// Opening throws `.damaged`, naming file, position and offsets. Nothing is changed.
  case refuse
  /// Opening reads the whole log as far as it was durable, and rewrites a segment that is damaged without the
  /// damaged bytes. They are kept in a `.quarantine` file, and the offsets that are gone are written down: a
  /// reader that comes to them gets `.damaged`, and goes on behind them. Costs the time that reading takes, and
  /// as much room as one segment. `RecoveryReport` says what was done.
  case salvage
}

/// How far a reader sees.
@nonexhaustive
public enum FetchIsolation: Hashable, Sendable {
  /// Up to what survives the loss of power: nobody acts on what can be taken back.
  case durable
  /// Up to the high watermark that the owner has set, and never beyond what is durable.
  case highWatermark
  /// Up to everything that was appended.
  case logEnd
  /// What is decided: up to the last stable offset, without the records of aborted transactions and without end
  /// markers. It ends where the first transaction begins that is under way, or whose end marker is not on the disk
  /// yet, and never behind the high watermark. Kafka: `read_committed`.
  case committed
}

/// Where a reader begins.
@nonexhaustive
public enum LogStart: Hashable, Sendable {
  /// At the oldest record there is.
  case earliest
  /// Behind the newest record there is.
  case latest
  /// At this offset.
  case offset(Offset)
  /// At the first record that is not older.
  case timestamp(Timestamp)
}

/// What a log may be used for.
@nonexhaustive
public enum LogAccess: Hashable, Sendable {
  /// To append and to read. One holder at a time.
  case readWrite
  /// To read, also beside a writer. Nothing is written and nothing repaired.
  case readOnly
}

/// Where a batch came to lie.
public struct AppendedBatch: Hashable, Sendable {
  /// The offset of its first record.
  public var baseOffset: Offset
  /// The offset of its last record.
  public var lastOffset: Offset
  /// Whether it had been appended before: then these are the offsets that it got then, and nothing was appended.
  /// Only batches of a producer are known again, each producer's last five.
  public var isDuplicate: Bool

  package init(baseOffset: Offset, lastOffset: Offset, isDuplicate: Bool = false) {
    self.baseOffset = baseOffset
    self.lastOffset = lastOffset
    self.isDuplicate = isDuplicate
  }
}
