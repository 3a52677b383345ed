internal import StrataIO
internal import StrataLock
public import StrataRecords

/// Records of one log that count all together or not at all.
///
///     let transaction = try log.beginTransaction()
///     try transaction.append(Record(value: "a"))
///     try transaction.append(Record(value: "b"))
///     try transaction.commit()
///
/// Readers with `.committed` see nothing of it before it is committed, and nothing at all where it was aborted; and
/// nothing behind its first record while it is under way. One that was not ended when the log was closed, or its
/// process killed, is aborted by the next opening.
///
/// Any number of threads may append to one transaction.
public final class Transaction: Sendable {
  /// The log that it belongs to.
  public let log: Log
  private let state: Lock<State>
  private let writer: IdempotentWriter

  private struct State: Sendable {
    var hasRecords = false
    var isEnded = false
  }

  init(log: Log, writer: IdempotentWriter) {
    self.log = log
    self.writer = writer
    state = Lock(State())
  }

  /// The producer's number.
  public var producerID: Int64 { writer.id }
  /// The producer's epoch.
  public var producerEpoch: Int16 { writer.epoch }

  /// Appends records as one batch of the transaction. They are `.buffered` if nothing else is said: committing makes
  /// them durable.
  ///
  /// - Throws: `.invalidTransactionState` where the transaction has ended; `.fencedProducer` where its producer was
  ///   taken over; else as `Log.append`, after which the same may be tried again.
  @discardableResult
  public func append(
    _ records: some Collection<Record>, durability: Durability = .buffered
  ) throws(LogError) -> AppendedBatch {
    try state.withLock { state throws(LogError) in
      try check(state)
      let appended = try writer.append(records, durability: .buffered, isTransactional: true)
      state.hasRecords = true
      return appended
    }.settled(in: log, durability)
  }

  /// Appends one record.
  ///
  /// - Throws: as for several.
  @discardableResult
  public func append(
    _ record: Record, durability: Durability = .buffered
  ) throws(LogError) -> AppendedBatch {
    try append(CollectionOfOne(record), durability: durability)
  }

  /// Lets its records count. Returns when that is as durable as `durability` says (nil: as the log's configuration).
  ///
  /// - Throws: `.invalidTransactionState` where it has ended; `.fencedProducer`, and what appending throws. Where it
  ///   throws another error than these two nobody knows yet how it ends: try again, or abort it.
  public func commit(durability: Durability? = nil) throws(LogError) {
    try end(.commit, durability)
  }

  /// Lets its records never be seen by who reads what is committed.
  ///
  /// - Throws: as `commit`.
  public func abort(durability: Durability? = nil) throws(LogError) {
    try end(.abort, durability)
  }

  private func end(_ kind: ControlRecord.Kind, _ durability: Durability?) throws(LogError) {
    let marker = try state.withLock { state throws(LogError) -> AppendedBatch? in
      try check(state)
      guard state.hasRecords else {
        state.isEnded = true
        return nil
      }
      let marker = try log.endTransaction(
        kind, producerID: writer.id, producerEpoch: writer.epoch, durability: .buffered)
      state.isEnded = true
      return marker
    }
    log.giveBack(writer.next)
    _ = try marker?.settled(in: log, durability)
  }

  private func check(_ state: State) throws(LogError) {
    guard state.isEnded else { return }
    throw LogError(
      .invalidTransactionState, path: log.path, detail: "the transaction has ended; begin another one")
  }
}

extension AppendedBatch {
  fileprivate func settled(in log: Log, _ durability: Durability?) throws(LogError) -> AppendedBatch {
    try log.settle(self, durability)
    return self
  }
}

extension Log {
  /// Begins a transaction, which is ended by `commit()` or `abort()`. Any number may be under way at once, each with
  /// a producer of its own.
  ///
  /// - Throws: as `makeWriter()`.
  public func beginTransaction() throws(LogError) -> Transaction {
    try checkUsable()
    let idle = idleProducers.withLock { $0.popLast() }
    if let idle { return Transaction(log: self, writer: IdempotentWriter(log: self, idle)) }
    return Transaction(log: self, writer: try makeWriter())
  }

  /// Runs `body` in a transaction, which is committed when it returns and aborted when it throws.
  ///
  /// - Throws: what `body` throws, and as `Transaction.commit`.
  @discardableResult
  public func withTransaction<R>(
    durability: Durability? = nil, _ body: (Transaction) throws -> R
  ) throws -> R {
    let transaction = try beginTransaction()
    let result: R
    do { result = try body(transaction) } catch {
      // What cannot be aborted now is aborted by the next opening.
      try? transaction.abort(durability: .buffered)
      throw error
    }
    try transaction.commit(durability: durability)
    return result
  }

  /// The producer of a transaction that has ended begins the next one.
  func giveBack(_ producer: Producer) {
    idleProducers.withLock { $0.append(producer) }
  }

  /// Aborts the transactions that nobody is going to end: those of the log's own producers, whose process is gone. With
  /// the next epoch, so that whoever still holds one of those producers is fenced.
  ///
  /// Transactions of other producers are their coordinator's. One with lost records behind its beginning may have had
  /// its end among them, and is left as it is.
  package func abortAbandonedTransactions() throws(LogError) {
    let (open, lost) = state.withLock { ($0.producers.open, $0.lost) }
    guard !open.isEmpty, let ids = try ProducerIDs.load(path, environment.fileSystem) else { return }
    for transaction in open where ids.own.contains(transaction.producerID) && !lost.mayConcern(transaction) {
      guard let entry = state.withLock({ $0.producers[transaction.producerID] }) else { continue }
      try abort(entry, epoch: entry.epoch == .max ? .max : entry.epoch + 1)
    }
  }
}
