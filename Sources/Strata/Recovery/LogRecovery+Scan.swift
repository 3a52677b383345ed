internal import StrataIO
internal import StrataRecords

/// Reading what may be torn.
extension LogRecovery {
  /// Reads every segment that the plan names, cuts what is no batch, and makes the rest durable.
  mutating func scan(
    _ plan: RecoveryPlan, _ facts: inout RecoveryFacts, _ sealed: inout [SegmentView],
    _ epochs: inout LeaderEpochs, _ pointFile: inout DurablePointFile
  ) throws(LogError) -> Active {
    var expected = facts.segments[plan.scanned[0]].baseOffset
    for (turn, place) in plan.scanned.enumerated() {
      let fact = facts.segments[place]
      let isLast = place == facts.segments.count - 1
      let producersBefore = producers
      var active = try read(
        fact, from: turn == 0 ? plan.start : nil, isLast: isLast,
        bound: isLast ? .max : facts.segments[place + 1].baseOffset, facts, &epochs)
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
          if !isLast {
            producers = producersBefore
            active.found = try reopenAsLast(active.found, facts)
          }
          try rewrite(active.found, plan)
          return active.found
        }
      }
      if isLast {
        try beginEpochWhereLogIsShorter(facts.durablePoint, active.found, &epochs, &pointFile)
        try rewrite(active.found, plan)
        return active.found
      }
      // Nobody has noted that it is on the disk.
      let file = active.found.file
      try io { () throws(IOError) in try file.synchronize(.recoverySegment) }
      try storeSnapshot(producers!, at: facts.segments[place + 1].baseOffset)
      sealed.append(
        SegmentView(segment: active.found.segment, progress: active.found.progress, isSealed: true))
    }
    preconditionFailure("a log has a last segment")
  }

  /// Whole batches end before the durable point: somebody has cut the log, as Kafka does. The offsets behind get
  /// new records, so they get a new leader epoch.
  private mutating func beginEpochWhereLogIsShorter(
    _ point: DurablePoint?, _ found: Active, _ epochs: inout LeaderEpochs,
    _ pointFile: inout DurablePointFile
  ) throws(LogError) {
    guard let point, point.durable.nextOffset > found.progress.nextOffset else { return }
    report.cutReason =
      "the log ends at \(found.progress.nextOffset), and was durable through "
      + "\(point.durable.nextOffset): somebody has cut it"
    try lower(&pointFile, point, to: found.progress)
    if !Mutants.leavesOut(.newEpochAfterCut) { epochs.beginNext(at: found.progress.nextOffset) }
    let stored = epochs
    try io { () throws(IOError) in try stored.store(directory, fileSystem) }
  }

  private mutating func read(
    _ fact: RecoveryFacts.SegmentFact, from start: SegmentProgress?, isLast: Bool, bound: Offset,
    _ facts: RecoveryFacts, _ epochs: inout LeaderEpochs
  ) throws(LogError) -> (found: Active, damage: BatchDamage?) {
    var progress = start ?? SegmentProgress(baseOffset: fact.baseOffset)
    let bare = segment(at: fact.baseOffset)
    let file = try bare.file()
    let index: SegmentIndex
    var allocation = SegmentIndex.Allocation()
    let ready: Segment
    if isLast {
      let opened = try openActiveIndex(bare, end: fact.size, points: progress)
      index = opened.index
      allocation = opened.allocation
      let agrees = opened.hasPoints ? try agrees(index, allocation, with: progress, file) : false
      if !agrees {
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
      index = .inMemory(scan.indexBytes(for: fact.size))
      progress = SegmentProgress(baseOffset: fact.baseOffset)
      ready = bare
    }
    let from = progress.position
    var found = epochs
    if producers == nil { producers = try producers(at: progress, facts) }
    var replay = ProducerReplay(producers!, limits: configuration.limits)
    func note(_ batch: RecordBatch, _ position: Int64) {
      replay.take(batch)
      guard batch.header.partitionLeaderEpoch.rawValue >= 0 else { return }
      found.postpone(above: batch.header.partitionLeaderEpoch, through: batch.nextOffset)
      found.begin(batch.header.partitionLeaderEpoch, at: batch.baseOffset)
    }
    let began = environment.monotonicNanoseconds()
    if let durable = durableEnd(facts.durablePoint?.durable, in: fact, behind: progress) {
      let start = progress.end
      _ = try scan.run(
        file, end: durable.position, bound: bound, progress: &progress, index: index, visit: note)
      if progress.end != durable { try refuseWrongHead(file, from: start, to: durable) }
    }
    let damage = try scan.run(
      file, end: fact.size, bound: bound, progress: &progress, index: index, visit: note)
    report.scanNanoseconds += environment.monotonicNanoseconds() - began
    epochs = found
    for transaction in replay.aborted { progress.take(transaction, index) }
    producers = replay.state
    report.scannedBytes += progress.position - from
    let active = Active(
      segment: ready, file: file, index: index, allocation: allocation, progress: progress)
    return (active, damage)
  }

  /// A segment that turned out to be the last one needs index files to go on with.
  private mutating func reopenAsLast(
    _ found: Active, _ facts: RecoveryFacts
  ) throws(LogError) -> Active {
    var epochs = LeaderEpochs()
    let fact = RecoveryFacts.SegmentFact(
      baseOffset: found.segment.baseOffset, size: found.progress.position)
    return try read(fact, from: nil, isLast: true, bound: .max, facts, &epochs).found
  }

  func isZero(_ found: Active, _ range: Range<Int64>) throws(LogError) -> Bool {
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
    if damage.reason.code == .limitExceeded, let header = damage.header,
      damage.position + Int64(header.sizeInBytes) <= fact.size
    {
      throw LogError(
        .damaged, path: found.segment.path(.log), position: damage.position,
        detail:
          "a batch of \(header.sizeInBytes) bytes, above LogConfiguration.limits; open the log with larger "
          + "limits", cause: damage.reason)
    }
    guard let durable = plan.durable else { return }
    let isBelow =
      found.progress.baseOffset < durable.baseOffset
      || (found.progress.baseOffset == durable.baseOffset && damage.position < durable.position)
    let from = found.progress.nextOffset
    // A salvage that was interrupted has made positions smaller; the offsets are as they were.
    guard isBelow, from < durable.nextOffset, !Mutants.leavesOut(.refusal) else { return }
    let behind = try io { () throws(IOError) in
      try damage.batchBehind(
        in: found.file, end: fact.size, expected: from, bound: durable.nextOffset, epoch: -1,
        limits: configuration.limits)
    }
    throw LogError(
      .damaged, path: found.segment.path(.log), position: damage.position,
      offsets: from..<max(from.following, behind?.batch.baseOffset ?? durable.nextOffset),
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
