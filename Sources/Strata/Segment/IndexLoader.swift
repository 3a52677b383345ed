internal import StrataIO
internal import StrataRecords

/// Opens the index of a sealed segment: takes the files where they are those that the seal speaks of, and builds
/// them anew where they are not, or where no seal speaks of the segment.
struct IndexLoader {
  let segment: Segment
  let fileSystem: any FileSystem
  let configuration: LogConfiguration

  /// `isStored`: whether an index that is built goes into the files. A disk without room keeps nobody from
  /// reading: then it stays in memory.
  func load(
    file: any File, end: Int64, nextOffset: Offset, seal: LoadedSeal?, isStored: Bool
  ) throws(LogError) -> Segment.CountedIndex {
    let offsets = try map(.index, entryBytes: OffsetIndexEntry.byteCount)
    if let seal, let offsets, let times = try map(.timeindex, entryBytes: TimeIndexEntry.byteCount),
      offsets.count == seal.head.offsetEntries * OffsetIndexEntry.byteCount,
      times.count == seal.head.timeEntries * TimeIndexEntry.byteCount,
      let transactions = try transactions(seal.head)
    {
      let index = SegmentIndex(offsets: offsets, times: times, transactions: transactions)
      var progress = seal.head.progress
      if index.matches(progress) {
        takeLastTime(index, &progress)
        return Segment.CountedIndex(index: index, progress: progress)
      }
    }
    let built = try build(file: file, end: end, nextOffset: nextOffset, seal: seal, hints: offsets)
    if isStored, !built.isPatched {
      do throws(LogError) { try store(built) } catch {}
    }
    return built
  }

  private func transactions(_ head: SealHead) throws(LogError) -> TransactionIndex? {
    try io { () throws(IOError) in
      try TransactionIndex.load(
        segment.path(.txnindex), count: head.abortedTransactions, checksum: head.transactionChecksum,
        exactly: true, fileSystem)
    }
  }

  private func takeLastTime(_ index: SegmentIndex, _ progress: inout SegmentProgress) {
    guard progress.timeEntries > 0 else { return }
    let last = index.timeEntry(progress.timeEntries - 1, base: segment.baseOffset)
    progress.largestTimestamp = last.timestamp
    progress.offsetOfLargestTimestamp = last.offset
    progress.lastIndexedTimestamp = last.timestamp
  }

  private func map(_ kind: SegmentFiles.Kind, entryBytes: Int) throws(LogError) -> (any Mapping)? {
    do {
      let file = try fileSystem.open(segment.path(kind), .read)
      defer { file.close() }
      let size = try file.metadata().size
      guard size % Int64(entryBytes) == 0, size <= Int64(Int32.max) else { return nil }
      if size == 0 { return HeapMapping(count: 0) }
      // Beside a writer the file may be cut while it is looked at, which a mapping would not survive.
      guard segment.access == .readWrite else { return try file.copyIntoMemory(Int(size)) }
      return try file.map(length: Int(size), .read)
    } catch {
      guard error.code == .notFound else { throw LogError(error) }
      return nil
    }
  }

  /// Builds the indexes and the points of a seal in memory.
  ///
  /// Behind damage it goes on where a whole batch is known to follow: an index that ended there would hide what
  /// can be read. Such an index is not kept (nor is that of a padded segment, which no seal fits), and its times are not used behind the damage: nobody knows how new
  /// the records were that cannot be read.
  private func build(
    file: any File, end: Int64, nextOffset: Offset, seal: LoadedSeal?, hints: (any Mapping)?
  ) throws(LogError) -> Segment.CountedIndex {
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let index = SegmentIndex.inMemory(scan.indexBytes(for: end))
    var progress = SegmentProgress(baseOffset: segment.baseOffset)
    var timesBeforeDamage: Int?
    var isPadded = false
    var hasMarkers = false
    func note(_ batch: RecordBatch, _ position: Int64) {
      if batch.isControl, batch.header.producerID >= 0 { hasMarkers = true }
    }
    while let damage = try scan.run(
      file, end: end, bound: nextOffset, progress: &progress, index: index, visit: note)
    {
      if progress.nextOffset == nextOffset, try isZero(file, progress.position..<end) {
        isPadded = true
        break
      }
      if timesBeforeDamage == nil { timesBeforeDamage = progress.timeEntries }
      let place = try placeBehind(damage, file, end, nextOffset, progress.nextOffset, seal, hints)
      guard let place else { break }
      progress.position = place.position
      progress.nextOffset = place.offset
    }
    if let entry = progress.takeTimeEntry() {
      index.store(entry, at: progress.timeEntries - 1, base: segment.baseOffset)
    }
    if hasMarkers {
      let history = ProducerHistory(
        directory: segment.directory, fileSystem: fileSystem, limits: configuration.limits)
      let aborted = try history.aborted(inSegment: segment.baseOffset, next: nextOffset, file, end: end)
      for transaction in aborted { progress.take(transaction, index) }
    }
    var built = Segment.CountedIndex(index: index, progress: progress)
    if let timesBeforeDamage {
      built.isPatched = true
      built.progress.timeEntries = timesBeforeDamage
      built.progress.largestTimestamp = Timestamp(milliseconds: .max)
    } else {
      // Every batch is whole, and yet these may not be the heads that were sealed.
      built.isPatched = isPadded || seal.map { $0.head.digest != progress.headDigest } == true
      built.progress.nextOffset = nextOffset
    }
    built.progress.position = end
    return built
  }

  private func isZero(_ file: any File, _ range: Range<Int64>) throws(LogError) -> Bool {
    try io { () throws(IOError) in try file.isZero(range) }
  }

  /// Where the segment goes on behind damage: as the broken header says, or where the seal or the offset index
  /// that is there knows of a batch.
  private func placeBehind(
    _ damage: BatchDamage, _ file: any File, _ end: Int64, _ bound: Offset, _ expected: Offset,
    _ seal: LoadedSeal?, _ hints: (any Mapping)?
  ) throws(LogError) -> (position: Int64, offset: Offset)? {
    let limits = configuration.limits
    let behind = try io { () throws(IOError) in
      try damage.batchBehind(
        in: file, end: end, expected: expected, bound: bound, epoch: -1, limits: limits)
    }
    if let behind { return (behind.position, behind.batch.baseOffset) }
    func batch(at position: Int64) throws(LogError) -> RecordBatch? {
      var reader = BatchFileReader(position: position, expectedOffset: expected, limits: limits)
      let step = try io { () throws(IOError) in try reader.next(in: file, end: end, bound: bound) }
      guard case .batch(let batch) = step else { return nil }
      return batch
    }
    var from = damage.position
    while let position = seal?.counted.intervalStart(behind: from) {
      if let batch = try batch(at: position) { return (position, batch.baseOffset) }
      from = position
    }
    guard seal == nil, let hints else { return nil }
    let index = SegmentIndex(offsets: hints, times: HeapMapping(count: 0))
    for place in 0..<index.offsetCapacity {
      let entry = index.offsetEntry(place, base: segment.baseOffset)
      guard entry.position > damage.position, entry.position < end, entry.offset >= expected,
        let batch = try batch(at: entry.position), batch.lastOffset == entry.offset
      else { continue }
      return (entry.position, batch.baseOffset)
    }
    return nil
  }

  /// Writes an index that was built in memory into its files, and a seal that speaks of it.
  private func store(_ built: Segment.CountedIndex) throws(LogError) {
    let offsetBytes = built.progress.offsetEntries * OffsetIndexEntry.byteCount
    let timeBytes = built.progress.timeEntries * TimeIndexEntry.byteCount
    let offsets = built.index.offsets
    let times = built.index.times
    try replace(.index, offsets.bytes.extracting(0..<offsetBytes))
    try replace(.timeindex, times.bytes.extracting(0..<timeBytes))
    let aborted = built.index.transactions.prefix(built.progress.abortedTransactions)
    if aborted.isEmpty {
      try io { () throws(IOError) in
        try TransactionIndex.trim(0, segment.path(.txnindex), fileSystem)
      }
    } else {
      try replace(.txnindex, TransactionIndex.encode(aborted).span)
    }
    if let seal = built.index.seal {
      let points = seal.points
      let count = built.progress.offsetEntries * SegmentSeal.pointBytes
      let head = SealHead(built.progress).encoded
      try replace(.seal, head.span, points.bytes.extracting(0..<count))
    }
    try io { () throws(IOError) in
      try fileSystem.synchronizeDirectory(segment.directory, .rebuiltIndexDirectory)
    }
  }

  private func replace(
    _ kind: SegmentFiles.Kind, _ head: Span<UInt8>, _ body: Span<UInt8> = Span()
  ) throws(LogError) {
    let path = segment.path(kind)
    let temporary = path + SegmentFiles.temporarySuffix
    do throws(IOError) {
      let file = try fileSystem.open(temporary, .create)
      defer { file.close() }
      try file.resize(to: 0, .emptyTemporary)
      try file.write(head, body, padding: 0, at: 0)
      try file.synchronize(.rebuiltIndex)
      try fileSystem.rename(temporary, to: path, .rebuiltIndexRename)
    } catch { throw LogError(error) }
  }
}

extension OffsetIndexEntry {
  /// Whether the batch at its position is the one that it speaks of.
  func isRight(
    in file: any File, base: Offset, end: Int64, nextOffset: Offset, limits: ParsingLimits
  ) throws(LogError) -> Bool {
    // No entry is made for a segment's first batch.
    guard offset >= base, offset < nextOffset, position > 0, position < end else { return false }
    var reader = BatchFileReader(
      position: position, expectedOffset: base, limits: limits, maximumRead: 4096, firstRead: 4096)
    do { return try reader.peekHeader(in: file, end: end)?.lastOffset == offset } catch {
      throw LogError(error)
    }
  }
}
