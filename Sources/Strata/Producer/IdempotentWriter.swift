internal import StrataIO
internal import StrataLock
public import StrataRecords

/// Appends records of one producer, and never the same ones twice.
///
///     let writer = try log.makeWriter()
///     try writer.append([Record(value: "a"), Record(value: "b")])
///
/// Each batch carries the producer's id, its epoch and the sequence number of its first record. An append that threw
/// may be tried again with the same records in the same batch: if they had been appended after all, nothing is
/// appended a second time, and the answer says so. To go on like that after the process has ended, keep `next` beside
/// what is to be written, and hand it to `makeWriter(resuming:)`.
///
/// Any number of threads may use a writer; their batches go one after the other.
public final class IdempotentWriter: Sendable {
  /// The log that it writes to.
  public let log: Log
  /// The producer's number.
  public let id: Int64
  /// The producer's epoch. When another takes the producer over, its epoch is higher, and this one is fenced.
  public let epoch: Int16

  private let state: Lock<State>

  private struct State: ~Copyable {
    var nextSequence: Int32
    var builder: RecordBatchBuilder
    var isTransactional = false
  }

  init(log: Log, _ producer: Producer) {
    self.log = log
    id = producer.id
    epoch = producer.epoch
    state = Lock(
      State(
        nextSequence: producer.baseSequence,
        builder: RecordBatchBuilder(
          compression: log.configuration.compression, limits: log.configuration.limits)))
  }

  /// The producer, with the sequence number that its next record gets.
  public var next: Producer {
    Producer(id: id, epoch: epoch, baseSequence: state.withLock { $0.nextSequence })
  }

  /// Appends records as one batch. All of them are appended, or none.
  ///
  /// - Throws: `.fencedProducer` where another has taken the producer over; `.outOfOrderSequence` where it was resumed
  ///   with a number that is not the next; else as `Log.append`.
  @discardableResult
  public func append(
    _ records: some Collection<Record>, durability: Durability? = nil
  ) throws(LogError) -> AppendedBatch {
    try append(records, durability: durability, isTransactional: false)
  }

  /// Appends one record.
  ///
  /// - Throws: as for several.
  @discardableResult
  public func append(_ record: Record, durability: Durability? = nil) throws(LogError) -> AppendedBatch {
    try append(CollectionOfOne(record), durability: durability)
  }

  func append(
    _ records: some Collection<Record>, durability: Durability?, isTransactional: Bool
  ) throws(LogError) -> AppendedBatch {
    let now = Timestamp(milliseconds: log.environment.wallClockMilliseconds())
    let appended = try state.withLock { state throws(LogError) in
      let batch: RecordBatch
      do throws(FormatError) {
        state.builder.producer = Producer(id: id, epoch: epoch, baseSequence: state.nextSequence)
        state.builder.isTransactional = isTransactional
        state.builder.defaultTimestamp = now
        for record in records { try state.builder.append(record) }
        batch = try state.builder.finish()
      } catch {
        state.builder.removeAll()
        throw LogError(error, path: log.path)
      }
      let appended = try log.append(batch, durability: .buffered)
      state.nextSequence = ProducerEntry.sequence(state.nextSequence, on: Int32(batch.recordCount))
      return appended
    }
    // Others may append while this one waits for the disk.
    try log.settle(appended, durability)
    return appended
  }
}

extension Log {
  /// A writer of a producer of its own, with an id that no other of this log has or had.
  ///
  /// - Throws: `.damaged` where the file of producer ids cannot be read; `.noSpace`, `.closed`, `.readOnly`, `.io`.
  public func makeWriter() throws(LogError) -> IdempotentWriter {
    IdempotentWriter(log: self, Producer(id: try newProducerID(), epoch: 0, baseSequence: 0))
  }

  /// Goes on as a producer that has written before, at the sequence number that its next record gets: what was not
  /// acknowledged is appended again, and known if it is there.
  public func makeWriter(resuming producer: Producer) throws(LogError) -> IdempotentWriter {
    precondition(
      producer.id >= 0 && producer.epoch >= 0 && producer.baseSequence >= 0, "a producer that never wrote")
    try checkUsable()
    return IdempotentWriter(log: self, producer)
  }

  /// Takes a producer over: its transaction, if one is under way, is aborted, and whoever still writes as it gets
  /// `.fencedProducer` from now on, also when the log is opened again. Its sequence begins anew.
  ///
  /// The new epoch is written into the log, as the epoch of an abort marker. Behind the last epoch comes a new id.
  ///
  /// - Throws: as `makeWriter()`, and as appending does.
  public func makeWriter(takingOver id: Int64) throws(LogError) -> IdempotentWriter {
    precondition(id >= 0, "no producer has a number below 0")
    let known = state.withLock { $0.producers[id] }
    // The largest epoch is left for the marker that ends a producer.
    guard (known?.epoch ?? -1) < .max - 1 else {
      try abort(known!, epoch: .max)
      return try makeWriter()
    }
    let epoch = max((known?.epoch ?? -1) + 1, 0)
    try abort(known ?? ProducerEntry(id: id), epoch: epoch)
    return IdempotentWriter(log: self, Producer(id: id, epoch: epoch, baseSequence: 0))
  }

  func abort(_ entry: ProducerEntry, epoch: Int16) throws(LogError) {
    try endTransaction(
      .abort, producerID: entry.id, producerEpoch: epoch, coordinatorEpoch: max(entry.coordinatorEpoch, 0))
  }

  func newProducerID() throws(LogError) -> Int64 {
    guard access == .readWrite else {
      throw LogError(.readOnly, path: path, detail: "the log was opened to be read; open it with .readWrite")
    }
    try checkUsable()
    return try producerIDs.withLock { ids throws(LogError) in
      if ids == nil {
        // Higher ones are given out by directories.
        let known = state.withLock { state in
          state.producers.entries.keys.filter { $0 < TransactionDecisions.firstID }.max()
        }
        let loaded = try ProducerIDs.load(path, environment.fileSystem)
        ids = loaded ?? ProducerIDs(path, first: (known ?? -1) + 1)
      }
      while true {
        let id = try ids!.take(environment.fileSystem)
        // Another program may have used it.
        if state.withLock({ $0.producers[id] == nil }) { return id }
      }
    }
  }
}
