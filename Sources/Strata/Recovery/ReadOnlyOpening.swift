internal import StrataIO
internal import StrataLock
internal import StrataRecords

/// Opens a folder to be read: nothing is written, nothing repaired, no lock taken. Indexes that are missing or
/// wrong are built in memory.
///
/// Beside a live writer the last segment's tail may be half written: what is no whole batch there is "the end",
/// and is looked at again later (`Log.refresh`). Below the durable point it is damage, and reading it says so.
struct ReadOnlyOpening {
  let directory: String
  let configuration: LogConfiguration
  let environment: LogEnvironment

  private var fileSystem: any FileSystem { environment.fileSystem }

  func run() throws(LogError) -> RecoveredLog {
    let began = environment.monotonicNanoseconds()
    let kind: FileMetadata.Kind?
    do { kind = try fileSystem.metadata(directory)?.kind } catch { throw LogError(error) }
    guard let kind else {
      throw LogError(
        .notFound, path: directory, detail: "there is no log; open it with .readWrite to create one")
    }
    guard kind == .directory else {
      throw LogError(.notADirectory, path: directory, detail: "a log is a folder, this is a file")
    }
    let point: DurablePoint?
    do { point = try DurablePointFile.peek(directory, fileSystem) } catch { throw LogError(error) }
    let facts = try RecoveryFacts.gather(directory, fileSystem, point)
    try Self.refuseInterruptedSwap(facts, directory)
    guard let last = facts.segments.last else {
      throw LogError(.notFound, path: directory, detail: "the folder holds no segment")
    }
    var sealed: [SegmentView] = []
    for (fact, next) in zip(facts.segments, facts.segments.dropFirst()) {
      var progress = SegmentProgress(baseOffset: fact.baseOffset)
      progress.position = fact.size
      progress.nextOffset = next.baseOffset
      sealed.append(SegmentView(segment: segment(at: fact.baseOffset), progress: progress, isSealed: true))
    }
    var active = openActive(at: last.baseOffset, size: last.size)
    var report = RecoveryReport()
    var producers = try producers(at: last.baseOffset, point)
    report.scannedBytes = try follow(&active, to: last.size, point, &producers)
    let start = max(point?.logStart ?? 0, facts.segments[0].baseOffset)
    var state = LogState(
      sealed: sealed, active: active, logStart: min(start, active.progress.nextOffset),
      checkpoint: active.progress)
    state.lost = facts.lost
    state.producers = producers
    if let epochs = facts.epochs {
      state.epochs = epochs
    } else {
      state.epochs = try io { () throws(IOError) in
        try LeaderEpochs.rebuild(
          directory, facts.segments.map(\.baseOffset), fileSystem, limits: configuration.limits)
      }
    }
    state.show(point)
    report.nanoseconds = environment.monotonicNanoseconds() - began
    return RecoveredLog(state: state, appender: nil, durablePoint: nil, lock: nil, report: report)
  }

  /// The producers at the start of the last segment.
  private func producers(at base: Offset, _ point: DurablePoint?) throws(LogError) -> ProducerState {
    if let durable = point?.durable, durable.baseOffset >= base, !durable.hasProducers {
      return ProducerState()
    }
    let history = ProducerHistory(
      directory: directory, fileSystem: fileSystem, limits: configuration.limits)
    return try history.state(at: base)
  }

  /// Between two phases of a swap a segment has no name of its own, and giving it one is a writer's.
  private static func refuseInterruptedSwap(
    _ facts: RecoveryFacts, _ directory: String
  ) throws(LogError) {
    for name in facts.swapFiles {
      guard let file = SegmentSwap.parse(name), file.suffix == SegmentSwap.swap, file.kind == .log,
        !facts.segments.contains(where: { $0.baseOffset == file.baseOffset })
      else { continue }
      throw LogError(
        .io, path: SegmentFiles.path(directory, name),
        detail: "putting a rewritten segment in place was interrupted; open the log for writing once")
    }
  }

  private func segment(at baseOffset: Offset, index: SegmentIndex? = nil) -> Segment {
    Segment(
      baseOffset: baseOffset, directory: directory, access: .readOnly, configuration: configuration,
      fileSystem: fileSystem, activeIndex: index)
  }

  /// The last segment, nothing of it read yet. Its index is made in memory while it is read.
  func openActive(at baseOffset: Offset, size: Int64) -> SegmentView {
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let needed = scan.indexBytes(for: max(size, Int64(configuration.segmentBytes)))
    let index = SegmentIndex.inMemory(
      (max(needed.offsets, configuration.indexBytes), max(needed.times, configuration.indexBytes)))
    return SegmentView(
      segment: segment(at: baseOffset, index: index), progress: SegmentProgress(baseOffset: baseOffset),
      isSealed: false)
  }

  /// Reads on in the last segment, up to the first bytes that are no whole batch, and takes in what they say of
  /// producers. Returns how many were read.
  ///
  /// Where nobody has noted how far the log is durable, whole batches may lie behind such bytes. Then it goes on
  /// there, so that a reader comes to the damage and is told, instead of taking it for the end.
  func follow(
    _ view: inout SegmentView, to size: Int64, _ point: DurablePoint?, _ producers: inout ProducerState
  ) throws(LogError) -> Int64 {
    var replay = ProducerReplay(producers, limits: configuration.limits)
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let from = view.progress.position
    let index = try view.segment.index(for: view).index
    let file = try view.segment.file()
    if let durable = point?.durable, durable.position <= size {
      try follow(&view.progress, to: durable, file, index, scan, &replay)
    }
    while let damage = try scan.run(
      file, end: size, progress: &view.progress, index: index, visit: { batch, _ in replay.take(batch) }),
      point == nil
    {
      let (expected, bound) = (view.progress.nextOffset, view.baseOffset.furthest)
      let behind = try io { () throws(IOError) in
        try damage.batchBehind(
          in: file, end: size, expected: expected, bound: bound, epoch: -1, limits: configuration.limits)
      }
      guard let behind else { break }
      view.progress.position = behind.position
      view.progress.nextOffset = behind.batch.baseOffset
    }
    for transaction in replay.aborted { view.progress.take(transaction, index) }
    producers = replay.state
    if !producers.isEmpty { view.progress.hasProducers = true }
    return view.progress.position - from
  }

  /// Reads on to the durable point, which knows the digest of all heads before it. Where one head is not what it
  /// was, what it was goes into the index: so all that lies behind is found, and a reader comes to the damage.
  private func follow(
    _ progress: inout SegmentProgress, to durable: SegmentProgress, _ file: any File, _ index: SegmentIndex,
    _ scan: SegmentScan, _ replay: inout ProducerReplay
  ) throws(LogError) {
    let (before, replayBefore) = (progress, replay)
    guard durable.baseOffset == before.baseOffset, durable.position > before.position else { return }
    _ = try scan.run(
      file, end: durable.position, progress: &progress, index: index, visit: { batch, _ in replay.take(batch) })
    if progress.end == durable.end { return }
    let finding: HeadFinding
    do throws(IOError) {
      finding = try HeadInspection(file: file, limits: configuration.limits).inspect(
        from: before.end, to: durable.end)
    } catch { throw LogError(error) }
    guard case .damaged(let position, let right) = finding else { return }
    (progress, replay) = (before, replayBefore)
    _ = try scan.run(
      file, end: durable.position, progress: &progress, index: index,
      correction: HeadCheck.Damage(position: position, right: right),
      visit: { batch, _ in replay.take(batch) })
  }
}

extension LogState {
  /// Takes in what the writer has noted of how far the log is durable. Where nobody has noted anything (Kafka
  /// wrote the log), all of it counts as durable.
  mutating func show(_ point: DurablePoint?) {
    durable = active.progress
    guard let point else { return }
    logStart = min(max(logStart, point.logStart), logEnd)
    let known = point.durable
    if known.baseOffset == active.baseOffset, known.nextOffset > logEnd {
      // Bytes that were durable are no batches any more: a reader has to come to them and be told.
      if active.progress.position <= known.position {
        active.progress.position = known.position
        active.progress.headDigest = known.headDigest
      }
      active.progress.nextOffset = known.nextOffset
      durable = active.progress
    } else if known.nextOffset < durable.nextOffset {
      durable = known
    }
    producers.forgetCompleted(below: durableEnd)
    if checkpoint.nextOffset > durable.nextOffset { checkpoint = durable }
  }
}

extension ReadOnlyOpening {
  /// The sealed segments before the one that begins at `active`, by what the folder holds; views that are still
  /// right stay. nil where nothing is different.
  func relist(_ known: [SegmentView], before active: Offset, _ facts: RecoveryFacts) -> [SegmentView]? {
    var views: [SegmentView] = []
    var isChanged = false
    for (place, fact) in facts.segments.enumerated() where fact.baseOffset < active {
      let next = place + 1 < facts.segments.count ? facts.segments[place + 1].baseOffset : active
      if let view = known.first(where: { $0.baseOffset == fact.baseOffset }),
        view.progress.position == fact.size, view.progress.nextOffset == next
      {
        views.append(view)
        continue
      }
      isChanged = true
      var progress = SegmentProgress(baseOffset: fact.baseOffset)
      progress.position = fact.size
      progress.nextOffset = next
      views.append(SegmentView(segment: segment(at: fact.baseOffset), progress: progress, isSealed: true))
    }
    return isChanged || views.count != known.count ? views : nil
  }
}

extension Log {
  /// Looks at the sealed segments again, where another process writes: it may have removed or rewritten some. Returns
  /// whether it has.
  func hasRelisted() throws(LogError) -> Bool {
    guard access == .readOnly else { return false }
    return try refreshing.withLock { _ throws(LogError) in
      guard state.withLock({ $0.phase }) == .open else { return false }
      let opening = ReadOnlyOpening(
        directory: path, configuration: configuration, environment: environment)
      let (known, active) = state.withLock { ($0.sealed, $0.active.baseOffset) }
      // A writer needs a moment to give several files their names.
      for _ in 0..<Self.swapLooks {
        let facts = try RecoveryFacts.gather(path, environment.fileSystem, nil)
        guard facts.swapFiles.contains(where: { $0.hasSuffix(SegmentSwap.swap) }) else {
          guard let views = opening.relist(known, before: active, facts) else { return false }
          let start = facts.segments.first?.baseOffset ?? 0
          state.withLock { state in
            state.sealed = views
            state.logStart = min(max(state.logStart, start), state.logEnd)
          }
          return true
        }
        let clock = EventCount()
        _ = clock.wait(while: clock.current, timeoutNanoseconds: Self.swapPause)
      }
      return false
    }
  }

  /// How often, and how far apart in nanoseconds, a reader looks for the end of a writer's swap.
  private static let swapLooks = 50
  private static let swapPause: Int64 = 2_000_000

  /// Looks at what a writer has done since: new batches, new segments, a later durable point.
  func refresh() throws(LogError) {
    guard access == .readOnly else { return }
    try refreshing.withLock { _ throws(LogError) in
      guard state.withLock({ $0.phase }) == .open else {
        throw LogError(.closed, path: path, detail: "the log was closed; open it again")
      }
      let opening = ReadOnlyOpening(
        directory: path, configuration: configuration, environment: environment)
      let point: DurablePoint?
      do throws(IOError) { point = try DurablePointFile.peek(path, environment.fileSystem) } catch {
        throw LogError(error)
      }
      let facts = try RecoveryFacts.gather(path, environment.fileSystem, point)
      var (known, active, producers) = state.withLock { ($0.sealed, $0.active, $0.producers) }
      // While segments are put in place not all of them have their names.
      if !facts.swapFiles.contains(where: { $0.hasSuffix(SegmentSwap.swap) }) {
        known = opening.relist(known, before: active.baseOffset, facts) ?? known
      }
      var ended: [SegmentView] = []
      var size = active.progress.position
      for fact in facts.segments where fact.baseOffset >= active.baseOffset {
        if fact.baseOffset > active.baseOffset {
          active.isSealed = true
          // What could not be read before the next segment came is damage, and a reader has to come to it.
          active.progress.position = size
          active.progress.nextOffset = fact.baseOffset
          ended.append(active)
          active = opening.openActive(at: fact.baseOffset, size: fact.size)
        }
        size = fact.size
        _ = try opening.follow(&active, to: fact.size, point, &producers)
      }
      let (found, relisted, followed) = (active, known, producers)
      let start = facts.segments.first?.baseOffset
      state.withLock { state in
        state.sealed = relisted + ended
        state.active = found
        state.producers = followed
        if let start {
          state.sealed.removeAll { $0.progress.nextOffset <= start }
          state.logStart = min(max(state.logStart, start), state.logEnd)
        }
        state.lost = facts.lost
        if let epochs = facts.epochs { state.epochs = epochs }
        state.show(point)
      }
    }
  }
}
