internal import StrataIO
internal import StrataRecords

/// The writing end of a log: the one place that writes to the active segment. Held, by its lock, through an
/// append's system call, so that batches lie in the order of their offsets.
///
/// An append leaves either all of its batches behind or nothing: what a failed write may have put down is cut
/// off again before the lock is given back.
struct Appender: ~Copyable {
  let configuration: LogConfiguration
  var segment: Segment
  var file: any File
  var index: SegmentIndex
  /// How far the active segment is written; what readers know of it is a copy in `LogState`.
  var progress: SegmentProgress
  var indexAllocation: SegmentIndex.Allocation
  /// Blocks of the file are reserved up to here.
  var allocatedEnd: Int64
  /// The file's size: the end of the batches, and zeros behind them.
  var fileEnd: Int64
  /// Of these the zeros up to here are written, and not merely what blocks without a content read as.
  var writtenEnd: Int64
  /// The wall clock when the segment was begun, in milliseconds.
  var segmentCreated: Int64
  var epochs: LeaderEpochs
  /// Where records become batches.
  var builder: RecordBatchBuilder
  /// Where many small batches become one write.
  var staging: ByteBuffer
  /// Whether the file system has refused to reserve blocks.
  var cannotAllocate = false
  /// Whether batches have their offsets and epochs already.
  var keepsPlaces = false
  /// Whether its files were given back (`Log+Dormant`): what stands in their place fails every call.
  var isDormant = false
  /// For what the seal was ended that is in the segment's file; nil where it was not.
  var sealed: SegmentProgress?
  /// Whether bytes of a failed append may still lie behind the end.
  var hasLeftovers = false
  /// The active segment, mapped, for small appends; made at first use.
  var tail: (any Mapping)?
  /// Whether the system has refused that.
  var cannotMap = false
  /// The file that becomes the next segment, where one was made ready.
  var prepared: PreparedSegment?
  /// How many bytes were last made ready at once, and from which position on that is due again.
  var preparationLead: Int64 = 0
  var preparationDue: Int64 = 0

  /// Blocks are reserved in steps as large as the segment is already, between these bounds in bytes: so that
  /// a small log stays small, and a large one seldom asks.
  static let allocationSteps: ClosedRange<Int64> = 1 << 20...64 << 20
  /// Batches are gathered into one write up to this size. Larger writes run at a fraction of the speed on
  /// machines that give free memory back to their host.
  static let stagingBytes = 128 << 10

  /// Within its reserved blocks a file is written up to a multiple of this many bytes, with zeros behind the
  /// batch. The next write begins in a page that is there, and ends in a larger piece of memory: 6.1 instead of
  /// 5.2 GB/s for batches of 100 KiB. A small append stays within the file's size as a rule, so that its sync has no
  /// journal to wait for: 45 µs instead of 67.
  static let paddingUnit: Int64 = 16 << 10

  /// Writes `batches` behind one another at the end of the active segment, which has the room for them.
  mutating func write(_ batches: some Collection<RecordBatch>, byteCount: Int) throws(IOError) {
    let before = progress
    if hasLeftovers { try cutLeftovers() }
    try index.reserve(batches.count, behind: progress, &indexAllocation)
    try allocate(through: progress.position + Int64(byteCount))
    do {
      if batches.count > 1, byteCount <= Self.stagingBytes {
        try writeGathered(batches)
      } else {
        try writeEach(batches)
      }
    } catch {
      progress = before
      hasLeftovers = true
      // What cannot be cut now is cut before the next write.
      do { try cutLeftovers() } catch {}
      throw error
    }
  }

  private mutating func writeEach(_ batches: some Collection<RecordBatch>) throws(IOError) {
    for batch in batches {
      let header = placed(batch, at: progress.nextOffset)
      var head = [16 of UInt8](repeating: 0)
      var span = head.mutableSpan
      header.encodePlacement(into: &span)
      try writePadded(head.span, batch.bytes.extracting(RecordBatchHeader.placementByteCount...))
      SegmentScan.enter(header, &progress, index, interval: configuration.indexIntervalBytes)
    }
  }

  private mutating func writeGathered(_ batches: some Collection<RecordBatch>) throws(IOError) {
    var base = progress.nextOffset
    staging.count = 0
    for batch in batches {
      let header = placed(batch, at: base)
      let place = staging.count
      staging.append(batch.bytes)
      staging.withMutableBytes { header.encodePlacement(into: &$0, at: place) }
      base = header.nextOffset
    }
    let gathered = staging
    try writePadded(Span(), gathered.bytes)
    // The entries are stored only now: they speak of bytes that are there.
    for batch in batches {
      let header = placed(batch, at: progress.nextOffset)
      SegmentScan.enter(header, &progress, index, interval: configuration.indexIntervalBytes)
    }
  }

  /// Writes two pieces at the end, and zeros where the file grows.
  private mutating func writePadded(_ head: Span<UInt8>, _ body: Span<UInt8>) throws(IOError) {
    let end = progress.position + Int64(head.count + body.count)
    var padding: Int64 = 0
    if end > fileEnd {
      let unit = Self.paddingUnit
      padding = max(0, min((end + unit - 1) / unit * unit, allocatedEnd) - end)
    }
    try put(head, body, padding: Int(padding))
    fileEnd = max(fileEnd, end + padding)
    writtenEnd = max(writtenEnd, end + padding)
  }

  /// The header of `batch` with the offset and the epoch that it gets here.
  @inline(__always)
  private func placed(_ batch: RecordBatch, at base: Offset) -> RecordBatchHeader {
    var header = batch.header
    if keepsPlaces { return header }
    header.baseOffset = base
    header.partitionLeaderEpoch = epochs.current
    return header
  }

  /// Reserves blocks ahead of the writes, a step at a time. Where appends are stored through a mapping the file grows
  /// over them: behind its end nothing can be stored.
  mutating func allocate(through end: Int64) throws(IOError) {
    guard configuration.preparation != .none, end > allocatedEnd, !cannotAllocate else { return }
    let limit = max(Int64(configuration.segmentBytes), end)
    let step = min(max(end, Self.allocationSteps.lowerBound), Self.allocationSteps.upperBound)
    let target = min(limit, max(end, allocatedEnd + step))
    let isMapped = configuration.writing == .mapped
    do {
      try file.preallocate(allocatedEnd..<target, keepingSize: !isMapped)
      allocatedEnd = target
      if isMapped { fileEnd = max(fileEnd, target) }
    } catch {
      switch error.code {
      case .unsupported: cannotAllocate = true
      // A step may not fit where the batch still does; the write itself will tell.
      case .noSpace:
        allocatedEnd = end
        // The file may have grown by a part of the step.
        if isMapped { hasLeftovers = true }
      default: throw error
      }
    }
  }

  /// Cuts the file to its batches.
  mutating func trim(_ barrier: Barrier) throws(IOError) {
    guard max(allocatedEnd, fileEnd) > progress.position else { return }
    try shrink(to: progress.position, barrier)
  }

  /// Cuts off what a failed append may have left. A log with leftovers neither appends, rolls nor closes well.
  mutating func cutLeftovers() throws(IOError) {
    guard hasLeftovers else { return }
    try shrink(to: progress.position, .failedAppendCut)
    hasLeftovers = false
  }
}
