import Foundation
import Strata
import StrataIO
import Testing

/// A log in memory, simple enough to be right, and random operations against it and a real one.
@Suite struct ModelTests {
  struct Model {
    /// By offset; nil where a compaction has removed one.
    var records: [Record?] = []
    var start = 0
    var durable = 0
    var highWatermark: Int?

    mutating func truncate(to end: Int) {
      guard end < records.count else { return }
      records.removeSubrange(end...)
      durable = end
      start = min(start, end)
      highWatermark = highWatermark.map { min($0, end) }
    }

    /// Below `end` every key keeps its newest record.
    mutating func compact(before end: Int) {
      var seen: Set<[UInt8]> = []
      for offset in (start..<max(start, end)).reversed() {
        guard let record = records[offset] else { continue }
        guard let key = record.key, seen.insert(key).inserted else {
          records[offset] = nil
          continue
        }
      }
    }

    func end(_ isolation: FetchIsolation) -> Int {
      switch isolation {
      case .logEnd: records.count
      case .highWatermark: min(highWatermark ?? durable, durable)
      default: durable
      }
    }
  }

  /// One run: what it did, for the message of a failure.
  struct Run {
    var random: Random
    var model = Model()
    var steps: [String] = []
    let scratch = Scratch()
    var configuration: LogConfiguration
    var environment = LogEnvironment.system
    var log: Log
    var clock: Int64 = 1_700_000_000_000

    init(seed: UInt64) throws {
      random = Random(seed: seed)
      configuration = .small
      configuration.segmentBytes = 500 + random.below(4000)
      configuration.indexIntervalBytes = 1 + random.below(600)
      configuration.preparation = [.none, .allocated, .written][random.below(3)]
      if configuration.preparation != .none, Bool.random(using: &random) { configuration.writing = .mapped }
      // What the log's own thread does happens between two appends, and not at any time.
      environment.makeIOThread = { InlineThread() }
      let codecs: [Compression] = [.none, .gzip(), .snappy, .lz4(), .zstd()]
      let built = codecs.filter { Compression.isBuilt($0.codec) }
      configuration.compression = built[random.below(built.count)]
      configuration.cleanupPolicy = .compactAndDelete
      configuration.retentionMilliseconds = nil
      configuration.retentionBytes = Int64(configuration.segmentBytes * 4)
      log = try Log.open(scratch("log"), configuration: configuration, environment: environment)
    }

    mutating func record() -> Record {
      clock += Int64(random.below(2000)) - 500
      let key: [UInt8]? = random.below(3) == 0 ? nil : [UInt8](repeating: 7, count: random.below(20))
      let value: [UInt8]? =
        random.below(8) == 0 ? nil : random.bytes(random.below(random.below(10) == 0 ? 900 : 60))
      return Record(key: key, value: value, timestamp: Timestamp(milliseconds: clock))
    }

    mutating func step() throws {
      switch random.below(23) {
      case 0...2:
        try append([record()], "append")
      case 3...4:
        let count = 1 + random.below(12)
        try append((0..<count).map { _ in record() }, "append \(count)")
      case 5:
        try appendBatches()
      case 6:
        steps.append("flush")
        try log.flush()
        model.durable = model.records.count
      case 7:
        try reopen(clean: Bool.random(using: &random))
      case 8:
        model.highWatermark = random.below(3) == 0 ? nil : random.below(model.records.count + 5)
        steps.append("high watermark \(String(describing: model.highWatermark))")
        log.setHighWatermark(model.highWatermark.map { Offset(Int64($0)) })
      case 9:
        try lookUp()
      case 10:
        try truncate(to: max(model.start, model.records.count - random.below(60)))
      case 11:
        try deleteRecords(before: model.start + random.below(80) - 10)
      case 12:
        try compact()
      case 13:
        try retain()
      case 14:
        try snapshot()
      case 15:
        try waitForOne()
      case 16:
        let bytes = random.below(2) == 0 ? nil : random.below(3000)
        steps.append("prepare \(String(describing: bytes))")
        try log.prepare(bytes: bytes)
      default:
        try fetch()
      }
      log.checkInvariants()
      try #require(log.logEndOffset.rawValue == Int64(model.records.count), "\(steps)")
      try #require(log.recoveryPoint.rawValue >= Int64(model.durable), "\(steps)")
      try #require(log.logStartOffset.rawValue == Int64(model.start), "\(steps)")
      model.durable = Int(log.recoveryPoint.rawValue)
    }

    /// A batch goes as a whole, and which there are a compaction has changed: the end that is returned has to be that
    /// of the last batch that ends before.
    mutating func truncate(to offset: Int) throws {
      steps.append("truncate \(offset)")
      var ends: [Range<Int64>] = []
      var cursor = log.fetch(from: log.logStartOffset, isolation: .logEnd)
      while let batch = try cursor.next() {
        ends.append(batch.baseOffset.rawValue..<batch.nextOffset.rawValue)
      }
      let end = try log.truncate(to: Offset(Int64(offset))).rawValue
      try #require(end <= Int64(offset), "\(steps)")
      for batch in ends {
        try #require(
          batch.upperBound <= end || batch.upperBound > Int64(offset), "\(batch), \(end): \(steps)")
        try #require(batch.lowerBound >= end || batch.upperBound <= end, "\(batch), \(end): \(steps)")
      }
      if offset >= model.records.count { try #require(end == Int64(model.records.count)) }
      model.truncate(to: Int(end))
    }

    mutating func deleteRecords(before offset: Int) throws {
      steps.append("delete before \(offset)")
      let offset = max(0, offset)
      let end = min(model.highWatermark ?? .max, model.records.count)
      if offset > end {
        let log = log
        try #require(
          code { try log.deleteRecords(before: Offset(Int64(offset))) } == .offsetOutOfRange, "\(steps)")
        return
      }
      let start = try log.deleteRecords(before: Offset(Int64(offset)))
      model.start = max(model.start, offset)
      try #require(start.rawValue == Int64(model.start), "\(steps)")
    }

    mutating func compact() throws {
      var options = CompactionOptions()
      options.keyMapBytes = Bool.random(using: &random) ? 1 : 1 << 20
      options.endsActiveSegment = random.below(3) == 0
      steps.append("compact \(options.keyMapBytes) \(options.endsActiveSegment)")
      let before = log.compactedOffset
      let report = try log.compact(options)
      try #require(report.isComplete && log.compactedOffset >= before, "\(report): \(steps)")
      model.compact(before: Int(log.compactedOffset.rawValue))
    }

    /// By size alone: whole segments go, as long as enough is left without them.
    mutating func retain() throws {
      steps.append("retain")
      let segments = log.segments
      let end = Int64(min(model.highWatermark ?? .max, model.records.count))
      var (total, start) = (Int64(0), Int64(model.start))
      for (place, segment) in segments.enumerated() {
        let next =
          place + 1 < segments.count ? segments[place + 1].baseOffset.rawValue : Int64(model.records.count)
        if next > start || place == segments.count - 1 { total += segment.bytes }
      }
      for (place, segment) in segments.enumerated() {
        let next =
          place + 1 < segments.count ? segments[place + 1].baseOffset.rawValue : Int64(model.records.count)
        if next <= start, place < segments.count - 1 { continue }
        guard segment.bytes > 0 || place < segments.count - 1, next <= end,
          total - segment.bytes >= configuration.retentionBytes!
        else { break }
        total -= segment.bytes
        start = next
      }
      let report = try log.applyRetention()
      try #require(
        report.logStartOffset.rawValue == start && report.expiredSegments == 0, "\(report): \(steps)")
      model.start = Int(start)
    }

    /// What is durable, in a log of its own.
    mutating func snapshot() throws {
      steps.append("snapshot")
      let name = "copy \(steps.count)"
      try log.snapshot(to: scratch(name))
      let copy = try Log.open(scratch(name), configuration: configuration)
      try #require(copy.recoveryReport.wasClean && copy.logEndOffset == log.recoveryPoint, "\(steps)")
      let expected = try log.all(isolation: .durable)
      try #require(copy.all() == expected, "\(steps)")
      let report = try log.verify()
      try #require(report.damages.isEmpty && report.isComplete, "\(report): \(steps)")
    }

    /// One record by its offset, and its way to the disk.
    mutating func waitForOne() throws {
      guard model.start < model.records.count else { return }
      let offset = model.start + random.below(model.records.count - model.start)
      steps.append("wait for \(offset)")
      let found = try log.record(at: Offset(Int64(offset)), isolation: .logEnd)
      try #require(found == model.records[offset], "\(steps)")
      try log.waitUntilDurable(through: Offset(Int64(offset)))
      try #require(log.recoveryPoint.rawValue > Int64(offset), "\(steps)")
      let size = try log.withRecord(at: Offset(Int64(offset))) { $0.value?.count ?? -1 }
      try #require(size == model.records[offset].map { $0.value?.count ?? -1 }, "\(steps)")
    }

    /// A follower sees all that is durable.
    func follow() async throws {
      let expected = try log.all(isolation: .durable)
      guard let last = expected.last?.offset else { return }
      var seen: [Found] = []
      for try await batch in log.tail(from: .earliest) {
        var records = try batch.records()
        while let record = try records.next() {
          seen.append(Found(record.offset.rawValue, Record(copying: record)))
        }
        if seen.last?.offset == last { break }
      }
      try #require(seen == expected, "\(steps)")
    }

    mutating func append(_ records: [Record], _ name: String) throws {
      let durability: Durability = Bool.random(using: &random) ? .synced : .buffered
      steps.append("\(name) \(durability)")
      let place = try log.append(records, durability: durability)
      try #require(place.baseOffset.rawValue == Int64(model.records.count))
      model.records += records
      try #require(place.lastOffset.rawValue == Int64(model.records.count - 1))
      if durability == .synced { model.durable = model.records.count }
    }

    mutating func appendBatches() throws {
      var builder = RecordBatchBuilder(compression: configuration.compression)
      var batches: [RecordBatch] = []
      let before = model.records.count
      for _ in 0..<(1 + random.below(8)) {
        for _ in 0..<(1 + random.below(5)) {
          let record = record()
          try builder.append(record)
          model.records.append(record)
        }
        batches.append(try builder.finish())
      }
      steps.append("append \(batches.count) batches")
      let places = try log.append(batches, durability: .buffered)
      try #require(places.first?.baseOffset.rawValue == Int64(before))
      try #require(places.last?.lastOffset.rawValue == Int64(model.records.count - 1))
    }

    mutating func reopen(clean: Bool) throws {
      steps.append("reopen \(clean ? "clean" : "unclean")")
      if clean { try log.close() }
      // Without a close this is a process that was killed: what the kernel has is still there.
      log = try Log.open(scratch("other"), configuration: configuration, environment: environment)
      log = try Log.open(scratch("log"), configuration: configuration, environment: environment)
      if clean { try #require(log.recoveryReport.wasClean) }
      try #require(log.recoveryReport.cutBytes == 0)
      model.highWatermark = nil
      model.durable = model.records.count
    }

    mutating func fetch() throws {
      let isolation: FetchIsolation = [.logEnd, .durable, .highWatermark][random.below(3)]
      let from = random.below(model.records.count + 2)
      steps.append("fetch \(from) \(isolation)")
      if from > model.records.count || from < model.start {
        let log = log
        try #require(
          code { _ = try log.all(from: Offset(Int64(from)), isolation: isolation) } == .offsetOutOfRange)
        return
      }
      let found = try log.all(from: Offset(Int64(from)), isolation: isolation)
      // A batch is seen whole or not at all; the durable end lies between batches, a high watermark need not.
      let end = model.end(isolation)
      var expected = (from..<max(from, end)).compactMap { offset in
        model.records[offset].map { Found(Int64(offset), $0) }
      }
      if isolation == .highWatermark, found.count < expected.count {
        expected = Array(expected.prefix(found.count))
      }
      try #require(found == expected, "from \(from) \(isolation): \(steps)")
    }

    mutating func lookUp() throws {
      let timestamp = Timestamp(milliseconds: clock - Int64(random.below(60_000)) + 500)
      steps.append("look up \(timestamp)")
      let found = try log.offset(for: timestamp, isolation: .logEnd)
      let expected = model.records[model.start...].firstIndex {
        $0.map { $0.timestamp! >= timestamp } ?? false
      }
      try #require(found?.rawValue == expected.map { Int64($0) }, "\(timestamp): \(steps)")
    }
  }

  /// Runs its jobs where they are handed in.
  final class InlineThread: IOThread {
    func enqueue(_ job: @escaping @Sendable () -> Void) { job() }
  }

  @Test(arguments: 0..<12) func randomOperationsDoWhatTheModelDoes(number: Int) async throws {
    let seed = seed() &+ UInt64(number)
    var run = try Run(seed: seed)
    do {
      for _ in 0..<150 { try run.step() }
      try await run.follow()
    } catch {
      Issue.record("STRATA_SEED=\(seed &- UInt64(number)), run \(number), after \(run.steps): \(error)")
    }
  }
}
