internal import StrataIO
internal import StrataLock
package import StrataRecords
internal import Synchronization

extension Log {
  /// Reads all of the log, and says what is not as it should be: every batch and its checksum, every record,
  /// offsets and leader epochs, and every entry of the indexes. Changes nothing.
  ///
  /// It may take long, and blocks the thread; other threads append and read meanwhile. `bytesPerSecond` bounds
  /// how fast it reads. `progress` is called now and then; where it returns false, or the task is cancelled, the
  /// verification ends with what it has found so far.
  ///
  /// - Throws: `.closed`, and `.io` where the file system has failed. Damage is in the report.
  public func verify(
    bytesPerSecond: Int? = nil, progress: (VerificationProgress) -> Bool = { _ in true }
  ) throws(LogError) -> VerificationReport {
    precondition(bytesPerSecond ?? 1 > 0, "bytesPerSecond has to be above 0, or nil")
    if access == .readOnly { try refresh() }
    let (phase, views, lost, truncations) = state.withLock {
      ($0.phase, $0.sealed + [$0.active], $0.lost, $0.truncations.count)
    }
    guard phase == .open else {
      throw LogError(.closed, path: path, detail: "the log was closed; open it again")
    }
    var pace = Pace(
      environment: environment, bytesPerSecond: bytesPerSecond,
      total: views.reduce(0) { $0 + $1.progress.position })
    var report = VerificationReport()
    report.lost = lost.ranges
    if lost.isUnreadable {
      report.damages.append(
        .init(
          path: SegmentFiles.path(path, SegmentFiles.lostName), position: 0, length: 0, kind: .lostOffsets,
          offsets: nil, detail: "the list of lost offsets cannot be read; every gap counts as lost"))
    }
    let epochs = try io { () throws(IOError) in try LeaderEpochs.load(path, environment.fileSystem) }
    report.isComplete = true
    var next = views.first
    while let view = next, report.isComplete {
      let before = report
      var failure: LogError?
      do throws(LogError) { try verify(view, epochs, &report, &pace, progress) } catch { failure = error }
      if truncationCount.load(ordering: .sequentiallyConsistent) != truncations {
        // What was to be read may just have gone.
        report = before
        report.isComplete = false
      } else if isCurrent(view) {
        if let failure { throw failure }
        next = self.next(in: views) { $0.baseOffset > view.baseOffset }
      } else {
        // It was removed or rewritten: what was found may be of both. What has taken its place is read.
        report = before
        next = self.next(in: views) { $0.progress.nextOffset > view.baseOffset }
      }
    }
    report.nanoseconds = pace.elapsed
    return report
  }

  private func isCurrent(_ view: SegmentView) -> Bool {
    state.withLock { $0.view(of: view.baseOffset)?.segment === view.segment }
  }

  /// The first segment that `belongs`, among those that were there at first or have taken their places; nil where
  /// there is none.
  private func next(
    in views: [SegmentView], where belongs: (SegmentView) -> Bool
  ) -> SegmentView? {
    let last = views.last!.baseOffset
    return state.withLock { ($0.sealed + [$0.active]).first { $0.baseOffset <= last && belongs($0) } }
  }

  private func verify(
    _ view: SegmentView, _ epochs: LeaderEpochs?, _ report: inout VerificationReport, _ pace: inout Pace,
    _ progress: (VerificationProgress) -> Bool
  ) throws(LogError) {
    let path = view.segment.path(.log)
    let entries = try indexEntries(of: view)
    var checks: [any SegmentCheck] = [
      RecordsCheck(path: path, limits: configuration.limits),
      LeaderEpochCheck(path: path, current: epochs?.entries.isEmpty == false ? epochs?.current : nil),
      OffsetIndexCheck(path: view.segment.path(.index), entries: entries.offsets),
      TimeIndexCheck(path: view.segment.path(.timeindex), entries: entries.times),
    ]
    let file = try view.segment.file()
    let seal = try view.segment.seal(for: view)
    let limits = configuration.limits
    let wrongHeads = try io { () throws(IOError) in
      try seal?.wrongHeads(in: file, limits: limits) ?? [:]
    }
    var walk = DamageWalk(
      .init(
        file: file, baseOffset: view.baseOffset, end: view.progress.position,
        bound: view.progress.nextOffset, durable: nil,
        epoch: epochs?.entries.isEmpty == false ? epochs!.current : LeaderEpoch(.max),
        entries: entries.offsets, wrongHeads: wrongHeads, limits: limits))
    report.segments += 1
    while true {
      let step: DamageWalk.Step
      do throws(IOError) { step = try walk.next() } catch { throw LogError(error) }
      let read: Int64
      switch step {
      case .end:
        for place in checks.indices { checks[place].finish(&report) }
        return
      case .batch(let batch, let position):
        report.batches += 1
        read = Int64(batch.sizeInBytes)
        for place in checks.indices { checks[place].take(batch, at: position, &report) }
      case .damage(let damage):
        read = damage.length
        report.damages.append(
          .init(
            path: path, position: damage.position, length: damage.length, kind: .batch,
            offsets: damage.offsets.isEmpty ? nil : damage.offsets, detail: "\(damage.reason)"))
        for place in checks.indices { checks[place].skip(damage) }
      }
      report.bytes += read
      guard pace.goesOn(read, report, progress) else {
        report.isComplete = false
        return
      }
    }
  }

  /// The entries of a segment's indexes, right or wrong. Those of the active segment are mapped: what its readers go
  /// by, and the file, are one.
  private func indexEntries(
    of view: SegmentView
  ) throws(LogError) -> (offsets: [OffsetIndexEntry], times: [TimeIndexEntry]) {
    guard view.isSealed else {
      let found = try view.segment.index(for: view)
      return (
        (0..<found.progress.offsetEntries).map { found.index.offsetEntry($0, base: view.baseOffset) },
        (0..<found.progress.timeEntries).map { found.index.timeEntry($0, base: view.baseOffset) }
      )
    }
    let (base, directory, fileSystem) = (view.baseOffset, path, environment.fileSystem)
    return try io { () throws(IOError) in
      (
        try OffsetIndexEntry.load(directory, base, fileSystem),
        try TimeIndexEntry.load(directory, base, fileSystem)
      )
    }
  }
}

extension Log {
  /// Makes the index files of a sealed segment anew, whatever they look like.
  package func rebuildIndex(of baseOffset: Offset) throws(LogError) {
    let view = state.withLock { $0.view(of: baseOffset) }
    guard let view, view.isSealed else { return }
    try view.segment.rebuildIndex(for: view)
  }
}

/// How fast a verification reads, and how often it says so.
private struct Pace {
  private let environment: LogEnvironment
  private let bytesPerSecond: Int?
  private let total: Int64
  private let began: Int64
  private let clock = EventCount()
  private var bytes: Int64 = 0
  private var reported: Int64 = 0

  /// So many bytes are read between two looks at the clock; less where that would be more than a moment's.
  private var interval: Int64 { min(256 << 10, Int64(bytesPerSecond ?? .max) / 16) }

  init(environment: LogEnvironment, bytesPerSecond: Int?, total: Int64) {
    self.environment = environment
    self.bytesPerSecond = bytesPerSecond
    self.total = total
    began = environment.monotonicNanoseconds()
  }

  var elapsed: Int64 { environment.monotonicNanoseconds() - began }

  /// Takes in that `read` bytes more were read, and waits where that was too fast. False where it is to stop.
  mutating func goesOn(
    _ read: Int64, _ report: VerificationReport, _ progress: (VerificationProgress) -> Bool
  ) -> Bool {
    bytes += read
    guard bytes - reported >= interval || bytes >= total else {
      return true
    }
    reported = bytes
    if let bytesPerSecond {
      let due = Int64(Double(bytes) / Double(bytesPerSecond) * 1e9)
      if due > elapsed { _ = clock.wait(while: clock.current, timeoutNanoseconds: due - elapsed) }
    }
    if Task.isCancelled { return false }
    return progress(
      VerificationProgress(bytes: bytes, totalBytes: total, damages: report.damages.count))
  }
}

extension TimeIndexEntry {
  /// The entries of a segment's time index as they lie in its file, right or wrong; none where there is none.
  static func load(
    _ directory: String, _ base: Offset, _ fileSystem: any FileSystem
  ) throws(IOError) -> [TimeIndexEntry] {
    let file: any File
    do {
      file = try fileSystem.open(
        SegmentFiles.path(directory, SegmentFiles.name(base, .timeindex)), .read)
    } catch {
      guard error.code == .notFound else { throw error }
      return []
    }
    defer { file.close() }
    let count = Int(min(try file.metadata().size, Int64(Int32.max))) / byteCount
    let index = SegmentIndex(
      offsets: HeapMapping(count: 0), times: try file.copyIntoMemory(count * byteCount))
    return (0..<count).map { index.timeEntry($0, base: base) }
  }
}
