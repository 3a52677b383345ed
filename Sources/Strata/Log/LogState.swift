internal import StrataIO
internal import StrataRecords

/// All that changes in a log, behind one lock that is never held across a system call.
///
/// Invariants (`checkInvariants`): the segments are sorted and none begins before its predecessor ends; only the
/// last is not sealed; log start ≤ durable end ≤ log end; the checkpoint is not ahead of the durable point.
///
/// Who *appends* holds the appender's lock besides (see `Appender`), who *synchronises* holds the turn
/// (`isSynchronizing`): so there is one writer and one sync at a time, side by side, and readers wait for neither.
struct LogState: Sendable {
  /// Whether the log can be used.
  enum Phase: Sendable {
    case open
    case closed
  }

  var phase = Phase.open
  /// The sealed segments, oldest first. Replaced as a whole: a reader's copy stays as it is.
  var sealed: [SegmentView]
  /// The segment that is appended to.
  var active: SegmentView
  /// The first offset that can be read.
  var logStart: Offset
  /// The last segment through its last batch that is on the disk.
  var durable: SegmentProgress
  /// The same through the last batch whose index entries are on the disk as well.
  var checkpoint: SegmentProgress
  /// How far readers see that ask for `.highWatermark`; nil is as far as is durable.
  var highWatermark: Offset?
  /// The error of a sync that failed. From then on nothing is appended and nothing gets durable.
  var poison: LogError?

  /// Whether somebody is synchronising, and which turn that is.
  var isSynchronizing = false
  var syncTurn: UInt64 = 0
  /// Offsets below are durable when the turn has ended well.
  var syncTarget: Offset

  /// Who waits for an offset, and is no thread.
  var waiters: [Waiter] = []
  var nextWaiter: UInt64 = 0
  var counts = LogCounts()
  /// Which leader epoch began where.
  var epochs = LeaderEpochs()
  /// Who has written, and what is under way.
  var producers = ProducerState()
  /// The offset of the last checkpoint's snapshot, where no segment begins.
  var checkpointSnapshot: Offset?
  /// Offsets whose records are gone.
  var lost = LostOffsets()
  /// How far the log is compacted.
  var compactedThrough = Offset(0)
  /// Segments below the log's start whose files are still there, oldest first.
  var removed: [SegmentView] = []
  /// What was taken back since the log was opened.
  var truncations = TruncationHistory()

  init(sealed: [SegmentView], active: SegmentView, logStart: Offset, checkpoint: SegmentProgress) {
    self.sealed = sealed
    self.active = active
    self.logStart = logStart
    durable = active.progress
    self.checkpoint = checkpoint
    syncTarget = active.progress.nextOffset
  }

  /// The offset behind the last record.
  var logEnd: Offset { active.progress.nextOffset }
  /// The offset behind the last record that is on the disk.
  var durableEnd: Offset { durable.nextOffset }

  /// The offset behind the last record that a reader of this isolation sees.
  func end(_ isolation: FetchIsolation) -> Offset {
    switch isolation {
    case .durable: Mutants.leavesOut(.durableIsolation) ? logEnd : durableEnd
    case .highWatermark: min(highWatermark ?? durableEnd, durableEnd)
    case .logEnd: logEnd
    case .committed: producers.lastStableOffset(below: end(.highWatermark))
    }
  }

  /// The place in `segments` (sealed, then active) of the segment that has `offset` or ends the gap before it.
  func segment(for offset: Offset) -> SegmentView {
    if offset >= active.baseOffset || sealed.isEmpty { return active }
    var low = 0
    var high = sealed.count
    while low < high {
      let middle = (low + high) / 2
      if sealed[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
    }
    return sealed[max(0, low - 1)]
  }

  /// The segment behind the one that begins at `baseOffset`; nil behind the active one.
  func segment(behind baseOffset: Offset) -> SegmentView? {
    if baseOffset >= active.baseOffset { return nil }
    let next = segment(for: baseOffset)
    guard next.baseOffset <= baseOffset else { return next }
    var low = 0
    var high = sealed.count
    while low < high {
      let middle = (low + high) / 2
      if sealed[middle].baseOffset <= baseOffset { low = middle + 1 } else { high = middle }
    }
    return low < sealed.count ? sealed[low] : active
  }

  /// The view of the segment that begins at `baseOffset`, as it is now.
  func view(of baseOffset: Offset) -> SegmentView? {
    if baseOffset == active.baseOffset { return active }
    let view = segment(for: baseOffset)
    return view.baseOffset == baseOffset ? view : nil
  }

  /// Waits that an event has ended, taken out of the list.
  mutating func takeWaiters(_ isDone: (Waiter) -> Bool) -> [Waiter] {
    guard !waiters.isEmpty, waiters.contains(where: isDone) else { return [] }
    let done = waiters.filter(isDone)
    waiters.removeAll(where: isDone)
    return done
  }

  func checkInvariants() {
    var end = Offset(0)
    for view in sealed {
      precondition(view.isSealed && view.baseOffset >= end, "segments overlap")
      end = view.progress.nextOffset
      precondition(end >= view.baseOffset, "a segment ends before it begins")
    }
    precondition(
      !active.isSealed && active.baseOffset >= end, "the active segment begins before the last ends")
    active.progress.checkInvariants()
    precondition(durableEnd <= logEnd, "more is durable than there is")
    precondition(checkpoint.nextOffset <= durable.nextOffset, "the checkpoint is ahead of the durable point")
    precondition(logStart <= logEnd, "the log starts behind its end")
    precondition(producers.isEmpty || active.progress.hasProducers, "producers that no progress knows of")
    precondition(producers.open.last.map { $0.firstOffset < logEnd } ?? true, "a transaction behind the end")
  }
}

/// Somebody who waits for an offset without blocking a thread.
struct Waiter: Sendable {
  enum Event: Sendable {
    /// Everything below the offset is on the disk.
    case durable
    /// A reader of this isolation sees something behind the offset.
    case visible(FetchIsolation)
  }

  let identity: UInt64
  let event: Event
  let offset: Offset
  let resume: @Sendable (Result<Void, LogError>) -> Void

  func isDone(_ state: LogState) -> Bool {
    switch event {
    case .durable: state.durableEnd >= offset
    case .visible(let isolation): state.end(isolation) > offset
    }
  }
}
