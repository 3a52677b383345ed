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
  /// Whether the folder above is locked by this process, exclusively, so that the log needs no lock of its own.
  var isLockedByDirectory = false
  /// What Kafka's files in the folder above say of the log.
  var known = KnownOffsets()
  /// Called before the log is cut, with its new end.
  var willEnd: ((Offset) throws(LogError) -> Void)?
  var report = RecoveryReport()
  /// The producers behind what was read so far; nil as long as nothing was.
  var producers: ProducerState?

  var fileSystem: any FileSystem { environment.fileSystem }
  var scan: SegmentScan {
    SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
  }

  init(directory: String, configuration: LogConfiguration, environment: LogEnvironment) {
    self.directory = directory
    self.configuration = configuration
    self.environment = environment
  }

  /// The last segment, read and ready to be appended to.
  struct Active {
    var segment: Segment
    var file: any File
    var index: SegmentIndex
    var allocation: SegmentIndex.Allocation
    var progress: SegmentProgress
  }

  mutating func run() throws(LogError) -> RecoveredLog {
    let began = environment.monotonicNanoseconds()
    try createDirectory()
    let lock = try takeLock()
    do {
      var recovered = try runLocked(lock)
      report.nanoseconds = environment.monotonicNanoseconds() - began
      recovered.report = report
      return recovered
    } catch {
      lock?.release()
      throw error
    }
  }

  private func takeLock() throws(LogError) -> LogLock? {
    if isLockedByDirectory { return nil }
    return try io { () throws(IOError) in
      try LogLock(path: directory, fileSystem: fileSystem, holder: environment.holder)
    }
  }

  private mutating func runLocked(_ lock: LogLock?) throws(LogError) -> RecoveredLog {
    try io { () throws(IOError) in try SharedFiles(directory: directory, fileSystem: fileSystem).unshare() }
    let opened: (file: DurablePointFile, point: DurablePoint?)
    do { opened = try DurablePointFile.open(directory, fileSystem) } catch { throw LogError(error) }
    var pointFile = opened.file
    var facts = try RecoveryFacts.gather(directory, fileSystem, opened.point)
    for name in facts.leftovers {
      try io { () throws(IOError) in
        try fileSystem.remove(SegmentFiles.path(directory, name), .removeLeftover)
      }
    }
    if !facts.swapFiles.isEmpty {
      let swap = SegmentSwap(directory: directory, fileSystem: fileSystem)
      try io { () throws(IOError) in try swap.finish(limits: configuration.limits) }
      facts = try RecoveryFacts.gather(directory, fileSystem, opened.point)
    }
    try removeBelowLogStart(&facts)
    var epochs = try knownEpochs(facts)
    if configuration.recovery == .salvage { try salvage(&facts, &epochs) }
    var sealed: [SegmentView] = []
    let active: Active
    let checkpoint: SegmentProgress
    if facts.segments.isEmpty {
      active = try createFirst(facts, &epochs)
      checkpoint = try raise(&pointFile, facts, active)
    } else {
      let plan = RecoveryPlan(
        facts, checkpointFits: try fits(facts.durablePoint?.checkpoint, facts),
        durableFits: try fits(facts.durablePoint?.durable, facts), kafkaRecoveryPoint: known.recoveryPoint)
      sealed = try trustedViews(plan, facts)
      if plan.isClean, let durable = plan.durable, let clean = try openClean(durable) {
        active = clean
        checkpoint = clean.progress
        report.wasClean = true
        var known = try producers(at: clean.progress, facts)
        known.removeExpired(
          at: environment.wallClockMilliseconds(), after: configuration.producerExpirationMilliseconds)
        producers = known
      } else {
        var found = try scan(plan, &facts, &sealed, &epochs, &pointFile)
        try store(epochs, facts)
        try settleProducers(&found, facts)
        checkpoint = try raise(&pointFile, facts, found)
        active = found
      }
    }
    try removeSnapshots(facts, end: active.progress.nextOffset)
    var start = max(facts.durablePoint?.logStart ?? 0, facts.segments.first?.baseOffset ?? 0)
    // Where the file speaks of more than there is, it speaks of another log.
    if let known = known.logStart, known <= active.progress.nextOffset { start = max(start, known) }
    let view = SegmentView(segment: active.segment, progress: active.progress, isSealed: false)
    var state = LogState(
      sealed: sealed, active: view, logStart: min(start, active.progress.nextOffset), checkpoint: checkpoint)
    // What lies before the log's start is nobody's any more.
    epochs.truncate(from: state.logStart)
    state.epochs = epochs
    state.producers = producers ?? ProducerState()
    state.producers.forgetCompleted(below: active.progress.nextOffset)
    state.lost = try lostOffsets(facts, end: active.progress.nextOffset)
    let compaction = try io { () throws(IOError) in
      try CompactionCheckpoint.load(directory, fileSystem)
    }
    state.compactedThrough = compaction?.offset(epochs, end: active.progress.nextOffset) ?? 0
    return assemble(active, state, epochs, pointFile, lock)
  }

  /// The leader epochs of the checkpoint. Where there is none, or a wrong one, they are found out from the batches:
  /// here, unless all of them are going to be read.
  private func knownEpochs(_ facts: RecoveryFacts) throws(LogError) -> LeaderEpochs {
    if let epochs = facts.epochs { return epochs }
    guard facts.durablePoint != nil, !facts.segments.isEmpty else { return LeaderEpochs() }
    return try io { () throws(IOError) in
      try LeaderEpochs.rebuild(
        directory, facts.segments.map(\.baseOffset), fileSystem, limits: configuration.limits)
    }
  }

  /// Writes down what was found out of leader epochs.
  private func store(_ epochs: LeaderEpochs, _ facts: RecoveryFacts) throws(LogError) {
    guard epochs != facts.epochs, !epochs.entries.isEmpty else { return }
    try io { () throws(IOError) in try epochs.store(directory, fileSystem) }
  }

  /// The lost offsets of the log, without those that are going to be given to new records.
  private func lostOffsets(_ facts: RecoveryFacts, end: Offset) throws(LogError) -> LostOffsets {
    var lost = facts.lost
    lost.cut(at: end)
    if lost != facts.lost {
      let stored = lost
      try io { () throws(IOError) in try stored.store(directory, fileSystem) }
    }
    return lost
  }

  private func assemble(
    _ active: Active, _ state: LogState, _ epochs: LeaderEpochs, _ pointFile: DurablePointFile,
    _ lock: LogLock?
  ) -> RecoveredLog {
    var appender = Appender(
      configuration: configuration, segment: active.segment, file: active.file, index: active.index,
      progress: active.progress, indexAllocation: active.allocation, allocatedEnd: active.progress.position,
      fileEnd: active.progress.position, writtenEnd: active.progress.position,
      segmentCreated: environment.wallClockMilliseconds(), epochs: epochs,
      builder: RecordBatchBuilder(compression: configuration.compression, limits: configuration.limits),
      staging: ByteBuffer(capacity: 4096))
    if report.wasClean { appender.sealed = active.progress }
    return RecoveredLog(
      state: state, appender: appender, durablePoint: pointFile, lock: lock, report: report)
  }
}

// MARK: The folder

extension LogRecovery {
  /// Creates the folder and those above it. `synchronizeParents(of:)` makes them durable.
  private func createDirectory() throws(LogError) {
    try io { () throws(IOError) in try fileSystem.createFolder(directory) }
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
    // What lies above a directory was made durable when that was opened.
    try io { () throws(IOError) in
      try fileSystem.synchronizeParents(of: directory, atMost: isLockedByDirectory ? 1 : .max)
    }
    if epochs.entries.isEmpty { epochs.begin(0, at: base) }
    producers = ProducerState()
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

  /// Removes the files of segments that lie below the log's start, indexes without batches too: their removal was
  /// interrupted. Where the durable point is not this folder's nothing goes, and the last segment never does.
  private func removeBelowLogStart(_ facts: inout RecoveryFacts) throws(LogError) {
    guard let point = facts.durablePoint, point.logStart.rawValue > 0,
      let first = facts.segments.lastIndex(where: { $0.baseOffset <= point.logStart }),
      facts.segments.contains(where: { $0.baseOffset == point.durable.baseOffset })
    else { return }
    let kept = facts.segments[first].baseOffset
    let removal = SegmentRemoval(directory: directory, fileSystem: fileSystem)
    try io { () throws(IOError) in
      let bases = Set(try fileSystem.list(directory).compactMap(SegmentFiles.parse).map(\.baseOffset))
      for base in bases.filter({ $0 < kept }).sorted() {
        try removal.remove(removal.putAside(base))
      }
    }
    facts.segments.removeFirst(first)
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

  func segment(at baseOffset: Offset) -> Segment {
    Segment(
      baseOffset: baseOffset, directory: directory, access: .readWrite, configuration: configuration,
      fileSystem: fileSystem)
  }

  /// Whether the segment that `progress` speaks of has the batch with which it ends.
  func fits(_ progress: SegmentProgress?, _ facts: RecoveryFacts) throws(LogError) -> Bool {
    guard let progress, let fact = facts.segments.first(where: { $0.baseOffset == progress.baseOffset }),
      fact.size >= progress.position
    else { return false }
    if progress.position == 0 || Mutants.leavesOut(.durablePointFit) { return true }
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
  func openClean(_ progress: SegmentProgress) throws(LogError) -> Active? {
    let segment = segment(at: progress.baseOffset)
    let opened = try openActiveIndex(segment, end: progress.position, points: progress)
    // The index files may be larger than they were left: their cut is not synchronised.
    guard opened.hasPoints, try agrees(opened.index, opened.allocation, with: progress, segment.file())
    else { return nil }
    let ready = Segment(
      baseOffset: progress.baseOffset, directory: directory, access: .readWrite, configuration: configuration,
      fileSystem: fileSystem, file: try segment.file(), activeIndex: opened.index)
    return Active(
      segment: ready, file: try ready.file(), index: opened.index, allocation: opened.allocation,
      progress: progress)
  }

  /// The size of an index file, with a block under each byte of it: storing into a hole of a full disk kills the
  /// process. A file that is larger than an index can be begins empty.
  private func usableBytes(of file: any File) throws(IOError) -> Int {
    let size = try file.metadata().size
    guard size > 0 else { return 0 }
    guard size <= Int64(Int32.max) else {
      try file.resize(to: 0, .removeLeftover)
      return 0
    }
    do { try file.preallocate(0..<size, keepingSize: true) } catch {
      guard error.code == .unsupported else { throw error }
    }
    return Int(size)
  }

  /// Whether the index files have the entries that `progress` counts, and the last one leads to its batch.
  func agrees(
    _ index: SegmentIndex, _ allocation: SegmentIndex.Allocation, with progress: SegmentProgress,
    _ file: any File
  ) throws(LogError) -> Bool {
    guard allocation.offsetBytes >= progress.offsetEntries * OffsetIndexEntry.byteCount,
      allocation.timeBytes >= progress.timeEntries * TimeIndexEntry.byteCount, index.matches(progress)
    else { return false }
    let base = progress.baseOffset
    guard progress.offsetEntries > 0 else { return true }
    let last = index.offsetEntry(progress.offsetEntries - 1, base: base)
    return try last.isRight(
      in: file, base: base, end: progress.position, nextOffset: progress.nextOffset,
      limits: configuration.limits)
  }

  /// The index files of the last segment, as they are, mapped at their largest size, with the points of the seal
  /// and the aborted transactions that `progress` counts, if their files have them.
  func openActiveIndex(
    _ segment: Segment, end: Int64, points progress: SegmentProgress
  ) throws(LogError) -> (index: SegmentIndex, allocation: SegmentIndex.Allocation, hasPoints: Bool) {
    let least = scan.indexBytes(for: end)
    return try io { () throws(IOError) in
      let offsets = try fileSystem.open(segment.path(.index), .create)
      let times = try fileSystem.open(segment.path(.timeindex), .create)
      var allocation = SegmentIndex.Allocation()
      allocation.offsetBytes = try usableBytes(of: offsets)
      allocation.timeBytes = try usableBytes(of: times)
      // Room for all that may be found, behind what is there.
      let offsetLength = max(configuration.indexBytes, least.offsets + allocation.offsetBytes)
      let timeLength = max(configuration.indexBytes, least.times + allocation.timeBytes)
      let sealFile = try SealFile.open(segment.path(.seal), fileSystem)
      let seal = try sealFile.points(progress, room: offsetLength)
      let transactions = try TransactionIndex.load(
        segment.path(.txnindex), count: progress.abortedTransactions,
        checksum: progress.transactionChecksum, exactly: false, fileSystem)
      let index = SegmentIndex(
        offsets: try offsets.map(length: offsetLength / 8 * 8, .readWrite),
        times: try times.map(length: timeLength / 12 * 12, .readWrite),
        seal: seal ?? SegmentSeal(room: offsetLength),
        transactions: transactions ?? TransactionIndex(),
        files: .init(
          offsets: offsets, times: times, seal: sealFile, transactionPath: segment.path(.txnindex),
          fileSystem: fileSystem))
      return (index, allocation, seal != nil && transactions != nil)
    }
  }
}
