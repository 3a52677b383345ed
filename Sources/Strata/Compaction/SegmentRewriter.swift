internal import StrataIO
internal import StrataRecords
internal import Synchronization

/// Writes the batches of a few segments that follow one another into new ones, as a filter decides.
///
/// Each batch is checked before, against its CRC and its segment's seal, so that rot never gets a fresh checksum. As
/// long as a single segment comes out as it went in nothing is written: where all of it does, it stays where it is.
/// The last batch stays in any case, be it empty: so the new segments reach as far as the old ones, and who ends an
/// interrupted swap knows which were replaced.
///
/// Output goes to `.cleaned` files, which mean nothing until `SegmentSwap` makes them count.
struct SegmentRewriter: ~Copyable {
  /// One new segment.
  struct Output {
    var progress: SegmentProgress
    var index: SegmentIndex
    var file: (any File)?
  }

  struct Result {
    /// Empty where the one segment stays as it is.
    var outputs: [SegmentProgress] = []
    var removedRecords: Int64 = 0
    var unreadBatches: Int64 = 0
  }

  private let sources: [SegmentView]
  private let filter: CompactionFilter
  private let swap: SegmentSwap
  private let scan: SegmentScan
  /// No new segment gets larger than this, in bytes.
  private let byteLimit: Int64
  private let rewriter: BatchRewriter
  private var finished: [Output] = []
  private var output: Output
  private var staging = ByteBuffer(capacity: 4096)
  /// Bytes of the one segment that have come out as they went in; nil once something has changed.
  private var unchanged: Int64?
  /// A batch that goes, unless it turns out to be the last of all.
  private var pending: (batch: RecordBatch, source: SegmentView, position: Int64)?
  private var kept: [Bool] = []
  private var result = Result()

  init(
    _ sources: [SegmentView], _ filter: CompactionFilter, _ swap: SegmentSwap,
    _ configuration: LogConfiguration
  ) {
    self.sources = sources
    self.filter = filter
    self.swap = swap
    scan = SegmentScan(interval: configuration.indexIntervalBytes, limits: configuration.limits)
    let bytes = sources.reduce(0) { $0 + $1.progress.position }
    byteLimit = min(max(bytes, Int64(configuration.segmentBytes)), Int64(Int32.max))
    rewriter = BatchRewriter(limits: configuration.limits)
    unchanged = sources.count == 1 ? 0 : nil
    output = Output(
      progress: SegmentProgress(baseOffset: sources[0].baseOffset),
      index: .inMemory(scan.indexBytes(for: bytes)))
  }

  /// Writes all of it, durably. `pace` is told of the bytes of each batch, and may throw to stop.
  ///
  /// - Throws: `.damaged` where a batch is not what was written; `.noSpace`, `.io`. Files that were begun are left:
  ///   `abandon` removes them.
  mutating func run(_ pace: (Int) throws(LogError) -> Void) throws(LogError) -> Result {
    if unchanged == nil { try begin() }
    for source in sources { try read(source, pace) }
    try keepLast()
    guard unchanged == nil else { return result }
    try finishOutput()
    let next = sources.last!.progress.nextOffset
    for (place, output) in finished.enumerated() {
      var progress = output.progress
      // Where the next segment begins, as its seal has it.
      progress.nextOffset = place + 1 < finished.count ? finished[place + 1].progress.baseOffset : next
      result.outputs.append(progress)
      try io { () throws(IOError) in try swap.store(output.index, progress) }
    }
    return result
  }

  private mutating func read(
    _ source: SegmentView, _ pace: (Int) throws(LogError) -> Void
  ) throws(LogError) {
    var batches = CheckedBatches(source, limits: filter.limits)
    while let batch = try batches.next() {
      try pace(batch.sizeInBytes)
      // Another one follows: it goes.
      if let gone = pending { try change(from: gone.source, at: gone.position) }
      pending = nil
      let position = batches.positionOfLast
      switch filter.verdict(on: batch, kept: &kept) {
      case .keep: try pass(batch, from: source, at: position)
      case .unreadable:
        result.unreadBatches += 1
        try pass(batch, from: source, at: position)
      case .rewrite(let count, let horizon):
        let rewritten: RecordBatch
        do throws(FormatError) {
          rewritten = try rewriter.rewrite(batch, keeping: kept, horizon: horizon)
        } catch {
          // It would be too large, or its codec was not built: all of its records stay.
          result.unreadBatches += 1
          try pass(batch, from: source, at: position)
          continue
        }
        result.removedRecords += Int64(batch.recordCount - count)
        try change(from: source, at: position)
        try write(rewritten)
      case .empty(let staysEmpty):
        result.removedRecords += Int64(batch.recordCount)
        if staysEmpty {
          try change(from: source, at: position)
          try writeEmpty(batch.header)
        } else {
          pending = (batch, source, position)
        }
      }
    }
  }

  /// The last batch of all stays, empty.
  private mutating func keepLast() throws(LogError) {
    guard let last = pending else { return }
    pending = nil
    if last.batch.recordCount == 0 { return try pass(last.batch, from: last.source, at: last.position) }
    try change(from: last.source, at: last.position)
    try writeEmpty(last.batch.header)
  }

  /// A batch that stays as it is.
  private mutating func pass(
    _ batch: RecordBatch, from source: SegmentView, at position: Int64
  ) throws(LogError) {
    guard unchanged != nil else { return try write(batch) }
    unchanged = position + Int64(batch.sizeInBytes)
    enter(batch.header)
  }

  /// From here on something is different: what came before is copied.
  private mutating func change(from source: SegmentView, at position: Int64) throws(LogError) {
    guard let before = unchanged else { return }
    unchanged = nil
    try begin()
    let (file, target) = (try source.segment.file(), output.file!)
    try io { () throws(IOError) in try file.copy(0..<before, to: target, at: 0) }
  }

  private mutating func begin() throws(LogError) {
    let (swap, base) = (swap, output.progress.baseOffset)
    output.file = try io { () throws(IOError) in try swap.create(base, .log) }
  }

  private mutating func writeEmpty(_ header: RecordBatchHeader) throws(LogError) {
    let empty: RecordBatch
    do throws(FormatError) { empty = try rewriter.empty(header) } catch {
      throw LogError(error, path: output.file?.path ?? "")
    }
    try write(empty)
  }

  private mutating func write(_ batch: RecordBatch) throws(LogError) {
    let size = Int64(batch.sizeInBytes)
    let span = batch.nextOffset.rawValue - output.progress.baseOffset.rawValue - 1
    if output.progress.position > 0,
      output.progress.position + size > byteLimit || span > Int64(Int32.max)
    {
      try finishOutput()
      output = Output(
        progress: SegmentProgress(baseOffset: batch.baseOffset),
        index: .inMemory(scan.indexBytes(for: byteLimit)))
      try begin()
    }
    if staging.count + batch.sizeInBytes > Appender.stagingBytes { try flush() }
    if batch.sizeInBytes > Appender.stagingBytes {
      let (file, position) = (output.file!, output.progress.position)
      try io { () throws(IOError) in try file.write(batch.bytes, at: position) }
    } else {
      staging.append(batch.bytes)
    }
    enter(batch.header)
  }

  private mutating func enter(_ header: RecordBatchHeader) {
    SegmentScan.enter(header, &output.progress, output.index, interval: scan.interval)
  }

  private mutating func flush() throws(LogError) {
    guard staging.count > 0 else { return }
    let (file, bytes) = (output.file!, staging)
    let position = output.progress.position - Int64(staging.count)
    try io { () throws(IOError) in try file.write(bytes.bytes, at: position) }
    staging.count = 0
  }

  /// Ends the new segment that is being written: its batches are on the disk.
  private mutating func finishOutput() throws(LogError) {
    try flush()
    if let entry = output.progress.takeTimeEntry() {
      output.index.store(entry, at: output.progress.timeEntries - 1, base: output.progress.baseOffset)
    }
    let file = output.file!
    try io { () throws(IOError) in try file.synchronize(.cleaned) }
    file.close()
    finished.append(output)
  }
}

/// The batches of a sealed segment one after the other, each checked against its CRC and its segment's seal.
struct CheckedBatches: ~Copyable {
  private let view: SegmentView
  private let limits: ParsingLimits
  private var file: (any File)?
  private var reader: BatchFileReader
  private var heads = HeadCheck()
  private var hasBegun = false
  /// Where the batch lies that came last.
  private(set) var positionOfLast: Int64 = 0

  init(_ view: SegmentView, limits: ParsingLimits) {
    self.view = view
    self.limits = limits
    reader = BatchFileReader(
      position: 0, expectedOffset: view.baseOffset, limits: limits, maximumRead: 256 << 10,
      firstRead: 256 << 10)
  }

  /// Goes on with the first batch that has `offset` or lies behind it. Before the first `next()`.
  mutating func seek(to offset: Offset) throws(LogError) {
    try begin()
    try Log.seek(&reader, to: offset, in: view, file!)
    heads.move()
  }

  private mutating func begin() throws(LogError) {
    guard !hasBegun else { return }
    hasBegun = true
    file = try view.segment.file()
    heads = HeadCheck(try view.segment.seal(for: view), again: true)
  }

  /// The next batch; nil at the end.
  ///
  /// - Throws: `.damaged`, with what cannot be read; `.io`.
  mutating func next() throws(LogError) -> RecordBatch? {
    try begin()
    let file = file!
    let (end, bound) = (view.progress.position, view.progress.nextOffset)
    if reader.position >= heads.end {
      do { try heads.compare(&reader, file, limit: end, limits: limits) } catch { throw LogError(error) }
    }
    if let damage = heads.damage, damage.position == reader.position {
      throw damaged(
        at: damage.position, damage.right.baseOffset..<damage.right.nextOffset,
        FormatError(.checksumMismatch, at: 0, "the digest of the batches' heads does not fit"))
    }
    positionOfLast = reader.position
    let step: BatchFileReader.Step
    do { step = try reader.next(in: file, end: end, bound: bound) } catch { throw LogError(error) }
    switch step {
    case .batch(let batch): return batch
    case .end: return nil
    case .damage(let damage):
      // Zeros that a crash left behind a segment that was ended.
      let from = reader.expectedOffset
      let isPadding = try io { () throws(IOError) in
        guard from == bound else { return false }
        return try file.isZero(damage.position..<end)
      }
      if isPadding { return nil }
      throw damaged(at: damage.position, from..<max(bound, from.following), damage.reason)
    }
  }

  private func damaged(at position: Int64, _ offsets: Range<Offset>, _ reason: FormatError) -> LogError {
    LogError(
      .damaged, path: view.segment.path(.log), position: position, offsets: offsets,
      detail: "the log cannot be compacted over damage; nothing was changed here. Open it with "
        + "RecoveryPolicy.salvage, or delete the records before", cause: reason)
  }
}
