internal import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

/// A durable, append-only log of records in a folder of its own, in Apache Kafka's on-disk format.
///
/// Any number of threads may append, fetch and wait at once. Appending and fetching are plain calls; only waiting
/// has an `async` form. Nothing happens behind the caller's back but on the environment's I/O thread, which
/// starts with the first `async` call.
///
///     let log = try Log.open("data/orders")
///     let appended = try log.append(Record(key: "42", value: "…"))     // on the disk when it returns
///
///     var batches = log.fetch(from: appended.baseOffset)
///     while let batch = try batches.next() {
///       var records = try batch.records()
///       while let record = try records.next() { use(record.value) }
///     }
///
/// One process at a time may have it open for writing; others may read beside it. `close()` leaves it so that
/// the next open has nothing to repair; a log that just goes away is like a process that was killed: what was
/// durable is there.
public final class Log: Sendable {
  /// The folder.
  public let path: String
  /// What was asked for when it was opened.
  public let configuration: LogConfiguration
  /// Whether it may be appended to.
  public let access: LogAccess
  /// What opening it has found and done.
  public let recoveryReport: RecoveryReport

  let environment: LogEnvironment
  let state: Lock<LogState>
  /// nil in a log that was opened to be read.
  let appender: Lock<Appender?>
  let durablePoint: Lock<DurablePointFile?>
  let lock: LogLock?
  /// The budget of open files that it shares with the other logs of its directory; nil for a log that stands alone.
  let openLogs: OpenLogs?
  /// What the shared budget knows of it.
  let residence = Residence()
  /// Threads that wait for the turn of this parity to end (`syncTurn & 1`).
  let turnEnded: (EventCount, EventCount) = (EventCount(), EventCount())
  /// Appends of tasks, on their way to the I/O thread.
  let submissions = Lock(SubmissionQueue())
  /// A copy of the state's count of truncations, which readers compare after every batch. It changes before the
  /// first byte goes: a batch that was read before the comparison was still there.
  let truncationCount = Atomic<UInt64>(0)
  /// The producer ids that the log gives out; nil before the first.
  let producerIDs = Lock<ProducerIDs?>(nil)
  /// Producers of transactions that have ended.
  let idleProducers = Lock<[Producer]>([])
  /// Held by who replaces or removes sealed segments, and by who takes records back: one of them at a time.
  /// Whoever wants the appender's lock besides takes this one first.
  let maintaining = Lock(())
  /// A copy of whether the state is poisoned, for who stores records without a look at the state first.
  let isPoisoned = Atomic<Bool>(false)
  /// Held by who compacts.
  let compacting = Lock(())
  /// How many wait for a compaction to give way: it looks after every batch.
  let interruptions = Atomic<Int>(0)
  /// Held by who writes ahead of the appends. Whoever wants the appender's lock besides takes this one first.
  let preparing = Lock(())
  /// Whether whoever does so shall stop: the log is being closed.
  let stopsPreparing = Atomic<Bool>(false)
  /// Whether anybody ever did, and how many want the room for themselves just now.
  let hasPrepared = Atomic<Bool>(false)
  let spaceRequests = Atomic<Int>(0)
  /// Whether the log's thread is going to write ahead, and that thread; nil before it first does.
  let isPreparationScheduled = Atomic<Bool>(false)
  let preparationThread = Lock<(any IOThread)?>(nil)
  let latencies = Lock(LogLatencies())
  let recordCache: RecordCache
  /// Held while a log that is read beside its writer looks for what is new.
  let refreshing = Lock(())

  init(
    path: String, configuration: LogConfiguration, access: LogAccess, environment: LogEnvironment,
    recovered: consuming RecoveredLog, openLogs: OpenLogs? = nil
  ) {
    self.openLogs = openLogs
    self.path = path
    self.configuration = configuration
    // Of what another process truncates nobody tells a log that is only read.
    let remembers = access == .readWrite && !configuration.checksEveryRead
    recordCache = RecordCache(bytes: remembers ? configuration.recordCacheBytes : 0)
    self.access = access
    self.environment = environment
    recoveryReport = recovered.report
    state = Lock(recovered.state)
    durablePoint = Lock(recovered.durablePoint)
    lock = recovered.lock
    appender = Lock(recovered.appender)
  }

  /// The first offset that can be read.
  public var logStartOffset: Offset { state.withLock { $0.logStart } }

  /// The offset that the next record gets. In a log that was opened to be read: as it was when a reader last
  /// came to the end.
  public var logEndOffset: Offset { state.withLock { $0.logEnd } }

  /// The offset behind the last record that survives the loss of power. Kafka's recovery point.
  public var recoveryPoint: Offset { state.withLock { $0.durableEnd } }

  /// How far readers see that ask for `.highWatermark`: what is durable, or less where the owner has set less.
  public var highWatermark: Offset { state.withLock { $0.end(.highWatermark) } }

  /// Sets how far readers see that ask for `.highWatermark`. nil lets them see all that is durable.
  public func setHighWatermark(_ offset: Offset?) {
    let done = state.withLock { state in
      state.highWatermark = offset
      return state.takeVisible()
    }
    for waiter in done { waiter.resume(.success(())) }
  }

  /// The offsets whose records are gone: what salvage has found damaged. A reader that comes to them gets
  /// `.damaged`.
  public var lostOffsets: [Range<Offset>] { state.withLock { $0.lost.ranges } }

  /// Its segments, oldest first: base offset, bytes, and whether it is sealed.
  public var segments: [SegmentInfo] {
    state.withLock { state in
      (state.sealed + [state.active]).map {
        SegmentInfo(
          baseOffset: $0.baseOffset, path: $0.segment.path(.log), bytes: $0.progress.position,
          isSealed: $0.isSealed)
      }
    }
  }

  /// Traps where an invariant does not hold. Tests call it; debug builds do after every change.
  package func checkInvariants() {
    state.withLock { $0.checkInvariants() }
  }
}

/// One segment of a log, as it was when it was asked for.
public struct SegmentInfo: Hashable, Sendable {
  /// The offset with which it begins.
  public var baseOffset: Offset
  /// The file of batches.
  public var path: String
  /// The bytes of its batches.
  public var bytes: Int64
  /// Whether it is closed, and never written again.
  public var isSealed: Bool
}

extension LogState {
  /// Takes out who waits for something to see, and can.
  mutating func takeVisible() -> [Waiter] {
    guard !waiters.isEmpty else { return [] }
    let state = self
    return takeWaiters { waiter in
      if case .visible = waiter.event { return waiter.isDone(state) }
      return false
    }
  }
}
