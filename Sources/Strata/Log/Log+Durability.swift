internal import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

/// Group commit: whoever needs something on the disk either leads one `fdatasync`, or waits for the one that is
/// running, or for the next.
///
/// There is one turn at a time. A leader notes the log's end, synchronises without any lock, and everything
/// below that end is durable. Who waits knows by `syncTarget` whether the running turn covers it; if not, it
/// waits for the next turn's end, and one of those is woken to lead it. Threads wait on one of two event counts,
/// by the parity of the turn, so that the end of a turn wakes those it served and one more.
///
/// After a failed sync nobody knows what is on the disk, and a second `fdatasync` may return success for bytes
/// that the first one lost: the log is poisoned, and nothing is acknowledged any more.
extension Log {
  /// Waits until every record up to and with `offset` survives the loss of power. Blocks the thread.
  ///
  /// - Throws: `.poisoned` where a sync has failed, `.closed`, `.offsetOutOfRange` for an offset that was not
  ///   given to any record yet.
  public func waitUntilDurable(through offset: Offset) throws(LogError) {
    try checkExists(offset)
    try commit(through: offset)
  }

  /// Waits until everything that was appended before the call survives the loss of power. Blocks the thread.
  ///
  /// - Throws: as `waitUntilDurable(through:)`.
  public func flush() throws(LogError) {
    try checkUsable()
    let end = logEndOffset
    guard end.rawValue > 0, recoveryPoint < end else { return }
    try commit(through: Offset(end.rawValue - 1))
  }

  func checkExists(_ offset: Offset) throws(LogError) {
    let (start, end) = state.withLock { ($0.logStart, $0.logEnd) }
    guard offset >= end else { return }
    throw LogError(
      .offsetOutOfRange, path: path, offsets: min(start, end)..<end,
      detail: "offset \(offset) was not given to any record yet")
  }

  /// A turn to synchronise.
  struct Turn: Sendable {
    let number: UInt64
    let view: SegmentView
    /// The producers at the end of the view, where a checkpoint is due.
    let producers: ProducerState?
  }

  private enum Step {
    case done
    case lead(Turn)
    case wait(turn: UInt64, seen: UInt32)
    case failed(LogError)
    case truncated(Offset)
  }

  /// Returns once everything up to `offset` is durable.
  func commit(through offset: Offset) throws(LogError) {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    var start: Int64?
    while true {
      let step = nextStep(toward: offset, truncations)
      switch step {
      case .lead, .wait: if start == nil { start = environment.monotonicNanoseconds() }
      case .done, .failed, .truncated: if let start { note(\.durability, since: start) }
      }
      switch step {
      case .done: return
      case .failed(let error): throw error
      case .truncated(let end): throw truncated(end)
      case .lead(let turn): lead(turn)
      case .wait(let turn, let seen): eventCount(turn).wait(while: seen)
      }
    }
  }

  /// `truncations`: how many there were when somebody began to wait.
  private func nextStep(toward offset: Offset, _ truncations: UInt64) -> Step {
    state.withLock { state in
      if let end = state.truncations.lowest(since: truncations), end <= offset { return .truncated(end) }
      if state.durableEnd > offset { return .done }
      if let poison = state.poison { return .failed(poison) }
      if state.phase == .closed { return .failed(LogError(.closed, path: path)) }
      guard state.isSynchronizing else { return .lead(state.beginTurn()) }
      let turn = state.syncTarget > offset ? state.syncTurn : state.syncTurn + 1
      return .wait(turn: turn, seen: eventCount(turn).current)
    }
  }

  private func eventCount(_ turn: UInt64) -> EventCount {
    turn & 1 == 0 ? turnEnded.0 : turnEnded.1
  }

  /// Synchronises as the leader of `turn`.
  func lead(_ turn: Turn) {
    let start = environment.monotonicNanoseconds()
    do {
      let file = try turn.view.segment.file()
      if Mutants.leavesOut(.syncBeforeDurablePoint) { _ = try noteDurable(turn) }
      try io { () throws(IOError) in try file.synchronize(.commit) }
      let checkpoint = try noteDurable(turn)
      note(\.synchronization, since: start)
      endTurn(turn, .success(turn.view.progress), checkpoint: checkpoint)
    } catch {
      endTurn(turn, .failure(poisoned(by: error)))
    }
  }

  /// How far the index entries may lag behind the durable records: so much is read again after a crash.
  static let checkpointInterval: Int64 = 64 << 20

  /// Writes down that everything in the turn's view is durable. Every 64 MiB the index pages and the producers are
  /// synchronised too, and the note itself: that is the checkpoint from which recovery reads on. Returns it where
  /// there is a new one.
  private func noteDurable(_ turn: Turn) throws(LogError) -> SegmentProgress? {
    let view = turn.view
    let checkpoint = state.withLock { $0.checkpoint }
    guard let producers = turn.producers else {
      try writeDurablePoint(durable: view.progress, checkpoint: checkpoint, synchronizing: false)
      return nil
    }
    let index = try view.segment.index(for: view).index
    let written = writtenEntries(view.progress)
    let isWritten = try io { () throws(IOError) in
      let fits = try orWithoutRoom { () throws(IOError) in
        try index.synchronize(view.progress, written: written)
      }
      return fits ? try storeSnapshot(producers, view.progress) : false
    }
    guard isWritten else {
      // Without room for the seal's points there is no later checkpoint, and that is all.
      try writeDurablePoint(durable: view.progress, checkpoint: checkpoint, synchronizing: false)
      return nil
    }
    try writeDurablePoint(durable: view.progress, checkpoint: view.progress, synchronizing: true)
    try replaceCheckpointSnapshot(view.progress.hasProducers ? view.progress.nextOffset : nil)
    return view.progress
  }

  /// Writes down which producers there are at a checkpoint, name and all. False where there is no room for it. A log
  /// without producers has no snapshot.
  func storeSnapshot(_ producers: ProducerState, _ progress: SegmentProgress) throws(IOError) -> Bool {
    guard progress.hasProducers else { return true }
    do throws(IOError) {
      try ProducerSnapshot.store(producers, path, at: progress.nextOffset, environment.fileSystem)
      // The name of the segment's transaction index may be new too.
      try environment.fileSystem.synchronizeDirectory(path, .producersDirectory)
    } catch {
      guard error.code == .noSpace else { throw error }
      return false
    }
    return true
  }

  /// The snapshot of the checkpoint before is of no use any more.
  func replaceCheckpointSnapshot(_ offset: Offset?) throws(LogError) {
    let earlier = state.withLock { state in
      defer { state.checkpointSnapshot = offset }
      return state.checkpointSnapshot
    }
    guard let earlier, earlier != offset else { return }
    try io { () throws(IOError) in
      try ProducerSnapshot.remove(CollectionOfOne(earlier), path, environment.fileSystem)
    }
  }

  /// What the files of the seal and of the aborted transactions have: what the checkpoint counts. Only for who
  /// holds the turn.
  func writtenEntries(_ progress: SegmentProgress) -> SegmentIndex.WrittenEntries {
    let checkpoint = state.withLock { $0.checkpoint }
    return checkpoint.baseOffset == progress.baseOffset ? .init(checkpoint) : .none
  }

  /// Writes the durable point. Only for who holds the turn. `newStart`: where the log is going to begin.
  func writeDurablePoint(
    durable: SegmentProgress, checkpoint: SegmentProgress, synchronizing: Bool,
    logStart newStart: Offset? = nil
  ) throws(LogError) {
    let logStart = newStart ?? logStartOffset
    try io { () throws(IOError) in
      try durablePoint.withLock { point throws(IOError) in
        guard point != nil else {
          throw IOError(
            .other, operation: "write", path: path,
            detail: "the durable point of a log that is closed or asleep")
        }
        try point?.write(
          logStart: logStart, durable: durable, checkpoint: checkpoint, synchronizing: synchronizing)
      }
    }
  }

  /// Waits for the turn and takes it, whatever is durable already.
  func takeTurn() throws(LogError) -> Turn {
    while true {
      let step = state.withLock { state -> Step in
        if let poison = state.poison { return .failed(poison) }
        guard state.isSynchronizing else { return .lead(state.beginTurn()) }
        return .wait(turn: state.syncTurn, seen: eventCount(state.syncTurn).current)
      }
      switch step {
      case .lead(let turn): return turn
      case .wait(let turn, let seen): eventCount(turn).wait(while: seen)
      case .failed(let error): throw error
      case .done, .truncated: continue
      }
    }
  }

  /// Ends a turn: with how far the log is durable now (nil: as far as before), or with the failure that poisons it.
  func endTurn(
    _ turn: Turn, _ result: Result<SegmentProgress?, LogError>, checkpoint: SegmentProgress? = nil
  ) {
    let failure: LogError? = if case .failure(let error) = result { error } else { nil }
    let (done, mustLead) =
      openLogs.map { logs in logs.gate.withLock { _ in noteEnd(result, checkpoint) } }
      ?? noteEnd(result, checkpoint)
    // The one who leads next first: its sync runs while the others wake up.
    eventCount(turn.number + 1).advance(waking: failure == nil ? 1 : .max)
    eventCount(turn.number).advance()
    for waiter in done { waiter.resume(failure.map { .failure($0) } ?? .success(())) }
    if mustLead { leadOnIOThread() }
  }

  /// Notes how a turn has ended. Returns who was waiting for it, and whether somebody waits for another.
  private func noteEnd(
    _ result: Result<SegmentProgress?, LogError>, _ checkpoint: SegmentProgress?
  ) -> ([Waiter], Bool) {
    state.withLock { state -> ([Waiter], Bool) in
      state.isSynchronizing = false
      switch result {
      case .success(let progress):
        if let progress {
          state.durable = progress
          state.counts.synchronizations += 1
        }
        if let checkpoint { state.checkpoint = checkpoint }
        assert({ state.checkInvariants() }() == ())
        let copy = state
        let done = state.waiters.isEmpty ? [] : state.takeWaiters { $0.isDone(copy) }
        return (done, state.hasUnservedWaiter)
      case .failure(let error):
        if !Mutants.leavesOut(.poisonLatch) {
          state.poison = error
          isPoisoned.store(true, ordering: .relaxed)
        }
        return (state.takeWaiters { _ in true }, false)
      }
    }
  }

  /// The error that everybody gets after a failed sync.
  func poisoned(by error: LogError) -> LogError {
    if error.code == .poisoned { return error }
    return LogError(
      .poisoned, path: path,
      detail:
        "a sync has failed, so nobody knows what is on the disk; close the log and open it again, which "
        + "writes what was not durable anew", cause: error)
  }
}

extension LogState {
  /// Begins a turn that makes everything durable that is in the log now.
  mutating func beginTurn() -> Log.Turn {
    isSynchronizing = true
    syncTurn += 1
    syncTarget = logEnd
    let isKnown = checkpoint.baseOffset == active.baseOffset
    let lag = active.progress.position - (isKnown ? checkpoint.position : 0)
    return Log.Turn(
      number: syncTurn, view: active, producers: lag >= Log.checkpointInterval ? producers : nil)
  }

  /// Whether a task waits for something to become durable that no turn was begun for.
  var hasUnservedWaiter: Bool {
    waiters.contains {
      if case .durable = $0.event { return $0.offset > durableEnd }
      return false
    }
  }
}
