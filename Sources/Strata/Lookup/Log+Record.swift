internal import StrataIO
public import StrataRecords
internal import Synchronization

extension Log {
  /// The record at `offset`; nil where there is none: a compaction has removed it, or it is not to be seen yet.
  ///
  /// The batch that has it is read whole and checked once; after that, only the record and its neighbours are read
  /// (`LogConfiguration.recordCacheBytes`).
  ///
  /// - Throws: `.offsetOutOfRange` where the log begins behind the offset or ends before it; `.damaged`,
  ///   `.unreadableBatch`, `.closed`, `.io`.
  public func record(at offset: Offset, isolation: FetchIsolation = .durable) throws(LogError) -> Record? {
    try withRecord(at: offset, isolation: isolation) { Record(copying: $0) }
  }

  /// Gives `body` the record at `offset`, where it lies in memory; nil where there is none. Nothing is allocated for
  /// a record that was looked up before.
  ///
  /// - Throws: as `record(at:isolation:)` does.
  public func withRecord<Result>(
    at offset: Offset, isolation: FetchIsolation = .durable, _ body: (RecordView) -> Result
  ) throws(LogError) -> Result? {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    if let spot = try spot(of: offset, isolation, truncations) {
      if let found = try lookUp(.offset(offset), at: spot) {
        defer { found.giveBack() }
        // What was read may be what was written after a truncation.
        if truncationCount.load(ordering: .sequentiallyConsistent) == truncations {
          do throws(FormatError) {
            var records = found.records(configuration.limits)
            while let record = try records.next(), record.offset <= offset {
              if record.offset == offset { return body(record) }
            }
            return nil
          } catch {
            // Reading the whole batch says what is wrong with it.
          }
        }
      }
    }
    return try withWalkedRecord(at: offset, isolation, body)
  }

  /// The same by a cursor, which has the last word on what can be read.
  private func withWalkedRecord<Result>(
    at offset: Offset, _ isolation: FetchIsolation, _ body: (RecordView) -> Result
  ) throws(LogError) -> Result? {
    var cursor = fetch(from: offset, isolation: isolation)
    guard let batch = try cursor.next(), batch.baseOffset <= offset else { return nil }
    do throws(FormatError) {
      var records = try batch.records(limits: configuration.limits)
      guard let record = try records.next(), record.offset == offset else { return nil }
      return body(record)
    } catch { throw unreadable(batch, error) }
  }

  func unreadable(_ batch: RecordBatch, _ error: FormatError) -> LogError {
    LogError(
      .unreadableBatch, path: path, offsets: batch.baseOffset..<batch.nextOffset,
      detail: "the batch is as it was written, but its records cannot be read", cause: error)
  }
}

// MARK: Where it lies

extension Log {
  /// Where an offset is looked for.
  struct Spot {
    var offset: Offset
    var isolation: FetchIsolation
    /// How many truncations there were before.
    var truncations: UInt64
    /// Offsets below can be seen.
    var visible: Offset
    var view: SegmentView
    var index: Segment.CountedIndex
    /// The first entry of the offset index that is not below the offset.
    var entry: Int

    var key: RecordCache.Key { RecordCache.Key(segment: view.segment.number, place: Int64(entry)) }

    /// Whether the batch of `header` has the offset and may be seen whole. What may belong to an aborted transaction
    /// is left to a cursor.
    func isSeen(_ header: RecordBatchHeader) -> Bool {
      guard header.baseOffset <= offset, header.lastOffset >= offset, header.lastOffset < visible
      else { return false }
      return isolation != .committed || !(header.attributes.isTransactional || header.attributes.isControl)
    }
  }

  /// A known batch, and where it is.
  struct Known {
    var spot: Spot
    var interval: KnownInterval
    var batch: KnownBatch
  }

  /// nil says nothing: a cursor says more.
  func spot(
    of offset: Offset, _ isolation: FetchIsolation, _ truncations: UInt64
  ) throws(LogError) -> Spot? {
    guard recordCache.isOn else { return nil }
    let (start, _, visible, view) = try look(at: offset, isolation)
    guard offset >= start, offset < visible else { return nil }
    let index: Segment.CountedIndex
    do throws(LogError) { index = try view.segment.index(for: view) } catch { return nil }
    let entry = index.index.firstEntry(
      notBelow: offset, count: index.progress.offsetEntries, base: view.baseOffset)
    return Spot(
      offset: offset, isolation: isolation, truncations: truncations, visible: visible, view: view,
      index: index, entry: entry)
  }

  /// The batch that has the offset, if it is known and may be seen.
  func known(at spot: Spot) -> Known? {
    guard let interval = recordCache.interval(spot.key, spot.truncations),
      let batch = interval.batch(with: spot.offset), spot.isSeen(batch.header)
    else { return nil }
    return Known(spot: spot, interval: interval, batch: batch)
  }
}
