internal import Strata
internal import StrataIO
internal import StrataRecords

/// All that `info` tells of a log: what opening it says, and what reading every batch counts.
struct LogSurvey {
  struct Counts {
    var batches: Int64 = 0
    var records: Int64 = 0
    var bytes: Int64 = 0

    mutating func add(_ batch: RecordBatch) {
      batches += 1
      records += Int64(max(0, batch.header.recordCount))
      bytes += Int64(batch.sizeInBytes)
    }
  }

  struct Segment {
    var path: String
    var baseOffset: Offset
    var isSealed: Bool
    /// The file's size, and that of its two indexes.
    var size: Int64
    var indexBytes: Int64
    var counts = Counts()
    var firstOffset: Offset?
    var lastOffset: Offset?
    var maxTimestamp: Timestamp?

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
  }

  struct CodecUse {
    var name: String
    var counts = Counts()
    /// The bytes of the records in the log, and decompressed; nil where this build leaves the codec out.
    var storedBytes: Int64 = 0
    var decompressedBytes: Int64? = 0

    var ratio: Double? {
      guard let decompressedBytes, storedBytes > 0 else { return nil }
      return Double(decompressedBytes) / Double(storedBytes)
    }
  }

  let path: String
  let logStart: Offset
  let recoveryPoint: Offset
  /// Behind it something is undecided.
  let lastStableOffset: Offset
  let openTransactions: Int
  let logEnd: Offset
  /// Who has the log open for writing; nil where nobody has.
  let writer: String?
  private(set) var wasClosedCleanly = false
  private(set) var leaderEpoch: LeaderEpoch?
  private(set) var total = Counts()
  private(set) var segments: [Segment] = []
  private(set) var codecs: [CodecUse] = []
  private(set) var largestBatch: Int64 = 0
  /// Bytes behind the last batch of the active segment that nobody has promised.
  private(set) var unfinishedBytes: Int64 = 0
  private(set) var findings = DumpFindings()

  init(_ log: Log) throws(CommandFailure) {
    path = log.path
    logStart = log.logStartOffset
    recoveryPoint = log.recoveryPoint
    lastStableOffset = log.lastStableOffset
    openTransactions = log.openTransactions.count
    logEnd = log.logEndOffset
    writer = WriterLock.holder(of: SegmentFiles.path(log.path, SegmentFiles.lockFileName))
    let point = try Self.durablePoint(log.path)
    let infos = log.segments
    let fileSystem = LogEnvironment.system.fileSystem
    var bar = ProgressBar("reading \(path)", total: infos.reduce(0) { $0 + $1.bytes })
    defer { bar.end() }
    for (place, info) in infos.enumerated() {
      let next = place + 1 < infos.count ? infos[place + 1].baseOffset : nil
      let walk = try SegmentWalk.open(info.path, nextBase: next)
      var segment = Segment(
        path: info.path, baseOffset: info.baseOffset, isSealed: info.isSealed, size: walk.size, indexBytes: 0)
      for kind in ["index", "timeindex"] {
        let index = info.path.dropLast("log".count) + kind
        if let metadata = try? fileSystem.metadata(String(index)) { segment.indexBytes += metadata.size }
      }
      try count(walk, &segment, point, &bar)
      segments.append(segment)
    }
    codecs.sort { $0.counts.bytes > $1.counts.bytes }
    wasClosedCleanly = writer == nil && isClean(point)
  }

  /// Whether the next opening has nothing to read, as far as sizes tell.
  private func isClean(_ point: DurablePoint?) -> Bool {
    guard let point, let last = segments.last, findings.damages == 0 else { return false }
    return point.durable == point.checkpoint && point.durable.baseOffset == last.baseOffset
      && point.durable.position == last.size && point.durable.nextOffset == logEnd
  }

  /// Whether it was closed, in words.
  var stateText: String {
    if let writer { return "open for writing by \(writer)" }
    if wasClosedCleanly { return "yes" }
    return "no; opening it for writing reads what may be torn"
  }

  private static func durablePoint(_ directory: String) throws(CommandFailure) -> DurablePoint? {
    let path = SegmentFiles.path(directory, DurablePoint.fileName)
    guard let found = try? LogEnvironment.system.fileSystem.metadata(path), found.kind == .file else {
      return nil
    }
    let bytes = try FileBytes.readAll(path, atMost: 1 << 20)
    return DurablePoint.slots(of: bytes.bytes).compactMap(\.self).max { $0.sequence < $1.sequence }
  }

  private mutating func count(
    _ walk: consuming SegmentWalk, _ segment: inout Segment, _ point: DurablePoint?, _ bar: inout ProgressBar
  ) throws(CommandFailure) {
    while let step = try walk.next() {
      switch step {
      case .batch(let batch, let position):
        add(batch, &segment)
        do { try addContent(batch) } catch {
          guard error.code != .codecNotBuilt else { continue }
          findings.add(SegmentDump.damage(batch, position, error, walk.path))
        }
      case .damage(let damage):
        let promised = point?.durable.baseOffset == segment.baseOffset ? point!.durable.position : 0
        if !segment.isSealed, damage.position >= promised, damage.position + damage.length == walk.size {
          unfinishedBytes = damage.length
        } else {
          findings.add(damage)
        }
      }
      bar.advance(to: total.bytes)
    }
  }

  private mutating func add(_ batch: RecordBatch, _ segment: inout Segment) {
    total.add(batch)
    segment.counts.add(batch)
    if segment.firstOffset == nil { segment.firstOffset = batch.baseOffset }
    segment.lastOffset = batch.lastOffset
    segment.maxTimestamp = max(segment.maxTimestamp ?? batch.maxTimestamp, batch.maxTimestamp)
    largestBatch = max(largestBatch, Int64(batch.sizeInBytes))
    leaderEpoch = batch.header.partitionLeaderEpoch
  }

  private mutating func addContent(_ batch: RecordBatch) throws(FormatError) {
    let name = batch.codec?.name ?? "unknown"
    let place: Int
    if let found = codecs.firstIndex(where: { $0.name == name }) {
      place = found
    } else {
      codecs.append(CodecUse(name: name))
      place = codecs.count - 1
    }
    codecs[place].counts.add(batch)
    codecs[place].storedBytes += Int64(batch.sizeInBytes - RecordBatchHeader.byteCount)
    do {
      let records = try batch.records()
      if let known = codecs[place].decompressedBytes {
        codecs[place].decompressedBytes = known + Int64(records.remainingBytes)
      }
    } catch {
      if error.code == .codecNotBuilt { codecs[place].decompressedBytes = nil }
      throw error
    }
  }
}
