internal import StrataIO
internal import StrataRecords

/// Opens the index of a sealed segment: takes the files where they pass a check of constant cost, and builds
/// them anew where they do not.
///
/// The check cannot find every wrong entry; it need not, since whoever follows an entry compares it with the
/// batch at its position.
struct IndexLoader {
  let segment: Segment
  let fileSystem: any FileSystem
  let configuration: LogConfiguration

  /// `isStored`: whether an index that is built goes into the files. A disk without room keeps nobody from
  /// reading: then it stays in memory.
  func load(
    file: any File, end: Int64, nextOffset: Offset, isDistrusted: Bool, isStored: Bool
  ) throws(LogError) -> Segment.CountedIndex {
    if !isDistrusted, let found = try mapped(file: file, end: end, nextOffset: nextOffset) { return found }
    let built = try build(file: file, end: end)
    if isStored {
      do throws(LogError) { try store(built) } catch {}
    }
    return built
  }

  /// The index files, mapped; nil where one is missing or cannot be right.
  private func mapped(
    file: any File, end: Int64, nextOffset: Offset
  ) throws(LogError) -> Segment.CountedIndex? {
    guard let offsets = try map(.index, entryBytes: OffsetIndexEntry.byteCount),
      let times = try map(.timeindex, entryBytes: TimeIndexEntry.byteCount)
    else { return nil }
    let base = segment.baseOffset
    let index = SegmentIndex(offsets: offsets, times: times)
    var progress = SegmentProgress(baseOffset: base)
    progress.position = end
    progress.nextOffset = nextOffset
    progress.offsetEntries = index.offsetCapacity
    progress.timeEntries = index.timeCapacity
    if progress.offsetEntries > 0 {
      let last = index.offsetEntry(progress.offsetEntries - 1, base: base)
      let isRight = try last.isRight(
        in: file, base: base, end: end, nextOffset: nextOffset, limits: configuration.limits)
      guard isRight else { return nil }
      // Every entry of the one had its chance of an entry in the other.
      if progress.timeEntries == 0 { return nil }
    } else if end > 4 * Int64(configuration.indexIntervalBytes) {
      return nil
    }
    if progress.timeEntries > 0 {
      let last = index.timeEntry(progress.timeEntries - 1, base: base)
      guard last.offset >= base, last.offset < nextOffset else { return nil }
      if progress.timeEntries > 1 {
        guard index.timeEntry(progress.timeEntries - 2, base: base).timestamp < last.timestamp else {
          return nil
        }
      }
      progress.largestTimestamp = last.timestamp
      progress.offsetOfLargestTimestamp = last.offset
      progress.lastIndexedTimestamp = last.timestamp
    }
    return Segment.CountedIndex(index: index, progress: progress)
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

  /// Builds both indexes in memory.
  private func build(file: any File, end: Int64) throws(LogError) -> Segment.CountedIndex {
    let scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let bytes = scan.indexBytes(for: end)
    let index = SegmentIndex(
      offsets: HeapMapping(count: bytes.offsets), times: HeapMapping(count: bytes.times))
    var progress = SegmentProgress(baseOffset: segment.baseOffset)
    // Damage ends the index there; a reader that goes on behind meets it.
    _ = try scan.run(file, end: end, progress: &progress, index: index)
    if let entry = progress.takeTimeEntry() {
      index.store(entry, at: progress.timeEntries - 1, base: segment.baseOffset)
    }
    progress.position = end
    return Segment.CountedIndex(index: index, progress: progress)
  }

  /// Writes an index that was built in memory into its files.
  private func store(_ built: Segment.CountedIndex) throws(LogError) {
    let offsetBytes = built.progress.offsetEntries * OffsetIndexEntry.byteCount
    let timeBytes = built.progress.timeEntries * TimeIndexEntry.byteCount
    try replace(.index, built.index.offsets, count: offsetBytes)
    try replace(.timeindex, built.index.times, count: timeBytes)
    try io { () throws(IOError) in
      try fileSystem.synchronizeDirectory(segment.directory, .rebuiltIndexDirectory)
    }
  }

  private func replace(
    _ kind: SegmentFiles.Kind, _ mapping: any Mapping, count: Int
  ) throws(LogError) {
    let path = segment.path(kind)
    let temporary = path + SegmentFiles.temporarySuffix
    try io { () throws(IOError) in
      let file = try fileSystem.open(temporary, .create)
      defer { file.close() }
      try file.resize(to: 0, .emptyTemporary)
      try file.write(mapping.bytes.extracting(0..<count), at: 0)
      try file.synchronize(.rebuiltIndex)
      try fileSystem.rename(temporary, to: path, .rebuiltIndexRename)
    }
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
