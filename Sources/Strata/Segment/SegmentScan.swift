internal import StrataIO
internal import StrataRecords

/// Moving through the batches of a segment, and making index entries on the way.
struct SegmentScan {
  let interval: Int
  let limits: ParsingLimits

  /// Goes on from `progress` up to `end`, and stores the entries that are due in `index`. Returns what stopped
  /// it before; nil where every byte was part of a whole batch.
  ///
  /// `visit` sees each batch with its position. The batch that lies where `correction` does is not read: it
  /// counts with the head that it was written with.
  func run(
    _ file: any File, end: Int64, bound: Offset = .max, progress: inout SegmentProgress, index: SegmentIndex,
    correction: HeadCheck.Damage? = nil, visit: (RecordBatch, Int64) -> Void = { _, _ in }
  ) throws(LogError) -> BatchDamage? {
    var reader = BatchFileReader(
      position: progress.position, expectedOffset: progress.nextOffset, limits: limits,
      maximumRead: 256 << 10, firstRead: 256 << 10)
    let bound = min(bound, progress.baseOffset.furthest)
    while true {
      let position = reader.position
      if let correction, correction.position == position, position < end {
        Self.enter(correction.right, &progress, index, interval: interval)
        reader.move(to: progress.position, expectedOffset: progress.nextOffset)
        continue
      }
      let step: BatchFileReader.Step
      do { step = try reader.next(in: file, end: end, bound: bound) } catch { throw LogError(error) }
      switch step {
      case .end: return nil
      case .damage(let damage): return damage
      case .batch(let batch):
        visit(batch, position)
        Self.enter(batch.header, &progress, index, interval: interval)
      }
    }
  }

  /// Takes one batch in, and stores the entries that it makes.
  @inline(__always)
  static func enter(
    _ header: RecordBatchHeader, _ progress: inout SegmentProgress, _ index: SegmentIndex, interval: Int
  ) {
    let base = progress.baseOffset
    let entries = progress.take(header, interval: interval)
    if let entry = entries.offset { index.store(entry, at: progress.offsetEntries - 1, base: base) }
    if let entry = entries.time { index.store(entry, at: progress.timeEntries - 1, base: base) }
    if let point = entries.point { index.seal?.store(point, at: progress.offsetEntries - 1) }
  }

  /// How many bytes an index needs at most for a segment of `end` bytes: for offsets, for times.
  func indexBytes(for end: Int64) -> (offsets: Int, times: Int) {
    // No batch is smaller than its header, and no entry points behind 31 bits.
    let entries = Int(min(end, Int64(Int32.max))) / max(interval, RecordBatchHeader.byteCount) + 2
    return (entries * OffsetIndexEntry.byteCount, entries * TimeIndexEntry.byteCount)
  }
}
