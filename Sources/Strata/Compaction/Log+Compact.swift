internal import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

extension Log {
  /// Removes records of which a newer one with the same key exists, tombstones and end markers whose time is over,
  /// records of aborted transactions, and records without a key. What stays keeps its offset and its order.
  ///
  /// Sealed segments are read, rewritten without those records, and replaced; small ones are put together. The log is
  /// the old one or the new one at every moment, also when the power goes. It may take long, and blocks the thread;
  /// others append, read and apply the retention meanwhile, and readers of a replaced segment read it to its end.
  /// It needs as much room on the disk as one segment has; without it, it throws, and the log is as it was.
  ///
  /// Every batch is checked before it is rewritten. A truncation, `close`, or cancelling the task stops it between
  /// two batches; what was replaced until then stays.
  ///
  /// - Throws: `.cleanupPolicy` where `LogConfiguration.cleanupPolicy` is `.delete`; `.damaged` where a batch is not
  ///   what was written: nothing of its segment was changed; `.noSpace`, `.poisoned`, `.closed`, `.readOnly`, `.io`.
  @discardableResult
  public func compact(_ options: CompactionOptions = CompactionOptions()) throws(LogError) -> CompactionReport
  {
    options.checkSense()
    guard configuration.cleanupPolicy != .delete else {
      throw LogError(
        .cleanupPolicy, path: path,
        detail: "compacting would remove every record without a key; open the log with "
          + "cleanupPolicy .compact or .compactAndDelete")
    }
    try withAppender { _ in }
    return try compacting.withLock { _ throws(LogError) in
      var compactor = LogCompactor(log: self, options: options)
      return try compactor.run()
    }
  }

  /// Below this offset every key has one record, as far as compaction may go there.
  public var compactedOffset: Offset { state.withLock { $0.compactedThrough } }
}

/// Compacts a log, a range of offsets at a time: as far as the keys fit into their memory. For one thread, which
/// holds `compacting`.
struct LogCompactor {
  let log: Log
  let options: CompactionOptions
  private let now: Int64
  private let truncations: UInt64
  private var pace: CompactionPace
  private var report: CompactionReport

  init(log: Log, options: CompactionOptions) {
    self.log = log
    self.options = options
    now = log.environment.wallClockMilliseconds()
    truncations = log.truncationCount.load(ordering: .sequentiallyConsistent)
    pace = CompactionPace(environment: log.environment, bytesPerSecond: options.bytesPerSecond)
    report = CompactionReport(compactedThrough: log.compactedOffset)
  }

  private var configuration: LogConfiguration { log.configuration }
  private var swap: SegmentSwap { SegmentSwap(directory: log.path, fileSystem: log.environment.fileSystem) }

  /// Ends the compaction, and is no failure.
  private struct Stop {
    static let code = LogError.Code.cancelled
  }

  mutating func run() throws(LogError) -> CompactionReport {
    do throws(LogError) {
      try runPasses()
      report.isComplete = true
    } catch {
      // Where records were taken back meanwhile, what was to be read may just have gone.
      guard error.code == Stop.code || isTruncated else { throw error }
    }
    // What retention has left to whoever holds the segments.
    try log.removeUnreachable()
    report.compactedThrough = log.compactedOffset
    report.nanoseconds = pace.elapsed
    return report
  }

  private var isTruncated: Bool {
    log.truncationCount.load(ordering: .sequentiallyConsistent) != truncations
  }

  private mutating func runPasses() throws(LogError) {
    try endActiveSegment()
    while true {
      let start = log.logStartOffset
      do throws(LogError) { return try runPassesOnce() } catch {
        // Retention may have removed what was to be read.
        guard error.code == .notFound, log.logStartOffset > start else { throw error }
      }
    }
  }

  private mutating func runPassesOnce() throws(LogError) {
    let survey = try survey()
    var plan = try plan(survey)
    report.dirtyRatio = plan.dirtyRatio
    if options.trigger == .whenDue, !plan.isDue { return }
    let keys = KeyOffsetMap(budgetBytes: options.keyMapBytes)
    // The first pass also meets tombstones whose time is over, where nothing is dirty.
    repeat {
      keys.removeAll()
      report.unreadBatches = 0
      let end = try collect(plan.dirty, survey, into: keys)
      let filter = CompactionFilter(
        keys: keys, survey: survey, end: end, now: now,
        deleteRetention: configuration.deleteRetentionMilliseconds, limits: configuration.limits)
      try rewriteGroups(filter)
      try advance(to: end)
      report.passes += 1
      plan = try self.plan(survey)
    } while !plan.dirty.isEmpty
  }

  /// Throws where it has to end.
  private func checkGoesOn() throws(LogError) {
    if log.isInterrupted || Task.isCancelled || options.mustStop() || isTruncated {
      throw LogError(Stop.code, path: log.path)
    }
  }

  private func endActiveSegment() throws(LogError) {
    let active = log.state.withLock { $0.active }
    guard active.progress.position > 0 else { return }
    var ends = options.endsActiveSegment
    if let lag = configuration.maximumCompactionLagMilliseconds,
      active.progress.firstTimestamp.milliseconds >= 0
    {
      let (age, over) = now.subtractingReportingOverflow(active.progress.firstTimestamp.milliseconds)
      if !over, age > lag { ends = true }
    }
    guard ends else { return }
    try log.withAppender { appender throws(LogError) in
      if appender.progress.position > 0 { try log.roll(&appender) }
    }
  }
}

// MARK: What there is

extension LogCompactor {
  private mutating func survey() throws(LogError) -> TransactionSurvey {
    var survey = TransactionSurvey(expiration: log.configuration.producerExpirationMilliseconds)
    var next = log.state.withLock { $0.logStart }
    // To the end, the segment that is appended to included: how a transaction ends may be there.
    while let view = log.state.withLock({ state in
      next < state.logEnd ? state.segment(for: next) : nil
    }) {
      try checkGoesOn()
      guard view.progress.nextOffset > next || !view.isSealed else {
        next = log.state.withLock { $0.segment(behind: view.baseOffset)?.baseOffset ?? $0.logEnd }
        continue
      }
      var batches = CheckedBatches(view, limits: configuration.limits)
      while let batch = try batches.next() {
        try pace.take(batch.sizeInBytes, checkGoesOn)
        if batch.nextOffset > next { survey.take(batch, limits: configuration.limits) }
      }
      next = max(view.progress.nextOffset, next)
      if !view.isSealed { break }
    }
    return survey
  }

  private func plan(_ survey: TransactionSurvey) throws(LogError) -> CompactionPlan {
    try checkGoesOn()
    let (views, start, cleanedTo, watermark) = log.state.withLock { state in
      (
        state.sealed, state.logStart, state.compactedThrough,
        min(state.highWatermark ?? .max, state.durableEnd)
      )
    }
    var facts = CompactionPlan.Facts(
      segments: [], logStart: start, cleanedTo: cleanedTo, bound: min(watermark, survey.firstOpen ?? .max),
      now: now, leastLag: configuration.minimumCompactionLagMilliseconds,
      leastDirtyRatio: configuration.minimumDirtyRatio,
      greatestLag: configuration.maximumCompactionLagMilliseconds)
    for view in views { facts.segments.append(try fact(of: view)) }
    if facts.greatestLag != nil,
      let dirty = views.first(where: { $0.progress.nextOffset > max(start, cleanedTo) })
    {
      var batches = CheckedBatches(dirty, limits: configuration.limits)
      facts.oldestDirtyTime = try batches.next().map { $0.maxTimestamp.milliseconds }
      if facts.oldestDirtyTime ?? 0 < 0 { facts.oldestDirtyTime = try fact(of: dirty).time }
    }
    return CompactionPlan(facts)
  }

  private func fact(of view: SegmentView) throws(LogError) -> CompactionPlan.SegmentFact {
    let progress = try view.segment.index(for: view).progress
    let metadata = try io { () throws(IOError) in
      try log.environment.fileSystem.metadata(view.segment.path(.log))
    }
    let written = metadata?.modificationTime ?? .max
    let newest = progress.largestTimestamp.milliseconds
    return CompactionPlan.SegmentFact(
      baseOffset: view.baseOffset, nextOffset: view.progress.nextOffset, bytes: view.progress.position,
      indexBytes: max(
        progress.offsetEntries * OffsetIndexEntry.byteCount, progress.timeEntries * TimeIndexEntry.byteCount),
      time: newest < 0 ? written : min(newest, written))
  }

  /// Notes the newest offset of each key of `dirty`, as far as there is room for keys. Returns where that ended.
  private mutating func collect(
    _ dirty: Range<Offset>, _ survey: TransactionSurvey, into keys: KeyOffsetMap
  ) throws(LogError) -> Offset {
    let views = log.state.withLock { state in
      state.sealed.filter { $0.progress.nextOffset > dirty.lowerBound && $0.baseOffset < dirty.upperBound }
    }
    for view in views {
      var batches = CheckedBatches(view, limits: configuration.limits)
      if dirty.lowerBound > view.baseOffset { try batches.seek(to: dirty.lowerBound) }
      while let batch = try batches.next() {
        try pace.take(batch.sizeInBytes, checkGoesOn)
        guard batch.lastOffset >= dirty.lowerBound, !batch.isControl, !survey.isAborted(batch.header) else {
          continue
        }
        // The dirty part may be empty and lie within a segment, whose rest is behind what may be compacted: what is
        // there may yet be taken back, and must not take an older record of its key along.
        if batch.baseOffset >= dirty.upperBound { return dirty.upperBound }
        if let full = note(batch, of: dirty, in: keys) { return full }
      }
    }
    return dirty.upperBound
  }

  /// Notes the keys of a batch. Returns the offset of the first record for which there was no room.
  private func note(_ batch: RecordBatch, of dirty: Range<Offset>, in keys: KeyOffsetMap) -> Offset? {
    do {
      var records = try batch.records(limits: configuration.limits)
      while let record = try records.next() {
        guard dirty.contains(record.offset), let key = record.key else { continue }
        if !keys.put(key, record.offset) { return record.offset }
      }
    } catch {
      // Such a batch stays as it is, and older records of its keys with it.
    }
    return nil
  }
}

// MARK: What is done

extension LogCompactor {
  private mutating func rewriteGroups(_ filter: CompactionFilter) throws(LogError) {
    var facts: [CompactionPlan.SegmentFact] = []
    for view in log.state.withLock({ $0.sealed }) where view.baseOffset < filter.end {
      facts.append(try fact(of: view))
    }
    let groups = CompactionPlan.groups(
      facts, before: filter.end, segmentBytes: Int64(configuration.segmentBytes),
      indexBytes: configuration.indexBytes)
    for group in groups {
      let bases = Set(group.map(\.baseOffset))
      let log = log
      try log.maintaining.withLock { _ throws(LogError) in
        try checkGoesOn()
        try log.checkUsable()
        // Retention may have taken the first of them.
        let views = log.state.withLock { $0.sealed.filter { bases.contains($0.baseOffset) } }
        if !views.isEmpty { try rewrite(views, filter) }
        try log.removeUnreachableHoldingLock()
      }
    }
  }

  /// Rewrites segments that follow one another, and replaces them. Only for who holds `maintaining`.
  private mutating func rewrite(_ views: [SegmentView], _ filter: CompactionFilter) throws(LogError) {
    var rewriter = SegmentRewriter(views, filter, swap, configuration)
    let result: SegmentRewriter.Result
    do throws(LogError) {
      result = try rewriter.run { count throws(LogError) in try pace.take(count, checkGoesOn) }
      report.unreadBatches += result.unreadBatches
      guard !result.outputs.isEmpty else { return }
      // From the moment on at which others have their names, the old ones do without.
      for view in views { try view.segment.detach(view) }
    } catch {
      do { try swap.abandon() } catch {}
      throw error
    }
    do throws(IOError) {
      try swap.run(replacing: views.map(\.baseOffset), by: result.outputs.map(\.baseOffset))
    } catch {
      throw poison(by: LogError(error))
    }
    publish(result.outputs, instead: views)
    report.removedRecords += result.removedRecords
    report.replacedSegments += views.count
    report.writtenSegments += result.outputs.count
    report.replacedBytes += views.reduce(0) { $0 + $1.progress.position }
    report.writtenBytes += result.outputs.reduce(0) { $0 + $1.position }
  }

  /// Half way through a swap only the next opening knows what the names mean.
  private func poison(by error: LogError) -> LogError {
    let failure = log.poisoned(by: error)
    do throws(LogError) {
      let turn = try log.takeTurn()
      log.endTurn(turn, .failure(failure))
    } catch { return error }
    return failure
  }

  private func publish(_ outputs: [SegmentProgress], instead old: [SegmentView]) {
    let views = outputs.map { progress in
      SegmentView(
        segment: Segment(
          baseOffset: progress.baseOffset, directory: log.path, access: .readWrite,
          configuration: configuration, fileSystem: log.environment.fileSystem),
        progress: progress, isSealed: true)
    }
    log.state.withLock { state in
      let replaced = old.map { ObjectIdentifier($0.segment) }
      // What retention has taken out of the log meanwhile has no files of its own any more.
      state.removed.removeAll { replaced.contains(ObjectIdentifier($0.segment)) }
      state.sealed.removeAll { replaced.contains(ObjectIdentifier($0.segment)) }
      let place = state.sealed.firstIndex { $0.baseOffset > old[0].baseOffset } ?? state.sealed.count
      state.sealed.insert(contentsOf: views.filter { $0.progress.nextOffset > state.logStart }, at: place)
      state.removed += views.filter { $0.progress.nextOffset <= state.logStart }
      state.counts.compactedSegments += UInt64(views.count)
      assert({ state.checkInvariants() }() == ())
    }
  }

  /// Notes how far the log is compacted. That never goes back.
  private func advance(to end: Offset) throws(LogError) {
    let log = log
    try log.maintaining.withLock { _ throws(LogError) in
      try checkGoesOn()
      let epoch = try log.withAppender { appender in appender.epochs.current }
      guard log.state.withLock({ $0.compactedThrough < end }) else { return }
      let checkpoint = CompactionCheckpoint(offset: end, epoch: epoch)
      // Without room for it more is read again the next time, and that is all.
      _ = try io { () throws(IOError) in
        try orWithoutRoom { () throws(IOError) in try checkpoint.store(log.path, log.environment.fileSystem) }
      }
      log.state.withLock { $0.compactedThrough = end }
    }
  }
}

/// How fast a compaction reads.
private struct CompactionPace {
  private let environment: LogEnvironment
  private let bytesPerSecond: Int?
  private let began: Int64
  private let clock = EventCount()
  private var bytes: Int64 = 0

  init(environment: LogEnvironment, bytesPerSecond: Int?) {
    self.environment = environment
    self.bytesPerSecond = bytesPerSecond
    began = environment.monotonicNanoseconds()
  }

  var elapsed: Int64 { environment.monotonicNanoseconds() - began }

  /// It does not wait for longer than this, in nanoseconds, without looking whether it goes on.
  private static let longestWait: Int64 = 20_000_000

  /// Takes in that `count` bytes were read, and waits where that was too fast.
  mutating func take(_ count: Int, _ check: () throws(LogError) -> Void) throws(LogError) {
    try check()
    bytes += Int64(count)
    guard let bytesPerSecond else { return }
    var wait = Int64(Double(bytes) / Double(bytesPerSecond) * 1e9) - elapsed
    while wait > 0 {
      _ = clock.wait(while: clock.current, timeoutNanoseconds: min(wait, Self.longestWait))
      wait -= Self.longestWait
      try check()
    }
  }
}
