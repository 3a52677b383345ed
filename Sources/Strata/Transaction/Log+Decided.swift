internal import StrataIO
internal import StrataLock
internal import StrataRecords

/// What one log has of a transaction over several: enough to tell, later, that it still has all of it.
struct TransactionPart: Sendable {
  var key: TransactionDecisions.Key
  /// The offset of its first record in the log.
  var firstOffset: Offset
  /// The offset of its last record in the log.
  var lastOffset: Offset
  /// The sequence number behind its last record.
  var nextSequence: Int32

  /// Throws where the log has more of the transaction, or less, than was appended to it.
  func check(_ entry: ProducerEntry?) throws(ProducerRefusal) {
    if let entry, entry.epoch > key.epoch {
      throw ProducerRefusal(
        .fencedProducer,
        "producer \(key.producerID) was taken over; the transaction of its epoch \(key.epoch) is over")
    }
    guard let entry, entry.epoch == key.epoch, entry.transactionStart == firstOffset,
      entry.nextSequence == nextSequence
    else {
      throw ProducerRefusal(
        .invalidTransactionState,
        "the log has not all of the transaction any more: it was truncated, or opened anew; abort the transaction"
      )
    }
  }
}

extension Log {
  /// Throws where the log has not all that was appended to it in a transaction.
  func check(_ part: TransactionPart) throws(LogError) {
    if Mutants.leavesOut(.wholeTransaction) { return }
    let entry = state.withLock { $0.producers[part.key.producerID] }
    do throws(ProducerRefusal) { try part.check(entry) } catch { throw LogError(error, path: path) }
  }

  /// Appends the end marker of a transaction over several logs, and fences its epoch: the producer goes on with the
  /// next one. nil where the log has nothing of it under way, which it had not, or which was ended by somebody else.
  /// `part`: what has to be there.
  func endTransaction(
    _ kind: ControlRecord.Kind, of key: TransactionDecisions.Key, having part: TransactionPart? = nil
  ) throws(LogError) -> AppendedBatch? {
    try withAppender { appender throws(LogError) in
      if let part { try check(part) }
      let known = state.withLock { $0.producers[key.producerID] }
      guard let known, known.epoch == key.epoch, known.transactionStart != nil else { return nil }
      let epoch = key.epoch == .max ? .max : key.epoch + 1
      return try put(
        ControlRecord(kind, coordinatorEpoch: max(known.coordinatorEpoch, 0)), producerID: key.producerID,
        producerEpoch: epoch, known, into: &appender)
    }
  }

  /// Ends transactions over several logs that are under way here, by `outcome`: nil leaves one as it is. What that has
  /// changed is durable when it returns.
  ///
  /// A transaction that nobody has committed is left as it is where records behind its beginning are lost: the end
  /// marker may be among them.
  func endTransactions(
    by outcome: (TransactionDecisions.Key) -> ControlRecord.Kind?
  ) throws(LogError) {
    let (open, lost) = state.withLock { state in
      (state.producers.open.map { ($0, state.producers[$0.producerID]?.epoch ?? 0) }, state.lost)
    }
    var last: AppendedBatch?
    for (transaction, epoch) in open {
      let key = TransactionDecisions.Key(producerID: transaction.producerID, epoch: epoch)
      guard let kind = outcome(key), kind == .commit || !lost.mayConcern(transaction) else { continue }
      last = try endTransaction(kind, of: key) ?? last
    }
    if let last { try commit(through: last.lastOffset) }
  }

  /// Ends what the folder above knows the end of, in a log that is opened alone: nobody has the directory then, or
  /// this log's lock on it could not be had. The file stays as it is, since other logs may need it.
  func endTransactionsOfDirectory() throws(LogError) {
    let found: TransactionDecisions.Found
    do throws(IOError) {
      found = try TransactionDecisions.load(SegmentFiles.parent(of: path), environment.fileSystem)
    } catch {
      guard error.code == .permissionDenied || error.code == .notDirectory else { throw LogError(error) }
      return
    }
    // Where nobody knows how they end, they stay under way, and what is committed ends before them.
    guard case .decisions(let decisions) = found else { return }
    try endTransactions { decisions.outcome(of: $0) }
  }
}

extension LostOffsets {
  /// Whether records are gone that may have been of a transaction, or have ended it.
  func mayConcern(_ transaction: OpenTransaction) -> Bool {
    isUnreadable || ranges.contains { $0.upperBound > transaction.firstOffset }
  }
}
