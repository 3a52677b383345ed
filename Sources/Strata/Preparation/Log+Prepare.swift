internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// Writing ahead of the appends (`SegmentPreparation.written`).
///
/// A sync of records that lie over bytes which are on the disk already changes neither the file's size nor its
/// extents, so that it has no journal to wait for. Those bytes are zeros: behind the last record of the active
/// segment, where everybody takes them for the end, and in a file of another name that becomes the next segment.
///
/// One thread at a time writes ahead. It never holds the appender for longer than one piece of zeros, and makes them
/// durable a mebibyte at a time, as the leader of a turn like any other: so a sync that fails poisons the log, whoever
/// asked for it.
extension Log {
  /// Writes zeros where the next appends go, in the active segment and, where that ends, in the next one's file, until
  /// `bytes` bytes are ready. nil, the default: as many as the log has written, 1 to 64 MiB. Returns when they are on
  /// the disk, after about as long as writing so many bytes takes.
  ///
  /// With `SegmentPreparation.written` a thread of the log's own does so when half of it is used up; this verb is for
  /// having it done at a time of one's choice, under any preparation. At most the next segment is prepared. Closing
  /// gives the space back.
  ///
  /// - Throws: `.noSpace`, after which the log is as usable as before; `.poisoned`, `.closed`, `.readOnly`, `.io`.
  public func prepare(bytes: Int? = nil) throws(LogError) {
    precondition(bytes ?? 0 >= 0, "a negative number of bytes")
    // Wakes the log, or says why nothing may be written.
    let base = try holdAppender { appender in appender.progress.baseOffset }
    try preparing.withLock { _ throws(LogError) in
      // More than this segment and the next one is never prepared.
      let lead = bytes.map { min(Int64($0), 2 * Int64(configuration.segmentBytes)) }
      try prepareAlone(lead: lead, base: base, isInBackground: false)
    }
  }

  /// Lets the log's thread write ahead, if that is due. Only for who holds no lock.
  func prepareLater() {
    guard !isPreparationScheduled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let thread = preparationThread.withLock { thread -> any IOThread in
      if let thread { return thread }
      let made = environment.makeIOThread()
      thread = made
      return made
    }
    thread.enqueue { [weak self] in self?.prepareInBackground() }
  }

  /// Runs `body` while nobody writes ahead: who is at it gives up first. Only for who holds no lock.
  func withoutPreparing<R>(_ body: () throws(LogError) -> R) throws(LogError) -> R {
    spaceRequests.wrappingAdd(1, ordering: .relaxed)
    defer { spaceRequests.wrappingSubtract(1, ordering: .relaxed) }
    preparing.withLock { _ in }
    return try body()
  }

  /// Whether who writes ahead has to stop: the log is being closed, or somebody needs the room.
  private var mustStopPreparing: Bool {
    stopsPreparing.load(ordering: .relaxed) || spaceRequests.load(ordering: .relaxed) > 0
  }

  /// What cannot be prepared costs nobody an append: it is tried again further on.
  private func prepareInBackground() {
    preparing.withLock { _ in
      do throws(LogError) {
        let base = try awake { $0.progress.baseOffset }
        if let base { try prepareAlone(lead: nil, base: base, isInBackground: true) }
      } catch {
        _ = try? awake { $0.preparationDue = $0.progress.position + PreparationPlan.leads.upperBound }
      }
    }
    isPreparationScheduled.store(false, ordering: .releasing)
  }

  /// Runs `body` with the appender of a log that is open and does not sleep; nil where it does.
  private func awake<R: Sendable>(
    _ body: (inout Appender) throws(LogError) -> R
  ) throws(LogError) -> R? {
    try appender.withLock { appender throws(LogError) in
      try checkUsable()
      guard appender != nil, !appender!.isDormant else { return nil }
      return try body(&appender!)
    }
  }

  /// How much is written before it is synchronised, in bytes.
  private static let preparationStep: Int64 = 1 << 20

  /// Only for who holds `preparing`. `base`: the segment that is appended to.
  private func prepareAlone(lead asked: Int64?, base: Offset, isInBackground: Bool) throws(LogError) {
    hasPrepared.store(true, ordering: .relaxed)
    let known = try awake { appender -> (PreparationPlan.Facts, Int64) in
      appender.preparationLead = PreparationPlan.lead(
        at: appender.progress.position, earlier: appender.preparationLead)
      return (appender.preparationFacts, asked ?? appender.preparationLead)
    }
    guard let (facts, lead) = known else { return }
    let plan = PreparationPlan(facts, lead: lead)
    let isAhead = try writeAhead(plan, from: facts.writtenEnd, base: base, isInBackground: isInBackground)
    if isAhead, plan.nextBytes > facts.nextBytes, !mustStopPreparing {
      try prepareNext(bytes: plan.nextBytes)
    }
    // Who was outrun, or had to stop, leaves the disk to the others for a while.
    let goesOn = isAhead && !mustStopPreparing
    _ = try awake { appender in
      appender.preparationDue =
        goesOn
        ? PreparationPlan.due(appender.preparationFacts, lead: min(lead, PreparationPlan.leads.upperBound))
        : appender.progress.position + PreparationPlan.leads.upperBound
    }
  }

  /// Writes the active segment ahead. False where the appends were faster, and nothing is ahead of them.
  private func writeAhead(
    _ plan: PreparationPlan, from start: Int64, base: Offset, isInBackground: Bool
  ) throws(LogError) -> Bool {
    var synchronized = start
    while !mustStopPreparing {
      let step = try awake { appender throws(LogError) -> (reached: Int64, position: Int64)? in
        guard appender.progress.baseOffset == base else { return nil }
        let reached = try io { () throws(IOError) in try appender.writeAhead(through: plan.activeEnd) }
        return (reached, appender.progress.position)
      }
      // The segment has ended meanwhile, or the log sleeps.
      guard let step, let step else { return true }
      let isDone = step.reached >= plan.activeEnd
      if step.reached - synchronized >= (isDone ? 1 : Self.preparationStep) {
        try synchronizeAhead()
        synchronized = step.reached
      }
      if isDone { return true }
      if isInBackground, step.reached - start > Self.preparationStep,
        step.position + Int64(Appender.zeros.count) >= step.reached
      {
        return false
      }
    }
    return true
  }

  /// A turn like any other: the records that are in the log are durable afterwards as well.
  private func synchronizeAhead() throws(LogError) {
    lead(try takeTurn())
    if let poison = state.withLock({ $0.poison }) { throw poison }
  }

  /// Makes the next segment's file, or goes on with it. No lock is held but `preparing`.
  private func prepareNext(bytes: Int64) throws(LogError) {
    let fileSystem = environment.fileSystem
    let earlier = try awake { appender -> PreparedSegment? in
      defer { appender.prepared = nil }
      return appender.prepared
    }
    guard let earlier else { return }
    var next: PreparedSegment
    if let earlier {
      next = earlier
    } else {
      do throws(IOError) {
        next = try PreparedSegment(directory: path, fileSystem: fileSystem)
      } catch { throw LogError(error) }
    }
    do throws(LogError) {
      let isWhole = try io { () throws(IOError) in try fill(&next, bytes: bytes) }
      let ready = next
      guard isWhole else {
        try io { () throws(IOError) in try ready.discard(fileSystem) }
        return
      }
      let isTaken = try awake { appender in
        appender.prepared = ready
        return true
      }
      guard isTaken == nil else { return }
      // The log fell asleep.
      try io { () throws(IOError) in try ready.discard(fileSystem) }
    } catch {
      // Where that fails too, the next opening removes it.
      do throws(IOError) { try next.discard(fileSystem) } catch {}
      throw error
    }
  }

  /// False where it has to stop before.
  private func fill(_ next: inout PreparedSegment, bytes: Int64) throws(IOError) -> Bool {
    var synchronized = next.bytes
    while next.bytes < bytes {
      if mustStopPreparing { return false }
      try next.write(through: bytes)
      if next.bytes - synchronized >= Self.preparationStep || next.bytes >= bytes {
        try next.makeDurable()
        synchronized = next.bytes
      }
    }
    return true
  }
}
