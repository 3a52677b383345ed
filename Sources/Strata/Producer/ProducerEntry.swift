package import StrataRecords

/// What a log remembers of one producer: so much that it can tell a batch that comes again from the next one, and
/// an earlier instance of the producer from the present one. The rules are Kafka's (`ProducerAppendInfo`,
/// `ProducerStateEntry`).
///
/// Invariant: at most five batches, oldest first, all of the present epoch; their offsets grow.
package struct ProducerEntry: Hashable, Sendable {
  /// A batch that was appended, by the sequence numbers that it had.
  package struct Batch: Hashable, Sendable {
    package var lastSequence: Int32
    package var lastOffset: Offset
    /// Its offsets less one.
    package var offsetDelta: Int32
    /// The largest timestamp of its records.
    package var timestamp: Timestamp

    package var baseOffset: Offset { lastOffset - Int64(offsetDelta) }
    package var baseSequence: Int32 { ProducerEntry.sequence(lastSequence, back: offsetDelta) }
  }

  /// So many batches of a producer are remembered: as many as a client of Kafka may have under way at once.
  package static let rememberedBatches = 5

  package let id: Int64
  /// The producer's present epoch; −1 where nothing is known of it.
  package internal(set) var epoch: Int16 = -1
  /// The epoch of the coordinator that wrote the last end marker; −1 where there was none.
  package internal(set) var coordinatorEpoch: Int32 = -1
  /// The timestamp of the last batch or marker.
  package internal(set) var lastTimestamp = Timestamp(milliseconds: -1)
  /// Where the transaction begins that is under way.
  package internal(set) var transactionStart: Offset?
  /// The last batches of this epoch.
  package private(set) var batches: [Batch] = []

  package init(id: Int64) { self.id = id }

  /// The sequence number of the last record; −1 where the epoch has none yet.
  package var lastSequence: Int32 { batches.last?.lastSequence ?? -1 }

  /// The sequence number that the next batch has to begin with.
  package var nextSequence: Int32 { lastSequence == .max ? 0 : lastSequence + 1 }

  /// The batch that `header` repeats; nil where it repeats none that is remembered.
  package func repeated(by header: RecordBatchHeader) -> Batch? {
    guard header.producerEpoch == epoch, header.baseSequence >= 0 else { return nil }
    let last = Self.sequence(header.baseSequence, on: header.lastOffsetDelta)
    return batches.first { $0.lastSequence == last && $0.baseSequence == header.baseSequence }
  }

  /// Throws where a producer may not append a batch with this header now.
  package func check(_ header: RecordBatchHeader) throws(ProducerRefusal) {
    try checkEpoch(header.producerEpoch)
    guard header.baseSequence >= 0 else {
      throw ProducerRefusal(
        .outOfOrderSequence, "producer \(id) gives a batch without a sequence number")
    }
    if header.producerEpoch != epoch {
      // Of a producer that nothing is known of any more, any number is the next.
      guard header.baseSequence == 0 || epoch < 0 else { throw gap(header, expected: 0) }
    } else if header.baseSequence != nextSequence {
      throw gap(header, expected: nextSequence)
    }
    if transactionStart != nil, !header.attributes.isTransactional {
      throw ProducerRefusal(
        .invalidTransactionState,
        "producer \(id) has a transaction under way, and the batch is not of it; end the transaction first")
    }
  }

  /// Throws where an end marker may not be written with these epochs.
  package func checkMarker(epoch: Int16, coordinatorEpoch: Int32) throws(ProducerRefusal) {
    try checkEpoch(epoch)
    guard coordinatorEpoch >= self.coordinatorEpoch else {
      throw ProducerRefusal(
        .fencedProducer,
        "the coordinator's epoch \(coordinatorEpoch) is over, producer \(id) has seen \(self.coordinatorEpoch)")
    }
  }

  private func checkEpoch(_ epoch: Int16) throws(ProducerRefusal) {
    guard epoch >= self.epoch, epoch >= 0 else {
      throw ProducerRefusal(
        .fencedProducer,
        "epoch \(epoch) of producer \(id) is over, it is \(self.epoch) now: another instance has taken over")
    }
  }

  private func gap(_ header: RecordBatchHeader, expected: Int32) -> ProducerRefusal {
    ProducerRefusal(
      .outOfOrderSequence,
      "producer \(id), epoch \(header.producerEpoch), comes with sequence number \(header.baseSequence) where "
        + "\(expected) is the next: a batch before it is missing, or it is an old one")
  }

  /// Takes in a batch of data that lies in the log. Whether it might come was asked before, or by somebody else.
  /// Returns whether a transaction begins with it.
  package mutating func take(_ header: RecordBatchHeader) -> Bool {
    begin(header.producerEpoch)
    if batches.count == Self.rememberedBatches { batches.removeFirst() }
    batches.append(
      Batch(
        lastSequence: Self.sequence(header.baseSequence, on: header.lastOffsetDelta),
        lastOffset: header.lastOffset, offsetDelta: header.lastOffsetDelta, timestamp: header.maxTimestamp))
    lastTimestamp = header.maxTimestamp
    guard header.attributes.isTransactional, transactionStart == nil else { return false }
    transactionStart = header.baseOffset
    return true
  }

  /// Takes in an end marker. Returns where the transaction began that it ends; nil where none was under way.
  package mutating func end(epoch: Int16, coordinatorEpoch: Int32, timestamp: Timestamp) -> Offset? {
    begin(epoch)
    self.coordinatorEpoch = coordinatorEpoch
    lastTimestamp = timestamp
    defer { transactionStart = nil }
    return transactionStart
  }

  private mutating func begin(_ epoch: Int16) {
    guard epoch != self.epoch else { return }
    batches.removeAll(keepingCapacity: true)
    self.epoch = epoch
  }

  /// Whether nothing was heard of it for `milliseconds`, and no transaction of it is under way.
  package func isExpired(at now: Int64, after milliseconds: Int64) -> Bool {
    guard transactionStart == nil else { return false }
    let (age, over) = now.subtractingReportingOverflow(lastTimestamp.milliseconds)
    return over ? now > lastTimestamp.milliseconds : age >= milliseconds
  }

  /// Takes the batch over that a snapshot has.
  package mutating func restore(_ batch: Batch) { batches = [batch] }

  /// Sequence numbers run from 0 to 2³¹−1, and then from 0 again.
  package static func sequence(_ sequence: Int32, on delta: Int32) -> Int32 {
    guard sequence >= 0 else { return sequence }
    return Int32(truncatingIfNeeded: (Int64(sequence) + Int64(delta)) & 0x7FFF_FFFF)
  }

  package static func sequence(_ sequence: Int32, back delta: Int32) -> Int32 {
    guard sequence >= 0 else { return sequence }
    return Int32(truncatingIfNeeded: (Int64(sequence) - Int64(delta)) & 0x7FFF_FFFF)
  }
}

/// Why a producer may not do what it asks for.
package struct ProducerRefusal: Error, Sendable {
  package var code: LogError.Code
  package var detail: String

  package init(_ code: LogError.Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }
}
