internal import StrataIO
internal import StrataRecords

/// Cutting what is no batch, and making the rest durable.
extension LogRecovery {
  /// Takes back everything behind the last whole batch: moves it aside, begins a new leader epoch, cuts.
  mutating func cut(
    _ damage: BatchDamage, _ found: inout Active, _ fact: RecoveryFacts.SegmentFact,
    _ later: [RecoveryFacts.SegmentFact], _ epochs: inout LeaderEpochs
  ) throws(LogError) {
    let tail = found.progress.position..<fact.size
    let isZero = try self.isZero(found, tail)
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
      // The later segments are gone before the hole in front of them is.
      if !later.isEmpty { try fileSystem.synchronizeDirectory(directory, .recoveryDirectory) }
      try file.resize(to: tail.lowerBound, .recoveryCut)
      try file.synchronize(.recoveryCutSync)
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
      try copy.resize(to: 0, .emptyTemporary)
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
  mutating func rewrite(_ found: Active, _ plan: RecoveryPlan) throws(LogError) {
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
  func lower(
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
  func raise(
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
