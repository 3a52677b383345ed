internal import StrataIO
internal import StrataLock
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
  /// Where an offset is looked for: no more of it than a look-up of what is known needs.
  struct Spot {
    let offset: Offset
    let isolation: FetchIsolation
    /// How many truncations there were before.
    let truncations: UInt64
    /// Offsets below can be seen.
    let visible: Offset
    let segment: Segment
    let isSealed: Bool
    /// Where the segment's batches end.
    let end: Int64
    /// How many entries its offset index has, and the first that is not below the offset.
    let entries: Int
    let entry: Int

    var key: RecordCache.Key { RecordCache.Key(segment: segment.number, place: Int64(entry)) }

    /// Whether the batch of `header` has the offset and may be seen whole. What may belong to an aborted transaction
    /// is left to a cursor.
    func isSeen(_ header: RecordBatchHeader) -> Bool {
      guard header.baseOffset <= offset, header.lastOffset >= offset, header.lastOffset < visible
      else { return false }
      return isolation != .committed || !(header.attributes.isTransactional || header.attributes.isControl)
    }
  }

  /// nil says nothing: a cursor says more.
  func spot(
    of offset: Offset, _ isolation: FetchIsolation, _ truncations: UInt64
  ) throws(LogError) -> Spot? {
    guard recordCache.isOn else { return nil }
    noteUse()
    let glance = state.withLock { $0.glance(at: offset, isolation) }
    guard let glance else { return nil }
    var index = glance.segment.indexAtHand(activeEntries: glance.activeEntries)
    if index == nil, let view = state.withLock({ $0.view(of: glance.segment.baseOffset) }),
      view.segment === glance.segment
    {
      do throws(LogError) {
        let loaded = try view.segment.index(for: view)
        index = (loaded.index, loaded.progress.offsetEntries)
      } catch { return nil }
    }
    guard let (index, entries) = index else { return nil }
    let entry = index.firstEntry(notBelow: offset, count: entries, base: glance.segment.baseOffset)
    return Spot(
      offset: offset, isolation: isolation, truncations: truncations, visible: glance.visible,
      segment: glance.segment, isSealed: glance.isSealed, end: glance.end, entries: entries, entry: entry)
  }
}

extension LogState {
  /// What a look-up has to know of the segment that has an offset.
  struct Glance: Sendable {
    var segment: Segment
    var isSealed: Bool
    var end: Int64
    var activeEntries: Int
    var visible: Offset
  }

  /// nil where the offset cannot be seen.
  func glance(at offset: Offset, _ isolation: FetchIsolation) -> Glance? {
    let visible = end(isolation)
    guard phase == .open, offset >= logStart, offset < visible else { return nil }
    if offset >= active.baseOffset || sealed.isEmpty {
      return Glance(
        segment: active.segment, isSealed: active.isSealed, end: active.progress.position,
        activeEntries: active.progress.offsetEntries, visible: visible)
    }
    var low = 0
    var high = sealed.count
    while low < high {
      let middle = (low + high) / 2
      if sealed[middle].segment.baseOffset <= offset { low = middle + 1 } else { high = middle }
    }
    let place = max(0, low - 1)
    return Glance(
      segment: sealed[place].segment, isSealed: sealed[place].isSealed,
      end: sealed[place].progress.position, activeEntries: 0, visible: visible)
  }
}
