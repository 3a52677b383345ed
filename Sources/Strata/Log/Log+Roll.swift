internal import StrataIO
internal import StrataLock
internal import StrataRecords

/// Why a segment ends before a batch. The decision is Kafka's (`LogSegment.shouldRoll`).
extension Log {
  func mustRoll(before header: RecordBatchHeader, _ appender: borrowing Appender) -> Bool {
    guard appender.progress.position > 0 else { return false }
    if appender.progress.position + Int64(header.sizeInBytes) > Int64(configuration.segmentBytes) {
      return true
    }
    if appender.index.freeEntries(appender.progress) == 0 { return true }
    if !fitsRelatively(appender.progress, behind: Int64(header.lastOffsetDelta) + 1) { return true }
    guard let age = configuration.segmentMilliseconds else { return false }
    // A segment ages by its records' timestamps; where they have none, by the clock.
    let firstTimestamp = appender.progress.firstTimestamp
    if firstTimestamp.milliseconds >= 0, header.maxTimestamp.milliseconds >= 0 {
      let (passed, over) = header.maxTimestamp.milliseconds.subtractingReportingOverflow(
        firstTimestamp.milliseconds)
      return over || passed > age
    }
    return environment.wallClockMilliseconds() - appender.segmentCreated > age
  }

  /// Whether offsets up to `count` behind the end can be written relative to the segment's base, in 31 bits.
  func fitsRelatively(_ progress: SegmentProgress, behind count: Int64) -> Bool {
    progress.nextOffset.rawValue - progress.baseOffset.rawValue + count - 1 <= Int64(Int32.max)
  }

  /// Ends the active segment and begins the next one at the log's end.
  ///
  /// The order is what recovery relies on: the old segment's bytes are on the disk before the next one has a
  /// name, so that only the last segment of a log can hold anything that is not; the durable point passes on
  /// when the new name is on the disk too. The old one is cut to its batches before that sync: where zeros end a
  /// segment that is not the last, Kafka's recovery takes all later ones away.
  func roll(_ appender: inout Appender) throws(LogError) {
    try io { () throws(IOError) in try appender.cutLeftovers() }
    let turn = try takeTurn()
    let start = environment.monotonicNanoseconds()
    defer { note(\.roll, since: start) }
    do {
      try rollHoldingTurn(&appender)
      endTurn(turn, .success(appender.progress), checkpoint: appender.progress)
    } catch {
      let isTransient = error.code == .noSpace
      endTurn(turn, isTransient ? .success(nil) : .failure(poisoned(by: error)))
      throw error
    }
  }

  private func rollHoldingTurn(_ appender: inout Appender) throws(LogError) {
    let old = appender.segment
    var ended = appender.progress
    let fileSystem = environment.fileSystem
    do throws(IOError) {
      try appender.trim(.rollTrim)
      try appender.file.synchronize(.rollOldSegment)
    } catch {
      throw poisoned(by: LogError(error))
    }
    // A log that was opened and not written to may have no block for the entry that ends the time index.
    try io { () throws(IOError) in
      try appender.index.reserve(0, behind: ended, &appender.indexAllocation)
    }
    if let entry = ended.takeTimeEntry() {
      appender.index.store(entry, at: ended.timeEntries - 1, base: old.baseOffset)
    }
    let written = writtenEntries(ended)
    do throws(IOError) {
      try appender.index.synchronize(
        ended, written: .init(points: ended.offsetEntries, transactions: ended.abortedTransactions))
    } catch { throw poisoned(by: LogError(error)) }
    // These may fail for want of room and leave everything as it was: the name comes last.
    let producers = state.withLock { state in
      state.producers.removeExpired(
        at: environment.wallClockMilliseconds(), after: configuration.producerExpirationMilliseconds)
      return state.producers
    }
    let directory = path
    do throws(IOError) {
      try appender.index.writeTransactions(ended, written: written)
      try appender.index.writeSeal(ended, written: written.points)
      if !producers.isEmpty {
        try ProducerSnapshot.store(producers, directory, at: ended.nextOffset, environment.fileSystem)
      }
    } catch {
      guard error.code == .noSpace else { throw poisoned(by: LogError(error)) }
      throw LogError(error)
    }
    let next = try NewSegment.create(
      at: ended.nextOffset, directory: path, configuration: configuration, fileSystem: fileSystem,
      prepared: appender.prepared)
    appender.prepared = nil
    do throws(LogError) { try change(to: next, &appender, ended) } catch { throw poisoned(by: error) }
  }

  /// Goes on in `next`, whose name is there. There is no way back: two segments would claim the same offsets.
  private func change(
    to next: NewSegment, _ appender: inout Appender, _ ended: SegmentProgress
  ) throws(LogError) {
    let old = appender.segment
    let fileSystem = environment.fileSystem
    try io { () throws(IOError) in
      try fileSystem.synchronizeDirectory(path, .rollDirectory)
      try appender.index.trim(ended)
    }
    var progress = SegmentProgress(baseOffset: ended.nextOffset)
    progress.hasProducers = state.withLock { state in
      // The snapshot of the roll takes its place; the next opening removes it.
      state.checkpointSnapshot = nil
      return !state.producers.isEmpty
    }
    try writeDurablePoint(durable: progress, checkpoint: progress, synchronizing: true)
    old.seal(appender.index, ended)
    appender.begin(next, progress, now: environment.wallClockMilliseconds())
    state.withLock { state in
      state.sealed.append(SegmentView(segment: old, progress: ended, isSealed: true))
      state.active = SegmentView(segment: next.segment, progress: progress, isSealed: false)
      state.counts.rolledSegments += 1
      state.counts.synchronizations += 1
    }
  }
}

extension SegmentIndex {
  /// How many batches may still be written before an index is full.
  func freeEntries(_ progress: SegmentProgress) -> Int {
    // One entry of the time index is kept for the segment's end.
    max(0, min(offsetCapacity - progress.offsetEntries, timeCapacity - 1 - progress.timeEntries))
  }
}

/// The files of a segment that nothing was written to yet.
struct NewSegment {
  var segment: Segment
  var file: any File
  var index: SegmentIndex
  /// Zeros that are written in the file.
  var preparedBytes: Int64 = 0

  /// Creates the files of the segment that begins at `baseOffset`. Their names are not durable yet. `prepared`: what
  /// becomes the file of batches; nil makes an empty one.
  static func create(
    at baseOffset: Offset, directory: String, configuration: LogConfiguration, fileSystem: any FileSystem,
    prepared: PreparedSegment? = nil
  ) throws(LogError) -> NewSegment {
    let path = SegmentFiles.path(directory, SegmentFiles.name(baseOffset, .log))
    do throws(IOError) {
      let index = try createIndex(
        at: baseOffset, directory: directory, configuration: configuration, fileSystem: fileSystem)
      // The name comes last: whoever finds it may expect the rest.
      let file: any File
      if let prepared {
        file = try prepared.take(path, fileSystem)
      } else {
        file = try fileSystem.open(path, .createNew)
      }
      let segment = Segment(
        baseOffset: baseOffset, directory: directory, access: .readWrite, configuration: configuration,
        fileSystem: fileSystem, file: file, activeIndex: index)
      return NewSegment(segment: segment, file: file, index: index, preparedBytes: prepared?.bytes ?? 0)
    } catch {
      // An index without a segment means nothing, and is used again by the next try.
      throw LogError(error)
    }
  }

  /// Creates the index files of an active segment, empty, and maps them at their largest size.
  static func createIndex(
    at baseOffset: Offset, directory: String, configuration: LogConfiguration, fileSystem: any FileSystem,
    atLeast bytes: (offsets: Int, times: Int) = (0, 0)
  ) throws(IOError) -> SegmentIndex {
    let offsetBytes = max(configuration.indexBytes, bytes.offsets)
    let timeBytes = max(configuration.indexBytes, bytes.times)
    let offsets = try emptyFile(
      SegmentFiles.path(directory, SegmentFiles.name(baseOffset, .index)), fileSystem)
    let times = try emptyFile(
      SegmentFiles.path(directory, SegmentFiles.name(baseOffset, .timeindex)), fileSystem)
    let seal = try emptyFile(
      SegmentFiles.path(directory, SegmentFiles.name(baseOffset, .seal)), fileSystem)
    let transactions = SegmentFiles.path(directory, SegmentFiles.name(baseOffset, .txnindex))
    try TransactionIndex.trim(0, transactions, fileSystem)
    return SegmentIndex(
      offsets: try offsets.map(length: offsetBytes / 8 * 8, .readWrite),
      times: try times.map(length: timeBytes / 12 * 12, .readWrite), seal: SegmentSeal(room: offsetBytes),
      files: .init(
        offsets: offsets, times: times, seal: SealFile(file: seal), transactionPath: transactions,
        fileSystem: fileSystem))
  }

  private static func emptyFile(_ path: String, _ fileSystem: any FileSystem) throws(IOError) -> any File {
    let file = try fileSystem.open(path, .create)
    if try file.metadata().size > 0 { try file.resize(to: 0, .removeLeftover) }
    return file
  }
}

extension Appender {
  /// Goes on in a new segment.
  mutating func begin(_ next: NewSegment, _ progress: SegmentProgress, now: Int64) {
    segment = next.segment
    file = next.file
    index = next.index
    self.progress = progress
    indexAllocation = SegmentIndex.Allocation()
    forgetAhead(from: 0)
    allocatedEnd = next.preparedBytes
    fileEnd = next.preparedBytes
    writtenEnd = next.preparedBytes
    segmentCreated = now
  }
}
