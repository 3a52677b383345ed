internal import StrataIO
internal import StrataRecords

/// Cutting what is no batch, and making the rest durable.
extension LogRecovery {
  /// Takes back everything behind the last whole batch: moves it aside, begins a new leader epoch, cuts.
  mutating func cut(
    _ damage: BatchDamage, _ found: inout Active, _ fact: RecoveryFacts.SegmentFact,
    _ later: [RecoveryFacts.SegmentFact], _ epochs: inout LeaderEpochs
  ) throws(LogError) {
    try willEnd?(found.progress.nextOffset)
    let start = found.progress.position
    let read = found.file
    // Zeros behind it were written or reserved ahead of batches that never came.
    let tail = try io { () throws(IOError) in try read.content(of: start..<fact.size) }
    report.cutBytes += tail.upperBound - tail.lowerBound
    if !tail.isEmpty || !later.isEmpty {
      report.cutReason = damage.reason.description
      if !tail.isEmpty { try quarantine(tail, of: found) }
      if !Mutants.leavesOut(.newEpochAfterCut) { epochs.beginNext(at: found.progress.nextOffset) }
      let stored = epochs
      try io { () throws(IOError) in try stored.store(directory, fileSystem) }
      for fact in later { try quarantine(fact) }
    }
    var file = found.file
    try io { () throws(IOError) in
      // The last segment has files of its own already; an earlier one may be a snapshot's too.
      let shared = SharedFiles(directory: directory, fileSystem: fileSystem)
      if !later.isEmpty, try shared.unshare(found.segment.baseOffset) {
        file = try fileSystem.open(found.segment.path(.log), .readWrite)
      }
      // The later segments are gone before the hole in front of them is.
      if !later.isEmpty { try fileSystem.synchronizeDirectory(directory, .recoveryDirectory) }
      // It is on the disk with what is rewritten, before anything is appended.
      try file.resize(to: start, .recoveryCut)
    }
  }

  /// Copies bytes that are going to be cut into a file beside the segment.
  private mutating func quarantine(
    _ range: Range<Int64>, of found: Active
  ) throws(LogError) {
    guard !Mutants.leavesOut(.quarantineCopy) else { return }
    let segment = found.segment.path(.log)
    let path = try unusedQuarantine(of: segment, at: range.lowerBound)
    try io { () throws(IOError) in
      let copy = try fileSystem.open(path, .createNew)
      defer { copy.close() }
      try found.file.copy(range, to: copy, at: 0)
      // Its name becomes durable with that of the new leader epoch, before the cut.
      try copy.synchronize(.quarantine)
    }
    report.quarantined.append(
      .init(
        path: path, segment: segment, position: range.lowerBound, bytes: range.upperBound - range.lowerBound))
  }

  /// A name that no copy has: an earlier one may hold the only bytes of what was cut at the same place before.
  private func unusedQuarantine(of segment: String, at position: Int64) throws(LogError) -> String {
    try io { () throws(IOError) in
      var path = "\(segment).\(position)\(SegmentFiles.quarantineSuffix)"
      var number = 1
      while try fileSystem.metadata(path) != nil {
        number += 1
        path = "\(segment).\(position).\(number)\(SegmentFiles.quarantineSuffix)"
      }
      return path
    }
  }

  /// Moves a whole segment aside that lies behind the cut.
  private mutating func quarantine(_ fact: RecoveryFacts.SegmentFact) throws(LogError) {
    let path = SegmentFiles.path(directory, SegmentFiles.name(fact.baseOffset, .log))
    let moved = try unusedQuarantine(of: path, at: 0)
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
  mutating func rewrite(_ found: Active, _ plan: RecoveryPlan) throws(LogError) {
    var from: Int64 = 0
    if let durable = plan.durable, durable.baseOffset == found.progress.baseOffset {
      from = min(durable.position, found.progress.position)
    }
    let end = found.progress.position
    let began = environment.monotonicNanoseconds()
    try io { () throws(IOError) in
      if end > from, !Mutants.leavesOut(.rewrite) {
        try found.file.copy(from..<end, to: found.file, at: from)
      }
      try found.file.synchronize(.recoveryRewrite)
    }
    report.rewrittenBytes += end - from
    report.rewriteNanoseconds += environment.monotonicNanoseconds() - began
  }

  /// Where the durable point claims more than there is (its segment was changed by somebody else), it is
  /// lowered before anything goes.
  func lower(
    _ pointFile: inout DurablePointFile, _ point: DurablePoint, to progress: SegmentProgress
  ) throws(LogError) {
    guard point.durable.nextOffset > progress.nextOffset, !Mutants.leavesOut(.lowerDurablePoint) else {
      return
    }
    let start = SegmentProgress(baseOffset: progress.baseOffset)
    var file = pointFile
    try io { () throws(IOError) in
      try file.write(logStart: point.logStart, durable: start, checkpoint: start, synchronizing: true)
    }
    pointFile = file
  }

  /// Notes that everything up to the end is durable, index entries included. Returns the checkpoint.
  func raise(
    _ pointFile: inout DurablePointFile, _ facts: RecoveryFacts, _ active: Active
  ) throws(LogError) -> SegmentProgress {
    var point = pointFile
    let logStart = facts.durablePoint?.logStart ?? facts.segments.first?.baseOffset ?? 0
    let checkpoint = try io { () throws(IOError) in
      let isWritten = try orWithoutRoom { () throws(IOError) in try active.index.synchronize(active.progress)
      }
      // Without room for the seal's points the segment is read again the next time, and that is all.
      let checkpoint = isWritten ? active.progress : SegmentProgress(baseOffset: active.progress.baseOffset)
      try fileSystem.synchronizeDirectory(directory, .recoveryDirectory)
      try point.write(
        logStart: logStart, durable: active.progress, checkpoint: checkpoint, synchronizing: true)
      return checkpoint
    }
    pointFile = point
    return checkpoint
  }
}
