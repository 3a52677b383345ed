internal import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

extension Log {
  /// Appends one record, as a batch of its own.
  ///
  /// A record without a timestamp gets the environment's clock. Returns when the record is as durable as
  /// `durability` says (nil: as the configuration says).
  ///
  /// - Throws: `.noSpace`, after which the log is as before; `.poisoned`, `.closed`, `.readOnly`,
  ///   `.batchTooLarge`, `.invalidRecord`, `.codecNotBuilt`, `.io`.
  @discardableResult
  public func append(_ record: Record, durability: Durability? = nil) throws(LogError) -> AppendedBatch {
    if configuration.writing == .mapped, let stored = store(record) {
      try settle(stored, durability)
      return stored
    }
    return try append(CollectionOfOne(record), durability: durability)
  }

  /// Appends records as one batch, compressed as the configuration says. All of them are appended, or none.
  ///
  /// - Throws: as for one record; `.emptyBatch` where there is none.
  @discardableResult
  public func append(
    _ records: some Collection<Record>, durability: Durability? = nil
  ) throws(LogError) -> AppendedBatch {
    let now = Timestamp(milliseconds: environment.wallClockMilliseconds())
    let appended = try withAppender { appender throws(LogError) in
      let batch: RecordBatch
      do throws(FormatError) {
        appender.builder.defaultTimestamp = now
        for record in records { try appender.builder.append(record) }
        batch = try appender.builder.finish()
      } catch {
        appender.builder.removeAll()
        throw LogError(error, path: path)
      }
      return try put(CollectionOfOne(batch), into: &appender)
    }
    try settle(appended, durability)
    return appended
  }

  /// Appends a batch as it is, at the log's end: its base offset and leader epoch become the log's.
  ///
  /// A batch with a producer id has to follow that producer's last one. If it is one of its last five that comes
  /// again, nothing is appended, and the answer has the offsets that it got then (`isDuplicate`).
  ///
  /// - Throws: as for one record; `.emptyBatch`, `.invalidRecord` for a batch whose offsets have gaps;
  ///   `.outOfOrderSequence`, `.fencedProducer`, `.invalidTransactionState`, `.tooManyProducers`.
  @discardableResult
  public func append(
    _ batch: RecordBatch, durability: Durability? = nil
  ) throws(LogError) -> AppendedBatch {
    let appended = try withAppender { appender throws(LogError) in
      guard batch.header.producerID >= 0 else { return try put(CollectionOfOne(batch), into: &appender) }
      return try putProducers(CollectionOfOne(batch), into: &appender)[0]
    }
    try settle(appended, durability)
    return appended
  }

  /// Appends batches one behind another, in as few writes as it takes; small ones in one. Those that go into one
  /// segment are appended all or none. Returns the place of each.
  ///
  /// - Throws: as for one batch. Where batches before were appended already, `offsets` of the error says which.
  @discardableResult
  public func append(
    _ batches: [RecordBatch], durability: Durability? = nil
  ) throws(LogError) -> [AppendedBatch] {
    guard !batches.isEmpty else { return [] }
    if batches.contains(where: { $0.header.producerID >= 0 }) {
      let places = try withAppender { appender throws(LogError) in
        try putProducers(batches, into: &appender)
      }
      try settle(places.max { $0.lastOffset < $1.lastOffset }!, durability)
      return places
    }
    let appended = try withAppender { appender throws(LogError) in
      try put(batches, into: &appender)
    }
    try settle(appended, durability)
    var places: [AppendedBatch] = []
    places.reserveCapacity(batches.count)
    var base = appended.baseOffset
    for batch in batches {
      let last = Offset(base.rawValue + Int64(batch.header.lastOffsetDelta))
      places.append(AppendedBatch(baseOffset: base, lastOffset: last))
      base = Offset(last.rawValue + 1)
    }
    return places
  }

  /// Waits for what an append was asked to wait for.
  func settle(_ appended: AppendedBatch, _ durability: Durability?) throws(LogError) {
    if (durability ?? configuration.durability) == .synced {
      try commit(through: appended.lastOffset)
    }
  }

  /// Runs `body` as the log's one writer, and has more written ahead where that is due then.
  func withAppender<R: Sendable>(
    _ body: (inout Appender) throws(LogError) -> R
  ) throws(LogError) -> R {
    func hold() throws(LogError) -> (R, Bool) {
      try holdAppender { appender throws(LogError) in (try body(&appender), appender.isPreparationDue) }
    }
    let (result, isDue): (R, Bool)
    do throws(LogError) { (result, isDue) = try hold() } catch {
      // Nothing was appended, and room may be on its way into the next segment's file.
      guard error.code == .noSpace, error.offsets == nil, hasPrepared.load(ordering: .relaxed) else {
        throw error
      }
      (result, isDue) = try withoutPreparing(hold)
    }
    if isDue { prepareLater() }
    return result
  }

  /// Runs `body` as the log's one writer.
  func holdAppender<R: Sendable>(
    _ body: (inout Appender) throws(LogError) -> R
  ) throws(LogError) -> R {
    guard access == .readWrite else {
      throw LogError(.readOnly, path: path, detail: "the log was opened to be read; open it with .readWrite")
    }
    noteUse()
    return try appender.withLock { appender throws(LogError) in
      try checkUsable()
      if appender!.isDormant { try wake(&appender!) }
      return try body(&appender!)
    }
  }

  /// Throws where nothing more may be appended.
  func checkUsable() throws(LogError) {
    let (phase, poison) = state.withLock { ($0.phase, $0.poison) }
    if phase == .closed { throw LogError(.closed, path: path, detail: "the log was closed; open it again") }
    if let poison { throw poison }
  }

  /// Puts batches at the log's end, segment by segment, and lets readers know of them.
  func put(
    _ batches: some Collection<RecordBatch>, into appender: inout Appender
  ) throws(LogError) -> AppendedBatch {
    var free = Offset.max.rawValue - appender.progress.nextOffset.rawValue
    for batch in batches {
      try check(batch)
      free -= Int64(batch.header.lastOffsetDelta) + 1
      if free < 0 { throw LogError(.offsetsExhausted, path: path, detail: "the log has no offset left") }
    }
    let first = appender.progress.nextOffset
    var rest = batches[...]
    while !rest.isEmpty {
      do throws(LogError) {
        rest = rest.dropFirst(try putFitting(rest, into: &appender))
      } catch {
        var failure = error
        if appender.progress.nextOffset > first {
          failure.offsets = first..<appender.progress.nextOffset
          failure.detail += "; the batches at these offsets were appended"
        }
        throw failure
      }
    }
    return AppendedBatch(
      baseOffset: first, lastOffset: Offset(appender.progress.nextOffset.rawValue - 1))
  }

  /// The same as `putSome`. On a full disk what was made ready for later gives its space first.
  private func putFitting(
    _ batches: some Collection<RecordBatch>, into appender: inout Appender
  ) throws(LogError) -> Int {
    do throws(LogError) { return try putSome(of: batches, into: &appender) } catch {
      guard error.code == .noSpace else { throw error }
      guard try io({ () throws(IOError) in try appender.discardPrepared(environment.fileSystem) }) else {
        throw error
      }
      return try putSome(of: batches, into: &appender)
    }
  }

  /// Puts as many of `batches` as go into one segment at the log's end. Returns how many.
  private func putSome(
    of batches: some Collection<RecordBatch>, into appender: inout Appender
  ) throws(LogError) -> Int {
    if mustRoll(before: batches.first!.header, appender) { try roll(&appender) }
    let fitting = fittingPrefix(of: batches, appender)
    let fit = batches.prefix(fitting.count)
    let before = appender.progress
    try io { () throws(IOError) in try appender.write(fit, byteCount: fitting.bytes) }
    var producers: [RecordBatch] = []
    var base = before.nextOffset
    if appender.progress.hasProducers {
      for batch in fit {
        if batch.header.producerID >= 0 { producers.append(batch.at(base)) }
        base = base + Int64(batch.header.lastOffsetDelta) + 1
      }
    }
    publish(
      &appender, producers, batches: fitting.count, records: fitting.records, bytes: fitting.bytes)
    return fitting.count
  }

  func check(_ batch: RecordBatch) throws(LogError) {
    let header = batch.header
    if header.attributes.isTransactional || header.attributes.isControl, header.producerID < 0 {
      throw LogError(
        .invalidTransactionState, path: path,
        detail: "a batch of a transaction, or an end marker, needs the id of its producer")
    }
    if header.recordCount == 0 {
      throw LogError(.emptyBatch, path: path, detail: "a batch without a record cannot be appended")
    }
    try checkSize(batch)
    if header.recordCount < 0 || header.lastOffsetDelta != header.recordCount - 1 {
      throw LogError(
        .invalidRecord, path: path,
        detail:
          "a batch of \(header.recordCount) records spans \(Int64(header.lastOffsetDelta) + 1) offsets; "
          + "offsets are contiguous at append")
    }
  }

  func checkSize(_ batch: RecordBatch) throws(LogError) {
    guard batch.sizeInBytes > configuration.maximumBatchBytes else { return }
    throw LogError(
      .batchTooLarge, path: path,
      detail: "the batch has \(batch.sizeInBytes) bytes, the largest allowed is "
        + "\(configuration.maximumBatchBytes) (LogConfiguration.maximumBatchBytes)")
  }

  /// How many of `batches` go into the active segment with one write; one at least.
  private func fittingPrefix(
    of batches: some Collection<RecordBatch>, _ appender: borrowing Appender
  ) -> (count: Int, bytes: Int, records: Int) {
    var (count, bytes, records) = (0, 0, 0)
    let room = Int64(configuration.segmentBytes) - appender.progress.position
    let entryRoom = appender.index.freeEntries(appender.progress)
    for batch in batches {
      let size = batch.header.sizeInBytes
      let offsets = Int64(batch.header.lastOffsetDelta) + 1
      if count > 0 {
        guard Int64(bytes + size) <= room, count < entryRoom,
          fitsRelatively(appender.progress, behind: Int64(records) + offsets)
        else { break }
      }
      count += 1
      bytes += size
      records += Int(offsets)
    }
    return (count, bytes, records)
  }

  /// Lets readers see how far the log reaches. `producers` are those of the batches that producers wrote.
  func publish(
    _ appender: inout Appender, _ producers: [RecordBatch], batches: Int, records: Int, bytes: Int
  ) {
    let index = appender.index
    var progress = appender.progress
    let done = state.withLock { state in
      for batch in producers { state.take(batch, &progress, index, limits: configuration.limits) }
      state.active.progress = progress
      state.counts.appendedBatches += UInt64(batches)
      state.counts.appendedRecords += UInt64(records)
      state.counts.appendedBytes += UInt64(bytes)
      assert({ state.checkInvariants() }() == ())
      return state.takeVisible()
    }
    appender.progress = progress
    for waiter in done { waiter.resume(.success(())) }
  }
}

extension LogState {
  /// Takes in what a producer's batch in the active segment says.
  mutating func take(
    _ batch: RecordBatch, _ progress: inout SegmentProgress, _ index: SegmentIndex, limits: ParsingLimits
  ) {
    guard let ended = producers.take(batch, limits: limits) else { return }
    if ended.isAborted { progress.take(ended.transaction, index) }
    producers.forgetCompleted(below: durableEnd)
  }
}
