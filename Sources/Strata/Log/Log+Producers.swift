internal import StrataIO
internal import StrataLock
public import StrataRecords

/// Batches of producers: known again when they come twice, refused when one before them is missing.
extension Log {
  /// The offset behind which something is undecided: where the first transaction begins that is under way, or whose
  /// end marker is not on the disk yet; else the high watermark. `FetchIsolation.committed` ends here. Kafka's.
  public var lastStableOffset: Offset { state.withLock { $0.end(.committed) } }

  /// The transactions that nobody has ended yet, by their first offsets.
  public var openTransactions: [OpenTransaction] { state.withLock { $0.producers.open } }

  /// The producers that the log remembers.
  package var producers: ProducerState { state.withLock { $0.producers } }

  /// Ends the transaction of a producer, by a marker that is appended: what it wrote is committed or aborted from
  /// then on, and the log's last stable offset moves on when the marker is durable. For who coordinates
  /// transactions over several logs or for others; `Transaction` does it by itself.
  ///
  /// `producerEpoch` may be above that of the transaction's data: who still writes with the earlier one is fenced
  /// then. Ending what is not under way leaves a marker, and changes nothing else.
  ///
  /// - Throws: `.fencedProducer` for an epoch of the producer or of the coordinator that is over; what appending
  ///   throws.
  @discardableResult
  public func endTransaction(
    _ kind: ControlRecord.Kind, producerID: Int64, producerEpoch: Int16, coordinatorEpoch: Int32 = 0,
    durability: Durability? = nil
  ) throws(LogError) -> AppendedBatch {
    precondition(kind == .commit || kind == .abort, "a transaction is committed or aborted")
    precondition(producerID >= 0 && producerEpoch >= 0, "no producer has a number or an epoch below 0")
    let appended = try withAppender { appender throws(LogError) in
      let known = state.withLock { $0.producers[producerID] } ?? ProducerEntry(id: producerID)
      return try put(
        ControlRecord(kind, coordinatorEpoch: coordinatorEpoch), producerID: producerID,
        producerEpoch: producerEpoch, known, into: &appender)
    }
    try settle(appended, durability)
    return appended
  }

  /// Appends an end marker of a producer of which so much is known.
  func put(
    _ marker: ControlRecord, producerID: Int64, producerEpoch: Int16, _ known: ProducerEntry,
    into appender: inout Appender
  ) throws(LogError) -> AppendedBatch {
    do throws(ProducerRefusal) {
      try known.checkMarker(epoch: producerEpoch, coordinatorEpoch: marker.coordinatorEpoch ?? 0)
    } catch { throw LogError(error, path: path) }
    let now = Timestamp(milliseconds: environment.wallClockMilliseconds())
    let batch: RecordBatch
    do throws(FormatError) {
      batch = try RecordBatch.endMarker(
        marker, producerID: producerID, producerEpoch: producerEpoch, timestamp: now)
    } catch { throw LogError(error, path: path) }
    return try put(CollectionOfOne(batch), into: &appender)
  }

  /// Appends batches of which some are a producer's: all that are new, or none. Returns the place of each.
  func putProducers(
    _ batches: some Collection<RecordBatch>, into appender: inout Appender
  ) throws(LogError) -> [AppendedBatch] {
    var touched: [Int64: ProducerEntry] = [:]
    var places: [AppendedBatch] = []
    var fresh: [RecordBatch] = []
    var base = appender.progress.nextOffset
    for batch in batches {
      var header = batch.header
      if header.producerID >= 0 {
        try checkProducer(header)
        let known = touched[header.producerID] ?? state.withLock { $0.producers[header.producerID] }
        var entry = known ?? ProducerEntry(id: header.producerID)
        if let earlier = entry.repeated(by: header) {
          places.append(
            AppendedBatch(
              baseOffset: earlier.baseOffset, lastOffset: earlier.lastOffset, isDuplicate: true))
          continue
        }
        do throws(ProducerRefusal) { try entry.check(header) } catch { throw LogError(error, path: path) }
        header.baseOffset = base
        _ = entry.take(header)
        touched[header.producerID] = entry
      }
      try check(batch)
      guard Int64(header.lastOffsetDelta) < Offset.max.rawValue - base.rawValue else {
        throw LogError(.offsetsExhausted, path: path, detail: "the log has no offset left")
      }
      let last = base + Int64(header.lastOffsetDelta)
      places.append(AppendedBatch(baseOffset: base, lastOffset: last))
      base = last.following
      fresh.append(batch)
    }
    try checkRoom(for: touched)
    if !fresh.isEmpty { _ = try put(fresh, into: &appender) }
    return places
  }

  private func checkProducer(_ header: RecordBatchHeader) throws(LogError) {
    guard header.attributes.isControl else { return }
    throw LogError(
      .invalidRecord, path: path,
      detail:
        "end markers are written by the log; use endTransaction, or appendReplica for another log's batches")
  }

  /// Throws where the log would have to remember too many producers.
  private func checkRoom(for touched: [Int64: ProducerEntry]) throws(LogError) {
    let limit = configuration.maximumProducers
    let isFull = state.withLock { state in
      func added() -> Int { touched.keys.count { state.producers[$0] == nil } }
      guard state.producers.count + touched.count > limit, state.producers.count + added() > limit else {
        return false
      }
      state.producers.removeExpired(
        at: environment.wallClockMilliseconds(), after: configuration.producerExpirationMilliseconds)
      return state.producers.count + added() > limit
    }
    guard isFull else { return }
    throw LogError(
      .tooManyProducers, path: path,
      detail: "the log remembers \(limit) producers (LogConfiguration.maximumProducers), and none has expired"
    )
  }
}

extension LogError {
  /// What a producer is told.
  init(_ refusal: ProducerRefusal, path: String) {
    self.init(refusal.code, path: path, detail: refusal.detail)
  }
}
