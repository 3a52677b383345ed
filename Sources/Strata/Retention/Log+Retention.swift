internal import StrataIO
internal import StrataLock
public import StrataRecords

/// What applying the retention of a log has done.
public struct RetentionReport: Hashable, Sendable {
  /// The segments that went for their age, and those that went for the log's size.
  public var expiredSegments = 0
  public var excessSegments = 0
  /// The bytes of batches that went.
  public var bytes: Int64 = 0
  /// Where the log begins now.
  public var logStartOffset: Offset
}

extension Log {
  /// Removes the segments that are older or more than the configuration keeps (`retentionMilliseconds`,
  /// `retentionBytes`), the oldest first. `RetentionPlan` has the rule; under the policy `.compact` nothing goes.
  ///
  /// Where the segment that is appended to goes too, the next one is on the disk before. When this returns, the
  /// new start of the log survives the loss of power, and the files are removed or, where a compaction is running,
  /// will be at its end. Works on a full disk. Readers in the middle of a removed segment read it to its end; then,
  /// as who asks for a removed offset, they are told `.offsetOutOfRange`.
  ///
  /// - Throws: `.poisoned`, `.closed`, `.readOnly`, `.io`.
  @discardableResult
  public func applyRetention() throws(LogError) -> RetentionReport {
    try withAppender { _ in }
    let facts = try retentionFacts()
    let plan = RetentionPlan(facts)
    var report = RetentionReport(logStartOffset: plan.logStart)
    for removal in plan.removals {
      switch removal.reason {
      case .age: report.expiredSegments += 1
      case .size: report.excessSegments += 1
      case .logStart: break
      }
      report.bytes += facts.segments.first { $0.baseOffset == removal.baseOffset }?.bytes ?? 0
    }
    if plan.logStart > facts.logStart { try advanceLogStart(to: plan.logStart) }
    try removeUnreachable()
    report.logStartOffset = logStartOffset
    return report
  }

  /// Lets the log begin at `offset`: what lies before cannot be read any more, and segments that lie wholly before
  /// are removed. Returns where the log begins now; an offset at or below that removes nothing.
  ///
  /// The offset may lie inside of a batch: a fetch from it returns that batch, whose `records()` begin there. When
  /// this returns the new start survives the loss of power. Works on a full disk.
  ///
  /// - Throws: `.offsetOutOfRange` above the high watermark, which is the log's end where none was set; `.poisoned`,
  ///   `.closed`, `.readOnly`, `.io`.
  @discardableResult
  public func deleteRecords(before offset: Offset) throws(LogError) -> Offset {
    try withAppender { _ in }
    let (start, end) = state.withLock { ($0.logStart, $0.removableEnd) }
    guard offset <= end else {
      throw LogError(
        .offsetOutOfRange, path: path, offsets: min(start, end)..<end,
        detail: "records before \(offset) cannot be deleted: at most those before the high watermark, \(end)")
    }
    if offset > start { try advanceLogStart(to: offset) }
    try removeUnreachable()
    return logStartOffset
  }

  private func retentionFacts() throws(LogError) -> RetentionPlan.Facts {
    let (views, start, end) = state.withLock { ($0.sealed + [$0.active], $0.logStart, $0.removableEnd) }
    let isByAgeAndSize = configuration.cleanupPolicy != .compact
    var facts = RetentionPlan.Facts(
      segments: [], logStart: start, removableEnd: end, now: environment.wallClockMilliseconds(),
      milliseconds: isByAgeAndSize ? configuration.retentionMilliseconds : nil,
      bytes: isByAgeAndSize ? configuration.retentionBytes : nil)
    for (place, view) in views.enumerated() {
      var fact = RetentionPlan.SegmentFact(
        baseOffset: view.baseOffset,
        nextOffset: place + 1 < views.count ? views[place + 1].baseOffset : view.progress.nextOffset,
        bytes: view.progress.position, largestTimestamp: Timestamp(milliseconds: -1), modificationTime: .max)
      if facts.milliseconds != nil {
        do throws(LogError) {
          fact.largestTimestamp = try view.segment.index(for: view).progress.largestTimestamp
          let metadata = try io { () throws(IOError) in
            try environment.fileSystem.metadata(view.segment.path(.log))
          }
          if let metadata { fact.modificationTime = metadata.modificationTime }
        } catch {
          // Somebody may have removed or rewritten it meanwhile. It counts as new, and is looked at the next time.
          guard error.code == .notFound else { throw error }
          fact.modificationTime = .max
          fact.largestTimestamp = Timestamp(milliseconds: .max)
        }
      }
      facts.segments.append(fact)
    }
    return facts
  }

  /// Lets the log begin at `offset`, durably. Segments that lie before it leave the log; their files are still there.
  private func advanceLogStart(to offset: Offset) throws(LogError) {
    try withAppender { appender throws(LogError) in
      if offset >= appender.progress.nextOffset, appender.progress.position > 0 {
        // Without room for another segment the last one stays, and is removed some other time.
        do throws(LogError) { try roll(&appender) } catch {
          guard error.code == .noSpace else { throw error }
        }
      }
      if state.withLock({ $0.durableEnd < offset }) { try commit(through: offset - 1) }
      let turn = try takeTurn()
      do throws(LogError) { try writeLogStart(offset, &appender) } catch {
        endTurn(turn, .failure(poisoned(by: error)))
        throw error
      }
      endTurn(turn, .success(nil))
      // Their file follows with the next epoch: what it says of offsets that are gone does no harm.
      appender.epochs.truncate(from: offset)
      let epochs = appender.epochs
      state.withLock { $0.epochs = epochs }
    }
  }

  /// Only for who holds the appender and the turn.
  private func writeLogStart(_ offset: Offset, _ appender: inout Appender) throws(LogError) {
    let (durable, checkpoint, before, lostBefore) = state.withLock {
      ($0.durable, $0.checkpoint, $0.logStart, $0.lost)
    }
    guard offset > before else { return }
    try writeDurablePoint(
      durable: durable, checkpoint: checkpoint, synchronizing: true, logStart: offset)
    appender.epochs.truncate(from: offset)
    let epochs = appender.epochs
    state.withLock { state in
      state.logStart = offset
      state.epochs = epochs
      state.lost.drop(below: offset)
      let count = state.sealed.firstIndex { $0.progress.nextOffset > offset } ?? state.sealed.count
      state.removed += state.sealed[..<count]
      state.sealed.removeFirst(count)
      state.counts.removedSegments += UInt64(count)
      assert({ state.checkInvariants() }() == ())
    }
    // The other slot says the same from now on: whichever is damaged, nobody takes an earlier start for this one.
    try writeDurablePoint(durable: durable, checkpoint: checkpoint, synchronizing: false)
    let lost = state.withLock { $0.lost }
    guard lost != lostBefore else { return }
    _ = try io { () throws(IOError) in
      try orWithoutRoom { () throws(IOError) in try lost.store(path, environment.fileSystem) }
    }
  }

  /// Removes the files of segments that have left the log, the oldest first. Who is replacing segments does it when
  /// that is done.
  func removeUnreachable() throws(LogError) {
    while state.withLock({ !$0.removed.isEmpty }) {
      let done: Void? = try maintaining.withLockIfAvailable { _ throws(LogError) in
        try removeUnreachableHoldingLock()
      }
      if done == nil { return }
    }
  }

  /// The same for who holds `maintaining`.
  func removeUnreachableHoldingLock() throws(LogError) {
    let removal = SegmentRemoval(directory: path, fileSystem: environment.fileSystem)
    while let view = state.withLock({ $0.removed.first }) {
      // Nothing is written under its names any more; its readers go on.
      view.segment.retire()
      let names = try io { () throws(IOError) in try removal.putAside(view.baseOffset) }
      state.withLock { _ = $0.removed.removeFirst() }
      try io { () throws(IOError) in try removal.remove(names) }
    }
  }
}

extension LogState {
  /// The offset up to which records may be removed.
  fileprivate var removableEnd: Offset { min(highWatermark ?? logEnd, logEnd) }
}

/// Removing the files of a segment that lies below the log's start. It may be interrupted anywhere: what is left is
/// removed by the next opening.
struct SegmentRemoval {
  let directory: String
  let fileSystem: any FileSystem

  private func path(_ base: Offset, _ kind: SegmentFiles.Kind) -> String {
    SegmentFiles.path(directory, SegmentFiles.name(base, kind))
  }

  /// Gives the files the names of deleted ones, as Kafka does; the batches go first. Without room for a longer name
  /// they keep theirs. Returns what is to be removed.
  func putAside(_ base: Offset) throws(IOError) -> [String] {
    var names: [String] = []
    for kind in SegmentFiles.Kind.allCases {
      let (name, aside) = (path(base, kind), path(base, kind) + SegmentSwap.deleted)
      do throws(IOError) {
        try fileSystem.rename(name, to: aside, .retentionRename)
        names.append(aside)
      } catch {
        switch error.code {
        case .notFound: break
        case .noSpace: names.append(name)
        default: throw error
        }
      }
    }
    return names
  }

  /// Removes what was put aside.
  func remove(_ names: [String]) throws(IOError) {
    for name in names {
      do throws(IOError) { try fileSystem.remove(name, .retentionRemove) } catch {
        guard error.code == .notFound else { throw error }
      }
    }
  }
}
