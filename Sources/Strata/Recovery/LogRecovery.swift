internal import StrataIO
internal import StrataRecords

/// Opens a folder for writing: carries a `RecoveryPlan` out.
///
/// Every step can be interrupted by a crash and the whole be started again: what is cut was copied and
/// synchronised before, a new leader epoch is on the disk before the cut, and the durable point is raised last.
struct LogRecovery {
  let directory: String
  let configuration: LogConfiguration
  let environment: LogEnvironment
  var report = RecoveryReport()

  private var fileSystem: any FileSystem { environment.fileSystem }
  private var scan: SegmentScan {
    SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
  }

  init(directory: String, configuration: LogConfiguration, environment: LogEnvironment) {
    self.directory = directory
    self.configuration = configuration
    self.environment = environment
  }

  /// The last segment, read and ready to be appended to.
  private struct Active {
    var segment: Segment
    var file: any File
    var index: SegmentIndex
    var allocation: SegmentIndex.Allocation
    var progress: SegmentProgress
  }

  mutating func run() throws(LogError) -> RecoveredLog {
    let began = environment.monotonicNanoseconds()
    try createDirectory()
    let lock: LogLock
    do {
      lock = try LogLock(path: directory, fileSystem: fileSystem, holder: environment.holder)
    } catch { throw LogError(error) }
    do {
      var recovered = try runLocked(lock)
      report.nanoseconds = environment.monotonicNanoseconds() - began
      recovered.report = report
      return recovered
    } catch {
      lock.release()
      throw error
    }
  }

  private mutating func runLocked(_ lock: LogLock) throws(LogError) -> RecoveredLog {
    let opened: (file: DurablePointFile, point: DurablePoint?)
    do { opened = try DurablePointFile.open(directory, fileSystem) } catch { throw LogError(error) }
    var pointFile = opened.file
    var facts = try RecoveryFacts.gather(directory, fileSystem, opened.point)
    for name in facts.leftovers {
      try io { () throws(IOError) in
        try fileSystem.remove(SegmentFiles.path(directory, name), .removeLeftover)
      }
    }
    var epochs = facts.epochs ?? LeaderEpochs()
    var sealed: [SegmentView] = []
    let active: Active
    if facts.segments.isEmpty {
      active = try createFirst(facts, &epochs)
      try raise(&pointFile, facts, active)
    } else {
      let plan = RecoveryPlan(
        facts, checkpointFits: try fits(facts.durablePoint?.checkpoint, facts),
        durableFits: try fits(facts.durablePoint?.durable, facts))
      sealed = try trustedViews(plan, facts)
      if plan.isClean, let clean = try openClean(plan, facts) {
        active = clean
        report.wasClean = true
      } else {
        active = try scan(plan, &facts, &sealed, &epochs, &pointFile)
        try raise(&pointFile, facts, active)
      }
    }
    let start = max(facts.durablePoint?.logStart ?? 0, facts.segments.first?.baseOffset ?? 0)
    return assemble(
      active, sealed, epochs, pointFile, lock, logStart: min(start, active.progress.nextOffset))
  }

  private func assemble(
    _ active: Active, _ sealed: [SegmentView], _ epochs: LeaderEpochs, _ pointFile: DurablePointFile,
    _ lock: LogLock, logStart: Offset
  ) -> RecoveredLog {
    let view = SegmentView(segment: active.segment, progress: active.progress, isSealed: false)
    let state = LogState(sealed: sealed, active: view, logStart: logStart, checkpoint: active.progress)
    let appender = Appender(
      configuration: configuration, segment: active.segment, file: active.file, index: active.index,
      progress: active.progress, indexAllocation: active.allocation, allocatedEnd: active.progress.position,
      segmentCreated: environment.wallClockMilliseconds(), epochs: epochs,
      builder: RecordBatchBuilder(compression: configuration.compression, limits: configuration.limits),
      staging: ByteBuffer(capacity: 4096))
    return RecoveredLog(
      state: state, appender: appender, durablePoint: pointFile, lock: lock, report: report)
  }
}

// MARK: The folder

extension LogRecovery {
  /// Creates the folder and those above it, and makes each known to its parent durably.
  private func createDirectory() throws(LogError) {
    try io { () throws(IOError) in try createDirectory(directory) }
  }

  private func createDirectory(_ path: String) throws(IOError) {
    if let metadata = try fileSystem.metadata(path) {
      guard metadata.kind == .directory else {
        throw IOError(.notDirectory, operation: "open", path: path, detail: "this is a file")
      }
      return
    }
    let parent = SegmentFiles.parent(of: path)
    if parent != path { try createDirectory(parent) }
    do { try fileSystem.createDirectory(path) } catch {
      // Somebody else may have been faster.
      guard error.code == .alreadyExists else { throw error }
    }
    try fileSystem.synchronizeDirectory(parent, .parentDirectories)
  }

  /// The first segment of an empty folder.
  private mutating func createFirst(
    _ facts: RecoveryFacts, _ epochs: inout LeaderEpochs
  ) throws(LogError) -> Active {
    if let point = facts.durablePoint, point.durable.nextOffset > point.logStart {
      throw LogError(
        .damaged, path: directory, offsets: point.logStart..<point.durable.nextOffset,
        detail: "the durable point speaks of records, and there is no segment; bring the .log files back")
    }
    let base = facts.durablePoint?.durable.nextOffset ?? 0
    if epochs.entries.isEmpty { epochs.begin(0, at: base) }
    let stored = epochs
    try io { () throws(IOError) in try stored.store(directory, fileSystem) }
    let new = try NewSegment.create(
      at: base, directory: directory, configuration: configuration, fileSystem: fileSystem)
    try io { () throws(IOError) in try fileSystem.synchronizeDirectory(directory, .rollDirectory) }
    report.wasClean = true
    return Active(
      segment: new.segment, file: new.file, index: new.index, allocation: .init(),
      progress: SegmentProgress(baseOffset: base))
  }

  private func trustedViews(
    _ plan: RecoveryPlan, _ facts: RecoveryFacts
  ) throws(LogError) -> [SegmentView] {
    plan.trusted.map { place in
      let fact = facts.segments[place]
      var progress = SegmentProgress(baseOffset: fact.baseOffset)
      progress.position = fact.size
      progress.nextOffset = facts.segments[place + 1].baseOffset
      return SegmentView(segment: segment(at: fact.baseOffset), progress: progress, isSealed: true)
    }
  }

  private func segment(at baseOffset: Offset) -> Segment {
    Segment(
      baseOffset: baseOffset, directory: directory, access: .readWrite, configuration: configuration,
      fileSystem: fileSystem)
  }

  /// Whether the segment that `progress` speaks of has the batch with which it ends.
  private func fits(_ progress: SegmentProgress?, _ facts: RecoveryFacts) throws(LogError) -> Bool {
    guard let progress, let fact = facts.segments.first(where: { $0.baseOffset == progress.baseOffset }),
      fact.size >= progress.position
    else { return false }
    if progress.position == 0 { return true }
    var reader = BatchFileReader(
      position: progress.lastBatchPosition, expectedOffset: progress.baseOffset, limits: configuration.limits,
      maximumRead: 4096, firstRead: 4096)
    let file = try segment(at: progress.baseOffset).file()
    defer { file.close() }
    return try io { () throws(IOError) in
      guard let header = try reader.peekHeader(in: file, end: fact.size) else { return false }
      return header.crc == progress.lastBatchChecksum && header.nextOffset == progress.nextOffset
        && progress.lastBatchPosition + Int64(header.sizeInBytes) == progress.position
    }
  }

  /// The last segment after a clean close, without reading any of it; nil where its index is not as it was left.
  private func openClean(_ plan: RecoveryPlan, _ facts: RecoveryFacts) throws(LogError) -> Active? {
    guard let progress = plan.durable else { return nil }
    let segment = segment(at: progress.baseOffset)
    let opened = try openActiveIndex(segment, end: progress.position)
    guard opened.allocation.offsetBytes == progress.offsetEntries * OffsetIndexEntry.byteCount,
      opened.allocation.timeBytes == progress.timeEntries * TimeIndexEntry.byteCount,
      try agrees(opened.index, opened.allocation, with: progress, segment.file())
    else { return nil }
    let ready = Segment(
      baseOffset: progress.baseOffset, directory: directory, access: .readWrite, configuration: configuration,
      fileSystem: fileSystem, file: try segment.file(), activeIndex: opened.index)
    return Active(
      segment: ready, file: try ready.file(), index: opened.index, allocation: opened.allocation,
      progress: progress)
  }

  /// Whether the index files have the entries that `progress` counts, and the last ones are right.
  private func agrees(
    _ index: SegmentIndex, _ allocation: SegmentIndex.Allocation, with progress: SegmentProgress,
    _ file: any File
  ) throws(LogError) -> Bool {
    guard allocation.offsetBytes >= progress.offsetEntries * OffsetIndexEntry.byteCount,
      allocation.timeBytes >= progress.timeEntries * TimeIndexEntry.byteCount
    else { return false }
    let base = progress.baseOffset
    if progress.timeEntries > 0 {
      let last = index.timeEntry(progress.timeEntries - 1, base: base)
      guard last.timestamp == progress.lastIndexedTimestamp else { return false }
    }
    guard progress.offsetEntries > 0 else { return true }
    let last = index.offsetEntry(progress.offsetEntries - 1, base: base)
    return try last.isRight(
      in: file, base: base, end: progress.position, nextOffset: progress.nextOffset,
      limits: configuration.limits)
  }

  /// The index files of the last segment, as they are, mapped at their largest size.
  private func openActiveIndex(
    _ segment: Segment, end: Int64
  ) throws(LogError) -> (index: SegmentIndex, allocation: SegmentIndex.Allocation) {
    let least = scan.indexBytes(for: end)
    return try io { () throws(IOError) in
      let offsets = try fileSystem.open(segment.path(.index), .create)
      let times = try fileSystem.open(segment.path(.timeindex), .create)
      var allocation = SegmentIndex.Allocation()
      allocation.offsetBytes = Int(try offsets.metadata().size)
      allocation.timeBytes = Int(try times.metadata().size)
      // Room for all that may be found, behind what is there.
      let offsetLength = max(configuration.indexBytes, least.offsets + allocation.offsetBytes)
      let timeLength = max(configuration.indexBytes, least.times + allocation.timeBytes)
      let index = SegmentIndex(
        offsets: try offsets.map(length: offsetLength / 8 * 8, .readWrite),
        times: try times.map(length: timeLength / 12 * 12, .readWrite), files: (offsets, times))
      return (index, allocation)
    }
  }
}

// MARK: Reading what may be torn

extension LogRecovery {
  /// Reads every segment that the plan names, cuts what is no batch, and makes the rest durable.
  private mutating func scan(
    _ plan: RecoveryPlan, _ facts: inout RecoveryFacts, _ sealed: inout [SegmentView],
    _ epochs: inout LeaderEpochs, _ pointFile: inout DurablePointFile
  ) throws(LogError) -> Active {
    var expected = facts.segments[plan.scanned[0]].baseOffset
    for (turn, place) in plan.scanned.enumerated() {
      let fact = facts.segments[place]
      let isLast = place == facts.segments.count - 1
      var active = try read(
        fact, from: turn == 0 ? plan.start : nil, isLast: isLast, expected: expected, &epochs)
      expected = active.found.progress.nextOffset
      if let damage = active.damage {
        let next = isLast ? nil : facts.segments[place + 1].baseOffset
        var isPadding = false
        if next == expected {
          isPadding = try isZero(active.found, active.found.progress.position..<fact.size)
        }
        if !isPadding {
          try refuseBelowDurablePoint(damage, active.found, plan, fact)
          if let point = facts.durablePoint { try lower(&pointFile, point, to: active.found.progress) }
          try cut(damage, &active.found, fact, Array(facts.segments[(place + 1)...]), &epochs)
          facts.segments.removeSubrange((place + 1)...)
          if !isLast { active.found = try reopenAsLast(active.found) }
          try rewrite(active.found, plan)
          return active.found
        }
      }
      if isLast {
        try rewrite(active.found, plan)
        return active.found
      }
      sealed.append(
        SegmentView(segment: active.found.segment, progress: active.found.progress, isSealed: true))
    }
    preconditionFailure("a log has a last segment")
  }

  private mutating func read(
    _ fact: RecoveryFacts.SegmentFact, from start: SegmentProgress?, isLast: Bool, expected: Offset,
    _ epochs: inout LeaderEpochs
  ) throws(LogError) -> (found: Active, damage: BatchDamage?) {
    var progress = start ?? SegmentProgress(baseOffset: fact.baseOffset)
    let bare = segment(at: fact.baseOffset)
    let file = try bare.file()
    let index: SegmentIndex
    var allocation = SegmentIndex.Allocation()
    let ready: Segment
    if isLast {
      let opened = try openActiveIndex(bare, end: fact.size)
      index = opened.index
      allocation = opened.allocation
      if try !agrees(index, allocation, with: progress, file) {
        // Entries that the checkpoint counts on are gone or wrong: all of them are made again.
        progress = SegmentProgress(baseOffset: fact.baseOffset)
      }
      let needed = scan.indexBytes(for: fact.size - progress.position).offsets / OffsetIndexEntry.byteCount
      try io { () throws(IOError) in try index.reserve(needed, behind: progress, &allocation) }
      ready = Segment(
        baseOffset: fact.baseOffset, directory: directory, access: .readWrite, configuration: configuration,
        fileSystem: fileSystem, file: file, activeIndex: index)
      report.rebuiltIndexes.append(fact.baseOffset)
    } else {
      // Its index files are checked, and made again where they are wrong, at first use.
      let bytes = scan.indexBytes(for: fact.size)
      index = SegmentIndex(
        offsets: HeapMapping(count: bytes.offsets), times: HeapMapping(count: bytes.times))
      progress = SegmentProgress(baseOffset: fact.baseOffset)
      ready = bare
    }
    let from = progress.position
    var found = epochs
    let damage = try scan.run(file, end: fact.size, progress: &progress, index: index) { batch, _ in
      if batch.header.partitionLeaderEpoch.rawValue >= 0 {
        found.begin(batch.header.partitionLeaderEpoch, at: batch.baseOffset)
      }
    }
    epochs = found
    report.scannedBytes += progress.position - from
    let active = Active(
      segment: ready, file: file, index: index, allocation: allocation, progress: progress)
    return (active, damage)
  }

  /// A segment that turned out to be the last one needs index files to go on with.
  private mutating func reopenAsLast(_ found: Active) throws(LogError) -> Active {
    var epochs = LeaderEpochs()
    let fact = RecoveryFacts.SegmentFact(
      baseOffset: found.segment.baseOffset, size: found.progress.position)
    return try read(fact, from: nil, isLast: true, expected: found.segment.baseOffset, &epochs).found
  }

  private func isZero(_ found: Active, _ range: Range<Int64>) throws(LogError) -> Bool {
    try io { () throws(IOError) in try found.file.isZero(range) }
  }

  /// Damage in bytes that were durable is never cut.
  private func refuseBelowDurablePoint(
    _ damage: BatchDamage, _ found: Active, _ plan: RecoveryPlan, _ fact: RecoveryFacts.SegmentFact
  ) throws(LogError) {
    if LegacyMessageSet.isPlausible(damage.header), try legacyChecksumFits(found, fact) {
      throw LogError(
        .damaged, path: found.segment.path(.log), position: damage.position,
        detail:
          "a message set of magic \(damage.header!.magic); this format, older than Kafka 0.11, is not read",
        cause: damage.reason)
    }
    guard let durable = plan.durable else { return }
    let isBelow =
      found.progress.baseOffset < durable.baseOffset
      || (found.progress.baseOffset == durable.baseOffset && damage.position < durable.position)
    guard isBelow else { return }
    let from = found.progress.nextOffset
    throw LogError(
      .damaged, path: found.segment.path(.log), position: damage.position,
      offsets: from..<max(Offset(from.rawValue + 1), durable.nextOffset),
      detail: "bytes that were durable are no batch any more; nothing was changed", cause: damage.reason)
  }

  private func legacyChecksumFits(
    _ found: Active, _ fact: RecoveryFacts.SegmentFact
  ) throws(LogError) -> Bool {
    let position = found.progress.position
    let count = Int(min(fact.size - position, 16 << 20))
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    let read: Int
    do { read = try found.file.read(into: &span, at: position) } catch { throw LogError(error) }
    return LegacyMessageSet.isWhole(bytes.span.extracting(0..<read))
  }
}

// MARK: Cutting and making durable

extension LogRecovery {
  /// Takes back everything behind the last whole batch: moves it aside, begins a new leader epoch, cuts.
  private mutating func cut(
    _ damage: BatchDamage, _ found: inout Active, _ fact: RecoveryFacts.SegmentFact,
    _ later: [RecoveryFacts.SegmentFact], _ epochs: inout LeaderEpochs
  ) throws(LogError) {
    let tail = found.progress.position..<fact.size
    let isZero = try isZero(found, tail)
    report.cutBytes += tail.upperBound - tail.lowerBound
    if !isZero || !later.isEmpty {
      report.cutReason = damage.reason.description
      try quarantine(tail, of: found, skipping: isZero)
      epochs.beginNext(at: found.progress.nextOffset)
      let stored = epochs
      try io { () throws(IOError) in try stored.store(directory, fileSystem) }
      for fact in later { try quarantine(fact) }
    }
    let file = found.file
    try io { () throws(IOError) in
      try file.resize(to: tail.lowerBound, .recoveryCut)
      try file.synchronize(.recoveryCutSync)
      if !later.isEmpty { try fileSystem.synchronizeDirectory(directory, .recoveryDirectory) }
    }
  }

  /// Copies bytes that are going to be cut into a file beside the segment.
  private mutating func quarantine(
    _ range: Range<Int64>, of found: Active, skipping: Bool
  ) throws(LogError) {
    guard !skipping else { return }
    let segment = found.segment.path(.log)
    let path = "\(segment).\(range.lowerBound)\(SegmentFiles.quarantineSuffix)"
    try io { () throws(IOError) in
      let copy = try fileSystem.open(path, .create)
      defer { copy.close() }
      try copy.resize(to: 0)
      try found.file.copy(range, to: copy, at: 0)
      try copy.synchronize(.quarantine)
      try fileSystem.synchronizeDirectory(directory, .quarantineDirectory)
    }
    report.quarantined.append(
      .init(
        path: path, segment: segment, position: range.lowerBound, bytes: range.upperBound - range.lowerBound))
  }

  /// Moves a whole segment aside that lies behind the cut.
  private mutating func quarantine(_ fact: RecoveryFacts.SegmentFact) throws(LogError) {
    let path = SegmentFiles.path(directory, SegmentFiles.name(fact.baseOffset, .log))
    let moved = path + ".0" + SegmentFiles.quarantineSuffix
    try io { () throws(IOError) in
      if fact.size == 0 {
        try fileSystem.remove(path, .recoveryRemove)
      } else {
        try fileSystem.rename(path, to: moved, .recoveryRemove)
      }
      for kind in SegmentFiles.Kind.allCases where kind != .log {
        let index = SegmentFiles.path(directory, SegmentFiles.name(fact.baseOffset, kind))
        do throws(IOError) { try fileSystem.remove(index, .recoveryRemove) } catch {
          guard error.code == .notFound else { throw error }
        }
      }
    }
    if fact.size > 0 {
      report.quarantined.append(.init(path: moved, segment: path, position: 0, bytes: fact.size))
    }
  }

  /// Writes what lies above the durable point once more, and synchronises it: reading it back proves nothing,
  /// since after a failed sync the page cache may show bytes that never reached the disk.
  private mutating func rewrite(_ found: Active, _ plan: RecoveryPlan) throws(LogError) {
    var from: Int64 = 0
    if let durable = plan.durable, durable.baseOffset == found.progress.baseOffset {
      from = min(durable.position, found.progress.position)
    }
    let end = found.progress.position
    try io { () throws(IOError) in
      if end > from { try found.file.copy(from..<end, to: found.file, at: from) }
      try found.file.synchronize(.recoveryRewrite)
    }
    report.rewrittenBytes += end - from
  }

  /// Where the durable point claims more than there is (its segment was changed by somebody else), it is
  /// lowered before anything goes.
  private func lower(
    _ pointFile: inout DurablePointFile, _ point: DurablePoint, to progress: SegmentProgress
  ) throws(LogError) {
    guard point.durable.nextOffset > progress.nextOffset else { return }
    let start = SegmentProgress(baseOffset: progress.baseOffset)
    var file = pointFile
    try io { () throws(IOError) in
      try file.write(logStart: point.logStart, durable: start, checkpoint: start, synchronizing: true)
    }
    pointFile = file
  }

  /// Notes that everything up to the end is durable, index entries included.
  private func raise(
    _ pointFile: inout DurablePointFile, _ facts: RecoveryFacts, _ active: Active
  ) throws(LogError) {
    var point = pointFile
    let logStart = facts.durablePoint?.logStart ?? facts.segments.first?.baseOffset ?? 0
    try io { () throws(IOError) in
      try active.index.synchronize(active.progress)
      try fileSystem.synchronizeDirectory(directory, .recoveryDirectory)
      try point.write(
        logStart: logStart, durable: active.progress, checkpoint: active.progress, synchronizing: true)
    }
    pointFile = point
  }
}
