import Foundation
import Strata
import Testing

/// A log in memory, simple enough to be right, and random operations against it and a real one.
@Suite struct ModelTests {
  struct Model {
    var records: [Record] = []
    var durable = 0
    var highWatermark: Int?
    /// The first offset of each batch.
    var batches: [Int] = []

    mutating func truncate(to offset: Int) -> Int {
      guard offset < records.count else { return records.count }
      let end = batches.last { $0 <= offset }!
      records.removeSubrange(end...)
      batches.removeAll { $0 >= end }
      durable = end
      highWatermark = highWatermark.map { min($0, end) }
      return end
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
    var log: Log
    var clock: Int64 = 1_700_000_000_000

    init(seed: UInt64) throws {
      random = Random(seed: seed)
      configuration = .small
      configuration.segmentBytes = 500 + random.below(4000)
      configuration.indexIntervalBytes = 1 + random.below(600)
      configuration.preparation = Bool.random(using: &random) ? .allocated : .none
      let codecs: [Compression] = [.none, .gzip(), .snappy, .lz4(), .zstd()]
      let built = codecs.filter { Compression.isBuilt($0.codec) }
      configuration.compression = built[random.below(built.count)]
      log = try Log.open(scratch("log"), configuration: configuration)
    }

    mutating func record() -> Record {
      clock += Int64(random.below(2000)) - 500
      let key: [UInt8]? = random.below(3) == 0 ? nil : random.bytes(random.below(12))
      let value: [UInt8]? =
        random.below(8) == 0 ? nil : random.bytes(random.below(random.below(10) == 0 ? 900 : 60))
      return Record(key: key, value: value, timestamp: Timestamp(milliseconds: clock))
    }

    mutating func step() throws {
      switch random.below(15) {
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
        let offset = max(0, model.records.count - random.below(60))
        steps.append("truncate \(offset)")
        let end = try log.truncate(to: Offset(Int64(offset)))
        try #require(end.rawValue == Int64(model.truncate(to: offset)), "\(steps)")
      default:
        try fetch()
      }
      log.checkInvariants()
      try #require(log.logEndOffset.rawValue == Int64(model.records.count), "\(steps)")
      try #require(log.recoveryPoint.rawValue >= Int64(model.durable), "\(steps)")
      model.durable = Int(log.recoveryPoint.rawValue)
    }

    mutating func append(_ records: [Record], _ name: String) throws {
      let durability: Durability = Bool.random(using: &random) ? .synced : .buffered
      steps.append("\(name) \(durability)")
      let place = try log.append(records, durability: durability)
      model.batches.append(model.records.count)
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
        model.batches.append(model.records.count)
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
      log = try Log.open(scratch("other"), configuration: configuration)
      log = try Log.open(scratch("log"), configuration: configuration)
      if clean { try #require(log.recoveryReport.wasClean) }
      try #require(log.recoveryReport.cutBytes == 0)
      model.highWatermark = nil
      model.durable = model.records.count
    }

    mutating func fetch() throws {
      let isolation: FetchIsolation = [.logEnd, .durable, .highWatermark][random.below(3)]
      let from = random.below(model.records.count + 2)
      steps.append("fetch \(from) \(isolation)")
      if from > model.records.count {
        let log = log
        try #require(
          code { _ = try log.all(from: Offset(Int64(from)), isolation: isolation) } == .offsetOutOfRange)
        return
      }
      let found = try log.all(from: Offset(Int64(from)), isolation: isolation)
      // A batch is seen whole or not at all; the durable end lies between batches, a high watermark need not.
      let end = model.end(isolation)
      var expected = model.records.indices.dropFirst(from).map { Found(Int64($0), model.records[$0]) }
      expected = Array(expected.prefix(max(0, end - from)))
      if isolation == .highWatermark, found.count < expected.count {
        expected = Array(expected.prefix(found.count))
      }
      try #require(found == expected, "from \(from) \(isolation): \(steps)")
    }

    mutating func lookUp() throws {
      let timestamp = Timestamp(milliseconds: clock - Int64(random.below(60_000)) + 500)
      steps.append("look up \(timestamp)")
      let found = try log.offset(for: timestamp, isolation: .logEnd)
      let expected = model.records.firstIndex { $0.timestamp! >= timestamp }
      try #require(found?.rawValue == expected.map { Int64($0) }, "\(timestamp): \(steps)")
    }
  }

  @Test(arguments: 0..<12) func randomOperationsDoWhatTheModelDoes(number: Int) throws {
    let seed = seed() &+ UInt64(number)
    var run = try Run(seed: seed)
    for _ in 0..<150 {
      do { try run.step() } catch {
        Issue.record("STRATA_SEED=\(seed &- UInt64(number)), run \(number), after \(run.steps): \(error)")
        return
      }
    }
  }
}
