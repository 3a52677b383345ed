internal import StrataIO
internal import StrataRecords

/// Taking damage out of what was durable, so that the rest can be used (`RecoveryPolicy.salvage`).
///
/// Segment by segment: the damaged bytes are copied aside, the offsets that are gone are written down, and only
/// then is the segment without them put in its place: the swap begins with making all names durable that are there.
/// Each step does nothing that is done already: after a crash at any point the whole is begun again.
extension LogRecovery {
  /// Reads every segment as far as the log is known to be durable, and rewrites those that are damaged.
  mutating func salvage(
    _ facts: inout RecoveryFacts, _ epochs: inout LeaderEpochs
  ) throws(LogError) {
    guard let durable = facts.durablePoint?.durable,
      facts.segments.contains(where: { $0.baseOffset == durable.baseOffset })
    else { return }
    var isChanged = false
    for (place, fact) in facts.segments.enumerated() where fact.baseOffset <= durable.baseOffset {
      let next = place + 1 < facts.segments.count ? facts.segments[place + 1].baseOffset : nil
      let (damages, endIsLost) = try damages(of: fact, next, durable, epochs)
      guard !damages.isEmpty else { continue }
      isChanged = true
      for damage in damages {
        try quarantine(damage, of: fact)
        if !damage.offsets.isEmpty {
          facts.lost.insert(damage.offsets)
          if let last = report.lost.last, last.upperBound == damage.offsets.lowerBound {
            report.lost[report.lost.count - 1] = last.lowerBound..<damage.offsets.upperBound
          } else {
            report.lost.append(damage.offsets)
          }
        }
      }
      let lost = facts.lost
      try io { () throws(IOError) in try lost.store(directory, fileSystem) }
      if next == nil, endIsLost { try beginBehind(durable.nextOffset, &epochs) }
      try rewrite(fact, without: damages.map(\.positions))
      report.salvaged.append(fact.baseOffset)
    }
    if isChanged { facts = try RecoveryFacts.gather(directory, fileSystem, facts.durablePoint) }
  }

  /// What is damaged in a segment below the durable point, and whether no batch follows the last of it. Nothing where it is not damage, but something that
  /// is refused by name: an old format, or a batch above the limits.
  private func damages(
    of fact: RecoveryFacts.SegmentFact, _ next: Offset?, _ durable: SegmentProgress, _ epochs: LeaderEpochs
  ) throws(LogError) -> (damages: [SegmentDamage], endIsLost: Bool) {
    let file = try segment(at: fact.baseOffset).file()
    defer { file.close() }
    let isLastDurable = fact.baseOffset == durable.baseOffset
    let entries = try io { () throws(IOError) in
      try OffsetIndexEntry.load(directory, fact.baseOffset, fileSystem)
    }
    var walk = DamageWalk(
      .init(
        file: file, baseOffset: fact.baseOffset, end: fact.size,
        bound: min(next ?? .max, fact.baseOffset.furthest),
        durable: isLastDurable ? (durable.position, durable.nextOffset) : nil,
        epoch: epochs.entries.isEmpty ? LeaderEpoch(.max) : epochs.current, entries: entries,
        wrongHeads: try wrongHeads(of: fact, next, durable, file), limits: configuration.limits))
    var found: [SegmentDamage] = []
    var endIsLost = false
    var expected = fact.baseOffset
    while true {
      let step: DamageWalk.Step
      do throws(IOError) { step = try walk.next() } catch { throw LogError(error) }
      switch step {
      case .end: return (found, endIsLost)
      case .batch(let batch, let position):
        endIsLost = false
        if isLastDurable, position >= durable.position { return (found, endIsLost) }
        expected = batch.nextOffset
      case .damage(let damage):
        // Where every durable offset was met, what follows is a tail that may be torn: positions of the durable
        // point are those from before an interrupted salvage.
        if isLastDurable, damage.position >= durable.position || expected >= durable.nextOffset {
          return (found, endIsLost)
        }
        if try isRefusedByName(damage, file, fact) { return ([], false) }
        var damage = damage
        // The next segment begins where this one ended, whatever the durable point has come to speak of.
        if damage.reachesEnd, let next { damage.offsets = damage.offsets.lowerBound..<next }
        expected = damage.offsets.upperBound
        found.append(damage)
        endIsLost = true
      }
    }
  }

  /// What the segment's seal says of its batches' heads, or the digest of the durable point where no seal counts.
  private func wrongHeads(
    of fact: RecoveryFacts.SegmentFact, _ next: Offset?, _ durable: SegmentProgress, _ file: any File
  ) throws(LogError) -> [Int64: RecordBatchHeader] {
    let (limits, directory) = (configuration.limits, directory)
    return try io { () throws(IOError) in
      let path = SegmentFiles.path(directory, SegmentFiles.name(fact.baseOffset, .seal))
      if let next {
        let loaded = try SealFile.load(
          path, fileSystem, base: fact.baseOffset, end: fact.size, nextOffset: next)
        if let loaded { return try loaded.counted.wrongHeads(in: file, limits: limits) }
      }
      guard fact.baseOffset == durable.baseOffset, durable.position <= fact.size else { return [:] }
      if try fileSystem.metadata(path) != nil {
        let open = SealFile(file: try fileSystem.open(path, .read))
        defer { open.file.close() }
        if let points = try open.points(durable, room: 0) {
          return try CountedSeal(seal: points, count: durable.offsetEntries, end: durable.end).wrongHeads(
            in: file, limits: limits)
        }
      }
      let found = try HeadInspection(file: file, limits: limits).inspect(from: .start, to: durable.end)
      guard case .damaged(let position, let right) = found else { return [:] }
      return [position: right]
    }
  }

  private func isRefusedByName(
    _ damage: SegmentDamage, _ file: any File, _ fact: RecoveryFacts.SegmentFact
  ) throws(LogError) -> Bool {
    guard let header = damage.header else { return false }
    if damage.reason.code == .limitExceeded {
      return damage.position + Int64(header.sizeInBytes) <= fact.size
    }
    guard LegacyMessageSet.isPlausible(header) else { return false }
    let count = Int(min(fact.size - damage.position, 16 << 20))
    let bytes = ByteBuffer(capacity: count)
    return try io { () throws(IOError) in
      bytes.count = try bytes.withMutableBytes(from: 0, count: count) { span throws(IOError) in
        try file.read(into: &span, at: damage.position)
      }
      return LegacyMessageSet.isWhole(bytes.bytes)
    }
  }

  /// Copies damaged bytes aside, unless a file has them already.
  ///
  /// Their name does not begin with digits: Kafka's loader, which ends an interrupted swap, removes every file
  /// whose name begins with the base offset of a segment that was replaced.
  private mutating func quarantine(
    _ damage: SegmentDamage, of fact: RecoveryFacts.SegmentFact
  ) throws(LogError) {
    let name = SegmentFiles.name(fact.baseOffset, .log)
    let segment = SegmentFiles.path(directory, name)
    let stem = SegmentFiles.path(directory, "strata.\(name).\(damage.position)")
    let (path, bytes) = try io { () throws(IOError) -> (String, Range<Int64>) in
      let source = try fileSystem.open(segment, .read)
      defer { source.close() }
      // Zeros at the end were made ready for batches that never came.
      let bytes = damage.reachesEnd ? try source.content(of: damage.positions) : damage.positions
      var number = 1
      while true {
        let path = stem + (number == 1 ? "" : "-\(number)") + SegmentFiles.quarantineSuffix
        number += 1
        if try fileSystem.metadata(path) != nil {
          if try isCopy(path, of: source, bytes) { return (path, bytes) }
          continue
        }
        let temporary = path + SegmentFiles.temporarySuffix
        let copy = try fileSystem.open(temporary, .create)
        defer { copy.close() }
        try copy.resize(to: 0, .emptyTemporary)
        try source.copy(bytes, to: copy, at: 0)
        try copy.synchronize(.salvageQuarantine)
        try fileSystem.rename(temporary, to: path, .salvageQuarantineRename)
        return (path, bytes)
      }
    }
    report.quarantined.append(
      .init(
        path: path, segment: segment, position: damage.position, bytes: bytes.upperBound - bytes.lowerBound))
  }

  private func isCopy(
    _ path: String, of source: any File, _ range: Range<Int64>
  ) throws(IOError) -> Bool {
    let file = try fileSystem.open(path, .read)
    defer { file.close() }
    guard try file.metadata().size == range.upperBound - range.lowerBound else { return false }
    return try file.isEqual(to: source, from: range.lowerBound)
  }

  /// Begins the segment in which the log goes on where the last durable records are gone: nobody else gets
  /// their offsets. What lay behind them was never promised, and goes with them; so a new epoch begins.
  private func beginBehind(_ end: Offset, _ epochs: inout LeaderEpochs) throws(LogError) {
    epochs.beginNext(at: end)
    let stored = epochs
    try io { () throws(IOError) in
      try stored.store(directory, fileSystem)
      let path = SegmentFiles.path(directory, SegmentFiles.name(end, .log))
      try fileSystem.open(path, .create).close()
    }
  }

  /// Puts a segment without the bytes `removed` in its own place.
  private func rewrite(
    _ fact: RecoveryFacts.SegmentFact, without removed: [Range<Int64>]
  ) throws(LogError) {
    let swap = SegmentSwap(directory: directory, fileSystem: fileSystem)
    let base = fact.baseOffset
    let scan = self.scan
    do throws(IOError) {
      let source = try fileSystem.open(swap.path(base, .log), .read)
      defer { source.close() }
      let target = try swap.create(base, .log)
      defer { target.close() }
      var (from, size) = (Int64(0), Int64(0))
      for range in removed + [fact.size..<fact.size] {
        try source.copy(from..<range.lowerBound, to: target, at: size)
        size += range.lowerBound - from
        from = range.upperBound
      }
      try target.synchronize(.cleaned)
      try swap.writeIndexes(of: target, base, end: size, scan)
      try swap.run(replacing: [base], by: [base])
    } catch { throw LogError(error) }
  }
}

extension SegmentSwap {
  /// A new file of a rewritten segment.
  func create(_ base: Offset, _ kind: SegmentFiles.Kind) throws(IOError) -> any File {
    let file = try fileSystem.open(path(base, kind, Self.cleaned), .create)
    try file.resize(to: 0, .emptyTemporary)
    return file
  }

  /// Makes the indexes of a rewritten segment, from its batches as they were written.
  func writeIndexes(
    of file: any File, _ base: Offset, end: Int64, _ scan: SegmentScan
  ) throws(IOError) {
    let bytes = scan.indexBytes(for: end)
    let index = SegmentIndex.inMemory(bytes)
    var progress = SegmentProgress(baseOffset: base)
    // A tail that may be torn is recovery's to look at.
    do throws(LogError) { _ = try scan.run(file, end: end, progress: &progress, index: index) } catch {
      throw error.cause as? IOError ?? IOError(.other, operation: "read", path: file.path)
    }
    if let entry = progress.takeTimeEntry() {
      index.store(entry, at: progress.timeEntries - 1, base: base)
    }
    try store(index, progress)
  }

  /// Writes the indexes and the seal of a rewritten segment, durably.
  func store(_ index: SegmentIndex, _ progress: SegmentProgress) throws(IOError) {
    let base = progress.baseOffset
    try write(index.offsets, progress.offsetEntries * OffsetIndexEntry.byteCount, base, .index)
    try write(index.times, progress.timeEntries * TimeIndexEntry.byteCount, base, .timeindex)
    let seal = SealFile(file: try create(base, .seal))
    defer { seal.file.close() }
    try seal.write(index.seal!, 0..<progress.offsetEntries)
    try seal.write(SealHead(progress))
    try seal.file.synchronize(.cleaned)
  }

  private func write(
    _ mapping: any Mapping, _ count: Int, _ base: Offset, _ kind: SegmentFiles.Kind
  ) throws(IOError) {
    let file = try create(base, kind)
    defer { file.close() }
    try file.write(mapping.bytes.extracting(0..<count), at: 0)
    try file.synchronize(.cleaned)
  }
}

extension CountedSeal {
  /// The batches whose heads are not what was sealed, by their positions, and the heads that were.
  func wrongHeads(
    in file: any File, limits: ParsingLimits
  ) throws(IOError) -> [Int64: RecordBatchHeader] {
    var wrong: [Int64: RecordBatchHeader] = [:]
    for interval in 0..<intervals {
      guard case .damaged(let position, let right) = try inspect(interval, in: file, limits: limits) else {
        continue
      }
      wrong[position] = right
    }
    return wrong
  }
}

extension OffsetIndexEntry {
  /// The entries of a segment's offset index as they lie in its file, right or wrong; none where there is none.
  static func load(
    _ directory: String, _ base: Offset, _ fileSystem: any FileSystem
  ) throws(IOError) -> [OffsetIndexEntry] {
    let file: any File
    do {
      file = try fileSystem.open(
        SegmentFiles.path(directory, SegmentFiles.name(base, .index)), .read)
    } catch {
      guard error.code == .notFound else { throw error }
      return []
    }
    defer { file.close() }
    let count = Int(min(try file.metadata().size, Int64(Int32.max))) / byteCount
    let index = SegmentIndex(
      offsets: try file.copyIntoMemory(count * byteCount), times: HeapMapping(count: 0))
    return (0..<count).map { index.offsetEntry($0, base: base) }
  }
}
