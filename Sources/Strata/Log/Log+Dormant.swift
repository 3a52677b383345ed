internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// A log of a directory gives its files back while nobody uses it, and takes them again with the next append.
///
/// Falling asleep is a clean close of the files, and waking up a clean opening of the last segment: what the disk holds
/// in between is a log that was closed, and a crash finds it so. What the log *knows* stays: offsets, segments,
/// leader epochs. Reading wakes nobody: segments open their files at first use, asleep or not.
///
/// Asleep, a log costs no descriptor and no mapping. Awake it costs five descriptors (the last segment's batches, its
/// two indexes and its seal, and the durable point) and two mappings of `LogConfiguration.indexBytes` of addresses,
/// of which only what the index files have occupies memory; one descriptor more with `SegmentPreparation.written`, and
/// one mapping of `LogConfiguration.segmentBytes` with `WritingMode.mapped`; and one descriptor and two mappings for each sealed
/// segment that was read since it last fell asleep.
extension Log {
  /// Notes that the log is used. Makes room among the logs of its directory where their budget is used up; so it is
  /// called before any lock of the log is taken.
  @inline(__always)
  func noteUse() {
    guard let openLogs else { return }
    if residence.wasUsed.load(ordering: .relaxed), !openLogs.isOverBudget { return }
    openLogs.noteUse(of: self)
  }

  /// Gives back what is open. False where it is in use just now, or there is no room to close it well: it stays as it is.
  func fallAsleep() -> Bool {
    guard access == .readWrite else { return false }
    let isAsleep = preparing.withLockIfAvailable { _ in
      appender.withLockIfAvailable { appender -> Bool in
        guard appender != nil else { return true }
        if appender!.isDormant { return true }
        return fallAsleep(&appender!)
      }
    }
    guard isAsleep == true else { return false }
    for view in state.withLock({ $0.sealed + [$0.active] }) { view.segment.rest() }
    recordCache.removeAll()
    return true
  }

  private func fallAsleep(_ appender: inout Appender) -> Bool {
    let (phase, poison) = state.withLock { ($0.phase, $0.poison) }
    // What is poisoned keeps what it has: only opening it anew says what is on the disk.
    guard phase == .open, poison == nil else { return false }
    if !isFinished(appender) {
      do throws(IOError) {
        try appender.cutLeftovers()
        // Without room for the last entry it could not be closed well; so it is not begun.
        try appender.index.reserve(0, behind: appender.progress, &appender.indexAllocation)
      } catch { return false }
      do throws(LogError) { try finish(&appender) } catch { return false }
      // Without room for the seal it would have to be read again. Its indexes have no room left behind their entries.
      guard isFinished(appender) else {
        appender.indexAllocation = .init(of: appender.progress)
        return false
      }
    }
    do throws(IOError) { _ = try appender.discardPrepared(environment.fileSystem) } catch { return false }
    durablePoint.withLock { point in
      point?.close()
      point = nil
    }
    let progress = appender.progress
    let bare = bareSegment(progress.baseOffset)
    let old = state.withLock { state in
      defer { state.active = SegmentView(segment: bare, progress: progress, isSealed: false) }
      return state.active.segment
    }
    appender.sleep(in: bare)
    old.close()
    return true
  }

  /// Whether the files of the last segment are as a clean close leaves them: nothing was written since.
  func isFinished(_ appender: borrowing Appender) -> Bool {
    let progress = appender.progress
    let (durable, checkpoint) = state.withLock { ($0.durable, $0.checkpoint) }
    return appender.sealed == progress && !appender.hasLeftovers && appender.fileEnd == progress.position
      && appender.allocatedEnd <= progress.position && durable == progress && checkpoint == progress
  }

  /// The last segment without an open file. Its readers build what its files do not tell in memory: the files are the
  /// appender's.
  private func bareSegment(_ baseOffset: Offset) -> Segment {
    let segment = Segment(
      baseOffset: baseOffset, directory: path, access: access, configuration: configuration,
      fileSystem: environment.fileSystem)
    segment.retire()
    return segment
  }

  /// Takes the files of the last segment again. Only for who holds the appender.
  ///
  /// - Throws: `.io` where no descriptor is left, and every other failure of opening; the log sleeps on. `.poisoned`
  ///   where the files are not those that it has left.
  func wake(_ appender: inout Appender) throws(LogError) {
    openLogs?.list(self)
    var recovery = LogRecovery(directory: path, configuration: configuration, environment: environment)
    recovery.isLockedByDirectory = true
    if let (active, pointFile) = try recovery.reopen(appender.progress) {
      appender.wake(in: active)
      appender.sealed = active.progress
      become(active, pointFile)
      return
    }
    // Something is not as it was left: it is read again as after a crash, while nobody replaces segments.
    let done: Void? = try maintaining.withLockIfAvailable { _ throws(LogError) in
      try readAgain(recovery, &appender)
    }
    guard done == nil else { return }
    throw LogError(
      .io, path: path, detail: "an index is not as it was left, and segments are being replaced; try again")
  }

  private func readAgain(_ recovery: LogRecovery, _ appender: inout Appender) throws(LogError) {
    var recovery = recovery
    var recovered = try recovery.run()
    let (found, start) = (recovered.state.logEnd, recovered.state.logStart)
    guard found == logEndOffset, let awake = recovered.appender.take() else {
      let failure = LogError(
        .poisoned, path: path, offsets: start..<found,
        detail: "the files were changed by somebody else while the log was asleep; open it again")
      isPoisoned.store(true, ordering: .relaxed)
      state.withLock { $0.poison = failure }
      throw failure
    }
    let (view, checkpoint) = (recovered.state.active, recovered.state.checkpoint)
    appender.wake(
      in: LogRecovery.Active(
        segment: awake.segment, file: awake.file, index: awake.index, allocation: awake.indexAllocation,
        progress: awake.progress))
    let pointFile = recovered.durablePoint
    durablePoint.withLock { $0 = pointFile }
    state.withLock { state in
      (state.active, state.durable, state.checkpoint) = (view, view.progress, checkpoint)
    }
  }

  private func become(_ active: LogRecovery.Active, _ pointFile: DurablePointFile) {
    durablePoint.withLock { $0 = pointFile }
    state.withLock { state in
      state.active = SegmentView(segment: active.segment, progress: active.progress, isSealed: false)
    }
  }
}

extension LogRecovery {
  /// The last segment of a log that fell asleep with `progress`, without reading any of it; nil where its files are
  /// not as they were left.
  func reopen(_ progress: SegmentProgress) throws(LogError) -> (Active, DurablePointFile)? {
    try io { () throws(IOError) in try SharedFiles(directory: directory, fileSystem: fileSystem).unshare() }
    let opened = try io { () throws(IOError) in try DurablePointFile.open(directory, fileSystem) }
    let path = SegmentFiles.path(directory, SegmentFiles.name(progress.baseOffset, .log))
    let size = try io { () throws(IOError) in try fileSystem.metadata(path)?.size }
    guard opened.point?.durable == progress, opened.point?.checkpoint == progress, size == progress.position,
      let active = try openClean(progress)
    else {
      opened.file.close()
      return nil
    }
    return (active, opened.file)
  }
}

extension SegmentIndex.Allocation {
  /// What the files of an index have that was cut to its entries.
  fileprivate init(of progress: SegmentProgress) {
    offsetBytes = progress.offsetEntries * OffsetIndexEntry.byteCount
    timeBytes = progress.timeEntries * TimeIndexEntry.byteCount
  }
}

extension Appender {
  /// Lets its files go.
  fileprivate mutating func sleep(in bare: Segment) {
    segment = bare
    file = AbsentFile(path: bare.path(.log))
    index = .inMemory((0, 0))
    indexAllocation = SegmentIndex.Allocation()
    staging = ByteBuffer(capacity: 0)
    tail = nil
    isDormant = true
  }

  /// Goes on in the files of the segment that it was in.
  fileprivate mutating func wake(in active: LogRecovery.Active) {
    segment = active.segment
    file = active.file
    index = active.index
    indexAllocation = active.allocation
    progress = active.progress
    forgetAhead(from: progress.position)
    hasLeftovers = false
    sealed = nil
    staging = ByteBuffer(capacity: 4096)
    isDormant = false
  }
}

/// Stands where the file of a log that sleeps was. Nobody calls it: who appends wakes the log first.
private final class AbsentFile: File {
  let path: String

  init(path: String) { self.path = path }

  private func refused(_ operation: String) -> IOError {
    IOError(.other, operation: operation, path: path, detail: "the file was given back while the log slept")
  }

  func metadata() throws(IOError) -> FileMetadata { throw refused("metadata") }
  func read(into buffer: inout MutableSpan<UInt8>, at position: Int64) throws(IOError) -> Int {
    throw refused("read")
  }
  func write(_ bytes: Span<UInt8>, at position: Int64) throws(IOError) { throw refused("write") }
  func write(_ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int, at position: Int64) throws(IOError) {
    throw refused("write")
  }
  func resize(to size: Int64) throws(IOError) { throw refused("resize") }
  func preallocate(_ range: Range<Int64>, keepingSize: Bool) throws(IOError) { throw refused("preallocate") }
  func synchronize() throws(IOError) { throw refused("synchronize") }
  func map(length: Int, _ access: MappingAccess) throws(IOError) -> any Mapping { throw refused("map") }
  func close() {}
}
