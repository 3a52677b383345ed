internal import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

extension Log {
  /// Takes back every record from `offset` on. Returns the log's new end, when that is on the disk.
  ///
  /// A batch is kept or taken back as a whole: one that holds `offset` and records before it goes too, so the
  /// returned end may lie below `offset`. An offset at or behind the end takes nothing back. What was appended
  /// before and is kept is durable afterwards. The next record gets the returned offset under a new leader
  /// epoch, so that epoch and offset together never name two records.
  ///
  /// A reader or a tail that had come further ends with `.offsetOutOfRange`; so does who waits for the
  /// durability of a record that goes. A compaction that is running gives way. If the power goes before this returns, the log ends anywhere between
  /// the new end and the old one.
  ///
  /// - Throws: `.offsetOutOfRange` below the log's start; `.damaged` where bytes before `offset` in its segment
  ///   cannot be read, and `.noSpace`, after both of which the log is as before; `.poisoned` where it failed
  ///   half way; `.closed`, `.readOnly`, `.io`.
  @discardableResult
  public func truncate(to offset: Offset) throws(LogError) -> Offset {
    try interruptingCompaction { () throws(LogError) in try truncateAlone(to: offset) }
  }

  private func truncateAlone(to offset: Offset) throws(LogError) -> Offset {
    try withAppender { appender throws(LogError) in
      let (start, end) = state.withLock { ($0.logStart, $0.logEnd) }
      guard offset < end else { return end }
      guard offset >= start else {
        throw LogError(
          .offsetOutOfRange, path: path, offsets: start..<end,
          detail: "the log cannot be truncated to \(offset), it starts at \(start)")
      }
      try io { () throws(IOError) in try appender.cutLeftovers() }
      let turn = try takeTurn()
      let cut: Cut
      do throws(LogError) { cut = try prepareCut(at: offset) } catch {
        endTurn(turn, .success(nil))
        throw error
      }
      do throws(LogError) { try carryOut(cut, &appender) } catch {
        let failure = poisoned(by: error)
        endTurn(turn, .failure(failure))
        throw failure
      }
      endTurn(turn, .success(nil))
      return cut.progress.nextOffset
    }
  }

  /// A truncation that nothing was done for yet but to read, and to write files beside those that are in use.
  private struct Cut {
    /// The segment that the log will end in, and through which of its batches.
    var last: SegmentView
    var progress: SegmentProgress
    /// Segments that go, oldest first.
    var removed: [SegmentView]
    /// The index of what is kept, in files of their own: readers may be using the old ones.
    var index: TemporaryIndex
    /// The producers at the new end.
    var producers: ProducerState
    /// Whether what is kept was copied, so that the file stays as it is.
    var isCopied = false
  }

  private func prepareCut(at offset: Offset) throws(LogError) -> Cut {
    let (last, removed) = state.withLock { state in
      (state.segment(for: offset), (state.sealed + [state.active]).filter { $0.baseOffset > offset })
    }
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let bytes = scan.indexBytes(for: last.progress.position)
    let index = SegmentIndex.inMemory(bytes)
    var progress = try prefix(of: last, before: offset, index)
    let producers = try producers(at: progress.nextOffset)
    progress.hasProducers = !producers.isEmpty
    for transaction in try aborted(of: last, before: progress.nextOffset) {
      progress.take(transaction, index)
    }
    let written = try io { () throws(IOError) in
      try TemporaryIndex.create(
        index, progress, of: last.segment, environment.fileSystem, least: configuration.indexBytes)
    }
    var cut = Cut(
      last: last, progress: progress, removed: removed, index: written, producers: producers)
    var mustCopy = configuration.reading == .mapped
    if last.isSealed, !mustCopy { mustCopy = try isShared(last) }
    if last.isSealed, mustCopy {
      try copyKept(cut)
      cut.isCopied = true
    }
    return cut
  }

  /// The producers as they were at an offset; where the log knows none, it knew none that matter.
  private func producers(at offset: Offset) throws(LogError) -> ProducerState {
    guard state.withLock({ !$0.producers.isEmpty }) else { return ProducerState() }
    let history = ProducerHistory(
      directory: path, fileSystem: environment.fileSystem, limits: configuration.limits)
    return try history.state(at: offset)
  }

  /// The transactions whose abort markers are kept of a segment that is cut.
  private func aborted(of view: SegmentView, before end: Offset) throws(LogError) -> [AbortedTransaction] {
    guard try view.segment.mayHaveAborted(view) else { return [] }
    let found = try view.segment.index(for: view)
    return found.index.transactions.prefix(found.progress.abortedTransactions).filter { $0.lastOffset < end }
  }

  /// Whether the file of a segment has another name, a snapshot's: then it stays as it is.
  private func isShared(_ view: SegmentView) throws(LogError) -> Bool {
    let file = try view.segment.file()
    let links = try io { () throws(IOError) in try file.metadata().linkCount }
    return links > 1 && !Mutants.leavesOut(.unsharedFiles)
  }

  /// The batches of a segment that end before `offset`.
  private func prefix(
    of view: SegmentView, before offset: Offset, _ index: SegmentIndex
  ) throws(LogError) -> SegmentProgress {
    let file = try view.segment.file()
    var progress = SegmentProgress(baseOffset: view.baseOffset)
    var reader = BatchFileReader(
      position: 0, expectedOffset: view.baseOffset, limits: configuration.limits, maximumRead: 256 << 10,
      firstRead: 256 << 10)
    let (end, bound) = (view.progress.position, view.progress.nextOffset)
    while progress.nextOffset < offset {
      let step = try io { () throws(IOError) in try reader.next(in: file, end: end, bound: bound) }
      switch step {
      case .end: return progress
      case .batch(let batch):
        guard batch.lastOffset < offset else { return progress }
        SegmentScan.enter(
          batch.header, &progress, index, interval: configuration.indexIntervalBytes)
      case .damage(let damage):
        // Zeros that a crash left behind a segment that was ended.
        if try io({ () throws(IOError) in try file.isZero(damage.position..<end) }) { return progress }
        throw LogError(
          .damaged, path: view.segment.path(.log), position: damage.position,
          offsets: progress.nextOffset..<max(offset, progress.nextOffset.following),
          detail: "the log cannot be truncated behind damage; nothing was changed", cause: damage.reason)
      }
    }
    return progress
  }

  /// Copies what is kept of a segment that readers may have mapped: shortening a file kills who looks at what was
  /// there.
  private func copyKept(_ cut: Cut) throws(LogError) {
    let source = try cut.last.segment.file()
    let swap = SegmentSwap(directory: path, fileSystem: environment.fileSystem)
    let (base, end) = (cut.last.baseOffset, cut.progress.position)
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    try io { () throws(IOError) in
      let copy = try swap.create(base, .log)
      defer { copy.close() }
      try source.copy(0..<end, to: copy, at: 0)
      try copy.synchronize(.cleaned)
      try swap.writeIndexes(of: copy, base, end: end, scan)
    }
  }

  /// Cuts the segment in which the log ends. Returns its file.
  private func shorten(_ cut: Cut, _ file: any File) throws(IOError) -> any File {
    guard cut.isCopied else {
      try file.resize(to: cut.progress.position, .truncateCut)
      try file.synchronize(.truncateCutSync)
      return file
    }
    let base = cut.last.baseOffset
    let swap = SegmentSwap(directory: path, fileSystem: environment.fileSystem)
    try swap.run(replacing: [base], by: [base])
    return try environment.fileSystem.open(swap.path(base, .log), .readWrite)
  }

  /// Carries a truncation out. The order is what recovery relies on: nothing on the disk claims more than is
  /// kept, and the new epoch is known, before the first byte goes; segments go newest first, each durably, so
  /// that the log never has a hole; and all of it is on the disk before anything is appended.
  private func carryOut(_ cut: Cut, _ appender: inout Appender) throws(LogError) {
    let fileSystem = environment.fileSystem
    let (progress, directory) = (cut.progress, path)
    let file = try cut.last.segment.file()
    // What is kept may lie above the durable point, which is going to speak of all of it.
    try io { () throws(IOError) in try file.synchronize(.truncateKept) }
    let unindexed = SegmentProgress(baseOffset: progress.baseOffset)
    // Twice, so that neither slot speaks of more.
    try writeDurablePoint(durable: progress, checkpoint: unindexed, synchronizing: true)
    try writeDurablePoint(durable: progress, checkpoint: unindexed, synchronizing: true)
    var epochs = appender.epochs
    epochs.beginNext(at: progress.nextOffset)
    let stored = epochs
    try io { () throws(IOError) in
      // Storing the epochs synchronises the folder: records that come instead are never taken for these.
      let snapshots = ProducerSnapshot.offsets(in: try fileSystem.list(directory))
      try ProducerSnapshot.remove(snapshots.filter { $0 > progress.nextOffset }, directory, fileSystem)
      try stored.store(directory, fileSystem)
      try TransactionIndex.trim(progress.abortedTransactions, cut.last.segment.path(.txnindex), fileSystem)
    }

    withdraw(view(of: cut, in: file), cut.producers)
    if let willEnd = residence.willEnd.withLock({ $0 }) { try willEnd(progress.nextOffset) }
    for view in cut.removed.reversed() { try remove(view) }
    cut.last.segment.retire()
    let index = cut.index
    let shortened = try io { () throws(IOError) in
      let shortened = try shorten(cut, file)
      // Where the name of the old index survives, its first entries are these.
      try index.putInPlace(of: cut.last.segment, fileSystem)
      return shortened
    }
    let view = view(of: cut, in: shortened)
    // Who reads the copied file begins anew in the other.
    if cut.isCopied { withdraw(view, cut.producers) }
    try cutLost(at: progress.nextOffset)
    try io { () throws(IOError) in _ = try storeSnapshot(cut.producers, progress) }
    try writeDurablePoint(durable: progress, checkpoint: progress, synchronizing: true)
    appender.goOn(
      in: view.segment, shortened, index, progress, epochs, now: environment.wallClockMilliseconds())
    state.withLock { state in
      state.active = view
      state.epochs = stored
      state.checkpoint = progress
    }
  }

  /// What is kept of the segment in which the log ends, as the one that is appended to.
  private func view(of cut: Cut, in file: any File) -> SegmentView {
    let segment = Segment(
      baseOffset: cut.progress.baseOffset, directory: path, access: access, configuration: configuration,
      fileSystem: environment.fileSystem, file: file, activeIndex: cut.index.index)
    return SegmentView(segment: segment, progress: cut.progress, isSealed: false)
  }

  /// Forgets the lost offsets that new records are going to have.
  private func cutLost(at end: Offset) throws(LogError) {
    var lost = state.withLock { $0.lost }
    let before = lost
    lost.cut(at: end)
    guard lost != before else { return }
    let stored = lost
    try io { () throws(IOError) in try stored.store(path, environment.fileSystem) }
    state.withLock { $0.lost = stored }
  }

  /// Lets nobody see any more what is going to go, and tells those who wait for it. `active` is what stays of the
  /// segment in which the log ends.
  private func withdraw(_ active: SegmentView, _ producers: ProducerState) {
    let end = active.progress.nextOffset
    let waiters = state.withLock { state in
      state.sealed.removeAll { $0.baseOffset >= active.baseOffset }
      state.active = active
      state.durable = active.progress
      state.producers = producers
      state.checkpointSnapshot = nil
      state.checkpoint = SegmentProgress(baseOffset: active.baseOffset)
      state.logStart = min(state.logStart, end)
      state.compactedThrough = min(state.compactedThrough, end)
      if let watermark = state.highWatermark { state.highWatermark = min(watermark, end) }
      state.truncations.add(end)
      truncationCount.store(state.truncations.count, ordering: .sequentiallyConsistent)
      assert({ state.checkInvariants() }() == ())
      return state.takeWaiters { $0.offset > end }
    }
    for waiter in waiters { withdraw(waiter, truncatedTo: end) }
    // What they count on may have gone.
    idleProducers.withLock { $0.removeAll() }
  }

  /// Tells somebody who waited for what a truncation has taken back.
  func withdraw(_ waiter: Waiter, truncatedTo end: Offset) {
    switch waiter.event {
    case .durable: waiter.resume(.failure(truncated(end)))
    // It reads on, and finds out.
    case .visible: waiter.resume(.success(()))
    }
  }

  /// Removes a segment, durably.
  private func remove(_ view: SegmentView) throws(LogError) {
    view.segment.retire()
    try io { () throws(IOError) in
      for kind in SegmentFiles.Kind.allCases {
        do throws(IOError) {
          try environment.fileSystem.remove(view.segment.path(kind), .truncateRemove)
        } catch {
          guard error.code == .notFound, kind != .log else { throw error }
        }
      }
      try environment.fileSystem.synchronizeDirectory(path, .truncateRemoveDirectory)
    }
  }

  /// What is said to who was behind the end of a truncation.
  func truncated(_ end: Offset) -> LogError {
    LogError(
      .offsetOutOfRange, path: path, offsets: min(logStartOffset, end)..<end,
      detail: "the log was truncated to offset \(end); records from there on are others now")
  }
}

/// The index files of a segment that is going to be appended to again, made beside those in use.
private struct TemporaryIndex: Sendable {
  var index: SegmentIndex
  var allocation: SegmentIndex.Allocation

  /// Writes the entries of `built` that `progress` counts, durably, and maps the files at an index's full size.
  static func create(
    _ built: SegmentIndex, _ progress: SegmentProgress, of segment: Segment, _ fileSystem: any FileSystem,
    least: Int
  ) throws(IOError) -> TemporaryIndex {
    var allocation = SegmentIndex.Allocation()
    allocation.offsetBytes = progress.offsetEntries * OffsetIndexEntry.byteCount
    allocation.timeBytes = progress.timeEntries * TimeIndexEntry.byteCount
    let offsets = try write(built.offsets, allocation.offsetBytes, segment.path(.index), fileSystem)
    let times = try write(built.times, allocation.timeBytes, segment.path(.timeindex), fileSystem)
    let sealFile = try fileSystem.open(segment.path(.seal) + SegmentFiles.temporarySuffix, .create)
    try sealFile.resize(to: 0, .emptyTemporary)
    let room = max(least, allocation.offsetBytes)
    let seal = SegmentSeal(room: room)
    for place in 0..<progress.offsetEntries { seal.store(built.seal!.point(place), at: place) }
    let index = SegmentIndex(
      offsets: try offsets.map(length: room / 8 * 8, .readWrite),
      times: try times.map(length: max(least, allocation.timeBytes) / 12 * 12, .readWrite), seal: seal,
      transactions: TransactionIndex(built.transactions.prefix(progress.abortedTransactions)),
      files: .init(
        offsets: offsets, times: times, seal: SealFile(file: sealFile),
        transactionPath: segment.path(.txnindex),
        fileSystem: fileSystem))
    try index.synchronize(progress)
    return TemporaryIndex(index: index, allocation: allocation)
  }

  private static func write(
    _ mapping: any Mapping, _ count: Int, _ path: String, _ fileSystem: any FileSystem
  ) throws(IOError) -> any File {
    let file = try fileSystem.open(path + SegmentFiles.temporarySuffix, .create)
    try file.resize(to: 0, .emptyTemporary)
    try file.write(mapping.bytes.extracting(0..<count), at: 0)
    return file
  }

  /// Gives the files the segment's names.
  func putInPlace(of segment: Segment, _ fileSystem: any FileSystem) throws(IOError) {
    for kind in [SegmentFiles.Kind.seal, .index, .timeindex] {
      let path = segment.path(kind)
      try fileSystem.rename(path + SegmentFiles.temporarySuffix, to: path, .truncateIndexRename)
    }
    // Else a log that is closed next may have the old ones when it is opened, and has to be read again.
    try fileSystem.synchronizeDirectory(segment.directory, .truncateIndexDirectory)
  }
}

extension Appender {
  /// Goes on at the end of a segment that was cut.
  fileprivate mutating func goOn(
    in segment: Segment, _ file: any File, _ index: TemporaryIndex, _ progress: SegmentProgress,
    _ epochs: LeaderEpochs, now: Int64
  ) {
    self.segment = segment
    self.file = file
    self.index = index.index
    self.progress = progress
    self.epochs = epochs
    indexAllocation = index.allocation
    forgetAhead(from: progress.position)
    segmentCreated = now
  }
}
