internal import StrataIO
public import StrataRecords
internal import Synchronization

/// Reads a log's batches from an offset on, one after the other, to the end that its isolation shows.
///
///     var batches = log.fetch(from: .init(0))
///     while let batch = try batches.next() { … }
///
/// At the end `next()` returns nil; asked again later, it goes on with what has come since. A cursor belongs to
/// one thread at a time. It reads what the segments held when it came to them: a segment that is removed
/// meanwhile is read to its end. Where a truncation takes back what it has come past, it throws from then on.
///
/// Every batch is checked against its CRC, and what the CRC leaves out against the segment's seal. A batch may begin
/// before the offset that was asked for; its `records()` begin there all the same.
public struct FetchCursor: ~Copyable, Sendable {
  private let log: Log
  private let isolation: FetchIsolation
  private let maximumBytes: Int
  private let target: Offset
  private var reader: BatchFileReader
  /// Where the reader reads; nil before the first batch was found.
  private var source: Source?
  /// What the source's seal says of the batches that the reader comes to.
  private var heads = HeadCheck()
  /// How many truncations there were when it last looked.
  private(set) var truncations: UInt64
  /// The end that was visible when it was last looked at. It only grows.
  private var visibleEnd = Offset(0)

  /// The aborted transactions that the reader of what is committed may come to.
  private var aborted = AbortedRecords()

  /// The last offset of the batch that was not to be seen yet: before it is, there is nothing new.
  private var hiddenThrough = Offset(0)
  /// Behind this offset there has to be something to see before it can go on.
  var waitsBehind: Offset { max(position, hiddenThrough) }

  private struct Source: Sendable {
    var view: SegmentView
    var file: any File
  }

  /// The offset of the next record that it would return.
  public private(set) var position: Offset

  init(log: Log, from offset: Offset, maximumBytes: Int, isolation: FetchIsolation) {
    self.log = log
    self.isolation = isolation
    self.maximumBytes = maximumBytes
    target = offset
    position = offset
    truncations = log.truncationCount.load(ordering: .sequentiallyConsistent)
    reader = BatchFileReader(
      position: 0, expectedOffset: 0, limits: log.configuration.limits, maximumRead: maximumBytes)
  }

  /// The next batch; nil where nothing more is to be seen yet.
  ///
  /// - Throws: `.damaged`, with the offsets that cannot be read: go on behind them with a new cursor.
  ///   `.offsetOutOfRange` where the log begins behind the offset by now, ends before it, or was truncated to
  ///   before it; `.closed`, `.io`.
  public mutating func next() throws(LogError) -> RecordBatch? {
    while true {
      let batch: RecordBatch?
      do throws(LogError) { batch = try readNext() } catch {
        // What was being read may just have gone.
        if try beganAnew() { continue }
        guard try hasMoved(since: error) else { throw error }
        source = nil
        continue
      }
      if try beganAnew() { continue }
      if let batch { position = batch.nextOffset }
      return batch
    }
  }

  /// Whether the log was truncated since it was last looked at: then what was read means nothing.
  @inline(__always)
  private mutating func beganAnew() throws(LogError) -> Bool {
    if log.truncationCount.load(ordering: .sequentiallyConsistent) == truncations { return false }
    try beginAnew()
    return true
  }

  private mutating func beginAnew() throws(LogError) {
    let (count, end) = log.truncations(since: truncations)
    // It stays in the past: asked again, it throws again.
    if let end, end < position { throw log.truncated(end) }
    truncations = count
    source = nil
    visibleEnd = 0
    hiddenThrough = 0
    aborted = AbortedRecords()
  }

  /// Whether an error may come from looking where the log is no more: it begins behind the position by now, or
  /// another process has put other files in place. Then looking again tells.
  private func hasMoved(since error: LogError) throws(LogError) -> Bool {
    switch error.code {
    case .notFound: if position < log.logStartOffset { return true }
    case .damaged: break
    default: return false
    }
    return try log.hasRelisted()
  }

  private mutating func readNext() throws(LogError) -> RecordBatch? {
    while true {
      if source == nil, try !begin() { return nil }
      let (view, file) = (source!.view, source!.file)
      if reader.position >= heads.end { try compareHeads(view, file) }
      if let damage = heads.damage, damage.position == reader.position {
        try stepOver(damage, view)
        continue
      }
      let step: BatchFileReader.Step
      do {
        step = try reader.next(in: file, end: view.progress.position, bound: view.progress.nextOffset)
      } catch { throw LogError(error) }
      switch step {
      case .batch(let batch):
        if batch.lastOffset < position { continue }
        if batch.baseOffset > position { try refuseLost(before: batch.baseOffset) }
        guard try isVisible(batch) else { return nil }
        if isolation == .committed, try isLeftOut(batch, view) {
          position = batch.nextOffset
          continue
        }
        return batch.baseOffset < target ? batch.beginning(at: target) : batch
      case .end:
        guard try advance() else { return nil }
      case .damage(let damage):
        if try isHidden() { return nil }
        if try isPadding(view) {
          guard try advance() else { return nil }
        } else {
          try stepOver(damage, view)
        }
      }
    }
  }

  /// Finds the first batch. False where there is nothing to see yet.
  private mutating func begin() throws(LogError) -> Bool {
    let (start, end, visible, view) = try log.look(at: position, isolation)
    guard position >= start, position <= end else {
      throw LogError(
        .offsetOutOfRange, path: log.path, offsets: start..<end,
        detail: "offset \(position) was asked for; the log has \(start) to \(end) (exclusive)")
    }
    guard position < visible else { return false }
    let file = try view.segment.file()
    reader.begin(expectedOffset: view.baseOffset, inPlace: try view.segment.mappedBatches(view))
    try Log.seek(&reader, to: position, in: view, file)
    source = Source(view: view, file: file)
    heads = HeadCheck(try view.segment.seal(for: view))
    return true
  }

  private mutating func compareHeads(_ view: SegmentView, _ file: any File) throws(LogError) {
    do {
      try heads.compare(
        &reader, file, limit: view.progress.position, limits: log.configuration.limits)
    } catch { throw LogError(error) }
  }

  /// Goes on where the segment is at its end: with what was appended to it, or with the next one.
  private mutating func advance() throws(LogError) -> Bool {
    let known = source!.view
    let (now, next) = try log.lookAgain(at: known.baseOffset)
    guard now?.segment === known.segment else {
      // It was removed, or rewritten with others: the offset says where to go on.
      let end = known.progress.nextOffset
      if end > position { try refuseLost(before: end) }
      position = max(position, end)
      source = nil
      return true
    }
    if let now, now.progress.position > known.progress.position, !known.isSealed {
      source!.view = now
      heads.extend(try now.segment.seal(for: now))
      return true
    }
    if let now, !now.isSealed { return false }
    guard let next else { return false }
    if next.baseOffset > position { try refuseLost(before: next.baseOffset) }
    // As a whole: Swift 6.3.1 leaks where a part of an optional is assigned from a call that may throw.
    source = Source(view: next, file: try next.segment.file())
    reader.begin(
      expectedOffset: max(next.baseOffset, position), inPlace: try next.segment.mappedBatches(next))
    heads = HeadCheck(try next.segment.seal(for: next))
    return true
  }

  /// Throws where records are gone between here and `next`, and nobody has taken them back on purpose.
  private mutating func refuseLost(before next: Offset) throws(LogError) {
    guard let lost = log.lost(in: position..<next) else { return }
    // Asked again, it comes here again.
    source = nil
    throw LogError(
      .damaged, path: log.path, offsets: lost,
      detail: "these offsets were damaged, and salvage has taken them out of the log")
  }

  /// Whether this isolation shows the batch. Where it does not, the cursor stays before it.
  private mutating func isVisible(_ batch: RecordBatch) throws(LogError) -> Bool {
    if isolation == .logEnd || batch.lastOffset < visibleEnd { return true }
    visibleEnd = try log.visibleEnd(isolation)
    if batch.lastOffset < visibleEnd { return true }
    // It is read again when it can be seen.
    hiddenThrough = batch.lastOffset
    source = nil
    return false
  }

  /// Whether this is an end marker, or part of a transaction that was aborted.
  private mutating func isLeftOut(_ batch: RecordBatch, _ view: SegmentView) throws(LogError) -> Bool {
    if batch.isControl { return true }
    guard batch.isTransactional else { return false }
    if !aborted.covers(batch) {
      // All that begins before the visible end is decided.
      let upper = max(min(visibleEnd, view.isSealed ? view.progress.nextOffset : .max), batch.nextOffset)
      aborted = AbortedRecords(
        transactions: try log.abortedTransactions(in: batch.baseOffset..<upper, from: view),
        range: batch.baseOffset..<upper)
    }
    return aborted.contains(batch)
  }

  /// Whether nothing from here on is to be seen yet: after a failed sync the cache may show anything there.
  private mutating func isHidden() throws(LogError) -> Bool {
    guard isolation != .logEnd, try reader.expectedOffset >= log.visibleEnd(isolation) else { return false }
    // It is read again when it can be seen.
    reader.forget()
    return true
  }

  /// Zeros that a crash left behind a segment that was ended: the next one goes on with the next offset.
  private func isPadding(_ view: SegmentView) throws(LogError) -> Bool {
    guard view.isSealed, view.progress.nextOffset == reader.expectedOffset else { return false }
    do {
      return try source!.file.isZero(reader.position..<view.progress.position)
    } catch { throw LogError(error) }
  }

  /// Goes on behind damage that lies wholly before what was asked for; else throws, with the offsets that
  /// cannot be read.
  private mutating func stepOver(_ damage: BatchDamage, _ view: SegmentView) throws(LogError) {
    let expected = reader.expectedOffset
    let behind = try log.placeBehind(damage, view, expected: expected)
    if let behind, behind.offset <= position {
      reader.move(to: behind.position, expectedOffset: behind.offset)
      heads.move()
      return
    }
    let from = max(position, expected)
    let upper = behind?.offset ?? view.progress.nextOffset
    throw LogError(
      .damaged, path: view.segment.path(.log), position: damage.position,
      offsets: from..<max(upper, from.following), detail: "these offsets cannot be read",
      cause: damage.reason)
  }

  /// The same, where it is known what the batch's head was.
  private mutating func stepOver(_ damage: HeadCheck.Damage, _ view: SegmentView) throws(LogError) {
    let right = damage.right
    if right.nextOffset <= position {
      reader.move(to: damage.position + Int64(right.sizeInBytes), expectedOffset: right.nextOffset)
      return
    }
    throw LogError(
      .damaged, path: view.segment.path(.log), position: damage.position,
      offsets: max(position, right.baseOffset)..<right.nextOffset,
      detail: "the head of this batch is not the one that was sealed",
      cause: FormatError(.checksumMismatch, at: 0, "the digest of the batches' heads does not fit"))
  }
}

/// The aborted transactions of a range of offsets.
private struct AbortedRecords: Sendable {
  var transactions: [AbortedTransaction] = []
  /// What is known of batches in it is all that is to be known.
  var range = Offset(0)..<Offset(0)

  func covers(_ batch: RecordBatch) -> Bool {
    range.contains(batch.baseOffset) && batch.nextOffset <= range.upperBound
  }

  /// Transactions of one producer never overlap: who wrote the batch, and where it lies, tells its transaction.
  func contains(_ batch: RecordBatch) -> Bool {
    transactions.contains {
      $0.producerID == batch.header.producerID && $0.firstOffset <= batch.baseOffset
        && batch.lastOffset <= $0.lastOffset
    }
  }
}
