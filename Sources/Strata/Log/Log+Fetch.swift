internal import StrataIO
internal import StrataLock
public import StrataRecords

extension Log {
  /// A cursor over the batches from `offset` on, to the end that `isolation` shows.
  ///
  /// `maximumBytes` bounds what one system call reads and the cursor keeps in memory, not the result; a larger
  /// batch is read whole all the same. Nothing is read before the first `next()`.
  public func fetch(
    from offset: Offset, maximumBytes: Int = 256 << 10, isolation: FetchIsolation = .durable
  ) -> FetchCursor {
    FetchCursor(log: self, from: offset, maximumBytes: maximumBytes, isolation: isolation)
  }

  /// The offset of the first record that is not older than `timestamp`; nil where all are.
  ///
  /// It is the records that decide, in the order of their offsets: a later record may be older.
  ///
  /// - Throws: `.damaged`, `.unreadableBatch`, `.closed`, `.io`.
  public func offset(
    for timestamp: Timestamp, isolation: FetchIsolation = .durable
  ) throws(LogError) -> Offset? {
    let (views, start, end) = try readableState(isolation)
    // Segments may be removed and rewritten meanwhile: each says where to look, and a cursor reads what is there.
    for view in views where view.progress.nextOffset > start {
      let from: Offset?
      do throws(LogError) { from = try candidate(for: timestamp, in: view) } catch {
        // It was removed meanwhile.
        guard error.code == .notFound, view.progress.nextOffset <= logStartOffset else { throw error }
        continue
      }
      guard let from else { continue }
      switch try knownOffset(for: timestamp, from: max(from, logStartOffset), in: view, isolation) {
      case .found(let offset): return offset
      case .behind: continue
      case .unknown(let from):
        var cursor = fetch(from: max(from, logStartOffset), isolation: isolation)
        while let batch = try cursor.next(), batch.baseOffset < view.progress.nextOffset {
          guard batch.maxTimestamp >= timestamp else { continue }
          if let offset = try firstRecord(notBefore: timestamp, in: batch), offset < end { return offset }
        }
      }
    }
    return nil
  }

  /// Where in a segment to begin to look for `timestamp`; nil where every record of it is older.
  private func candidate(for timestamp: Timestamp, in view: SegmentView) throws(LogError) -> Offset? {
    let found = try view.segment.index(for: view)
    let base = view.baseOffset
    if view.isSealed, found.progress.timeEntries > 0, found.progress.largestTimestamp < timestamp {
      return nil
    }
    let entry = found.index.lastEntry(below: timestamp, count: found.progress.timeEntries, base: base)
    guard let entry, entry.offset >= base, entry.offset < view.progress.nextOffset else { return base }
    return Offset(entry.offset.rawValue + 1)
  }

  private func firstRecord(
    notBefore timestamp: Timestamp, in batch: RecordBatch
  ) throws(LogError) -> Offset? {
    do {
      var records = try batch.records(limits: configuration.limits)
      while let record = try records.next() {
        if record.timestamp >= timestamp { return record.offset }
      }
      return nil
    } catch { throw unreadable(batch, error) }
  }

  /// Puts `reader` in front of the first batch of a segment that has `offset` or lies behind it.
  ///
  /// The index is a hint: the batch that an entry points at has to be the one it speaks of, else the segment is
  /// walked from its start. Batches before are checked as they are walked over, so that a broken header cannot
  /// hide the one that is looked for.
  static func seek(
    _ reader: inout BatchFileReader, to offset: Offset, in view: SegmentView, _ file: any File
  ) throws(LogError) {
    guard offset > view.baseOffset else { return }
    let found = try view.segment.index(for: view)
    let base = view.baseOffset
    let entry = found.index.lastEntry(notAbove: offset, count: found.progress.offsetEntries, base: base)
    guard let entry, entry.position >= 0, entry.position < view.progress.position else { return }
    reader.move(to: entry.position, expectedOffset: base)
    let header: RecordBatchHeader?
    do { header = try reader.peekHeader(in: file, end: view.progress.position) } catch {
      throw LogError(error)
    }
    // The batch itself is walked over like all others, checksum and all: its length has to be right too. The index
    // was verified when it was opened, so it is rather the batch that is wrong; walking finds out.
    guard let header, header.lastOffset == entry.offset || Mutants.leavesOut(.indexEntryCheck) else {
      reader.move(to: 0, expectedOffset: base)
      return
    }
    if entry.offset < offset { try skipSealed(&reader, behind: entry, to: offset, in: view, file) }
  }

  /// Goes over the batches before `offset` without reading them, where the seal vouches for the heads of all batches up
  /// to its next point.
  ///
  /// It vouches for base offsets and lengths, not for how many offsets a batch has: a batch is stepped over only where
  /// something else says that it ends before. Of the entry's batch the entry does, of the others the one behind.
  private static func skipSealed(
    _ reader: inout BatchFileReader, behind entry: OffsetIndexEntry, to offset: Offset,
    in view: SegmentView, _ file: any File
  ) throws(LogError) {
    guard let seal = try view.segment.seal(for: view) else { return }
    let number = seal.interval(at: reader.position, hint: 0)
    let (from, to) = seal.interval(number)
    guard from.position == reader.position, to.position <= view.progress.position else { return }
    do throws(IOError) {
      let end = view.progress.position
      let digest = try reader.headDigest(behind: from.digest, to: to.position, in: file, end: end)
      guard digest == to.digest, let first = try reader.peekHeader(in: file, end: end) else { return }
      if number < seal.count { _ = seal.seal.noteChecked(number) }
      reader.skip(first)
      reader.expectedOffset = entry.offset + 1
      while let header = try reader.peekHeader(in: file, end: to.position) {
        let next = reader.position + Int64(header.sizeInBytes)
        guard next < to.position, let behind = try reader.baseOffset(at: next, in: file, end: end),
          behind <= offset
        else { return }
        reader.skip(header)
        reader.expectedOffset = behind
      }
    } catch { throw LogError(error) }
  }

  /// What a reader finds at `offset`: the log's bounds, what it may see, and the segment to look in.
  func look(
    at offset: Offset, _ isolation: FetchIsolation
  ) throws(LogError) -> (start: Offset, end: Offset, visible: Offset, view: SegmentView) {
    noteUse()
    let look = { (state: borrowing LogState) in
      (state.phase, state.logStart, state.logEnd, state.end(isolation), state.segment(for: offset))
    }
    var (phase, start, end, visible, view) = state.withLock { look($0) }
    if access == .readOnly, offset >= visible {
      try refresh()
      (phase, start, end, visible, view) = state.withLock { look($0) }
    }
    guard phase == .open else {
      throw LogError(.closed, path: path, detail: "the log was closed; open it again")
    }
    return (start, end, visible, view)
  }

  /// The segment of that base offset as it is now, and the one behind it.
  func lookAgain(at baseOffset: Offset) throws(LogError) -> (now: SegmentView?, next: SegmentView?) {
    noteUse()
    if access == .readOnly, baseOffset >= state.withLock({ $0.active.baseOffset }) { try refresh() }
    let (phase, now, next) = state.withLock {
      ($0.phase, $0.view(of: baseOffset), $0.segment(behind: baseOffset))
    }
    guard phase == .open else {
      throw LogError(.closed, path: path, detail: "the log was closed; open it again")
    }
    return (now, next)
  }

  /// The first offsets of a gap whose records are gone.
  func lost(in gap: Range<Offset>) -> Range<Offset>? {
    state.withLock { $0.lost.first(in: gap) }
  }

  /// The aborted transactions with records in `range`, whose first segment is that of `view`: they stand where their
  /// end markers lie, so the segments behind are looked at until no later one can concern the range.
  func abortedTransactions(
    in range: Range<Offset>, from view: SegmentView
  ) throws(LogError) -> [AbortedTransaction] {
    var found: [AbortedTransaction] = []
    var next: SegmentView? = view
    while let view = next {
      if try view.segment.mayHaveAborted(view) {
        let index = try view.segment.index(for: view)
        let count = index.progress.abortedTransactions
        if index.index.transactions.collect(range, count: count, into: &found) { return found }
      }
      next = state.withLock { $0.segment(behind: view.baseOffset) }
    }
    return found
  }

  /// All aborted transactions of the log, by the offsets of their end markers.
  package func abortedTransactions() throws(LogError) -> [AbortedTransaction] {
    let (views, _, _) = try readableState(.logEnd)
    var found: [AbortedTransaction] = []
    for view in views where try view.segment.mayHaveAborted(view) {
      let index = try view.segment.index(for: view)
      found += index.index.transactions.prefix(index.progress.abortedTransactions)
    }
    return found
  }

  /// How many truncations there were, and the lowest end of those since there were `known`.
  func truncations(since known: UInt64) -> (count: UInt64, end: Offset?) {
    state.withLock { ($0.truncations.count, $0.truncations.lowest(since: known)) }
  }

  func visibleEnd(_ isolation: FetchIsolation) throws(LogError) -> Offset {
    try refresh()
    return state.withLock { $0.end(isolation) }
  }

  private func readableState(
    _ isolation: FetchIsolation
  ) throws(LogError) -> (views: [SegmentView], start: Offset, end: Offset) {
    noteUse()
    if access == .readOnly { try refresh() }
    let (phase, views, start, end) = state.withLock {
      ($0.phase, $0.sealed + [$0.active], $0.logStart, $0.end(isolation))
    }
    guard phase == .open else {
      throw LogError(.closed, path: path, detail: "the log was closed; open it again")
    }
    return (views, start, end)
  }

  /// Where a segment goes on behind damage, and with which offset; nil where nothing tells.
  ///
  /// How many records the broken bytes held is not known. What is known is the batch behind them, where the
  /// broken header's length still leads there, or else the batch of the next index entry.
  func placeBehind(
    _ damage: BatchDamage, _ view: SegmentView, expected: Offset
  ) throws(LogError) -> (position: Int64, offset: Offset)? {
    let file = try view.segment.file()
    let found = try view.segment.index(for: view)
    let (end, bound, limits) = (view.progress.position, view.progress.nextOffset, configuration.limits)
    return try io { () throws(IOError) in
      let behind = try damage.batchBehind(
        in: file, end: end, expected: expected, bound: bound, epoch: -1, limits: limits)
      if let behind { return (behind.position, behind.batch.baseOffset) }
      for place in 0..<found.progress.offsetEntries {
        let entry = found.index.offsetEntry(place, base: view.baseOffset)
        guard entry.position > damage.position, entry.offset >= expected else { continue }
        var reader = BatchFileReader(position: entry.position, expectedOffset: expected, limits: limits)
        guard case .batch(let batch) = try reader.next(in: file, end: end, bound: bound),
          batch.lastOffset == entry.offset
        else { continue }
        return (entry.position, batch.baseOffset)
      }
      return nil
    }
  }
}
