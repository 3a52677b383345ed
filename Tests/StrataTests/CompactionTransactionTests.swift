import Foundation
import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// What becomes of transactions and of producers' sequence numbers, and of partitions that Kafka has compacted.
@Suite struct CompactionTransactionTests {
  /// A segment in the making, as a broker writes it.
  struct Writer {
    var bytes: [UInt8] = []
    var next: Int64 = 0

    /// Records of these keys and values by a producer; nil is nobody in particular.
    mutating func batch(
      _ records: [(String?, String?)], producer: Int64? = nil, sequence: Int32 = 0,
      isTransactional: Bool = false,
      at time: Int64
    ) throws {
      var builder = RecordBatchBuilder()
      builder.producer = producer.map { Producer(id: $0, epoch: 0, baseSequence: sequence) }
      builder.isTransactional = isTransactional
      for (key, value) in records {
        try builder.append(Record(key: key, value: value, timestamp: Timestamp(milliseconds: time)))
      }
      add(try builder.finish())
    }

    mutating func marker(_ kind: ControlRecord.Kind, producer: Int64, at time: Int64) throws {
      add(
        try RecordBatch.endMarker(
          ControlRecord(kind, coordinatorEpoch: 0), producerID: producer, producerEpoch: 0,
          timestamp: Timestamp(milliseconds: time)))
    }

    private mutating func add(_ batch: RecordBatch) {
      var header = batch.header
      header.baseOffset = Offset(next)
      header.partitionLeaderEpoch = 0
      var copy = [UInt8](copying: batch.bytes)
      var span = copy.mutableSpan
      header.encode(into: &span)
      bytes += copy
      next += Int64(header.lastOffsetDelta) + 1
    }

    /// The log in which it is the only segment, at the time `now`.
    func log(_ disk: SimulatedDisk, now: Int64) throws -> Log {
      disk.clock.setWallClock(milliseconds: now)
      disk.install("log/00000000000000000000.log", bytes)
      return try Log.open(
        "log", configuration: CompactionTests.configuration, environment: disk.environment)
    }
  }

  static let start: Int64 = 1_700_000_000_000
  static let day: Int64 = 24 * 3600 * 1000

  static var options: CompactionOptions {
    var options = CompactionOptions()
    options.endsActiveSegment = true
    return options
  }

  /// Base offset and records of every batch.
  static func batches(_ log: Log) throws -> [[Int64]] {
    var found: [[Int64]] = []
    var cursor = log.fetch(from: log.logStartOffset, isolation: .logEnd)
    while let batch = try cursor.next() {
      found.append([batch.baseOffset.rawValue, batch.lastOffset.rawValue, Int64(batch.recordCount)])
    }
    return found
  }

  @Test func recordsOfAnAbortedTransactionTakeNothingBack() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var writer = Writer()
    try writer.batch([("a", "old"), ("b", "old")], at: Self.start)
    try writer.batch([("a", "aborted")], producer: 1, isTransactional: true, at: Self.start)
    try writer.batch([("b", "committed")], producer: 2, isTransactional: true, at: Self.start)
    try writer.marker(.abort, producer: 1, at: Self.start)
    try writer.marker(.commit, producer: 2, at: Self.start)
    try writer.batch([("c", "last")], at: Self.start)
    let log = try writer.log(disk, now: Self.start + 1000)
    #expect(try log.compact(Self.options).isComplete)
    // The aborted batch stays empty: it has its producer's last sequence number.
    #expect(
      try Self.batches(log) == [[0, 1, 1], [2, 2, 0], [3, 3, 1], [4, 4, 1], [5, 5, 1], [6, 6, 1]])
    let values = try log.values()
    #expect(values.contains("old") && !values.contains("aborted") && values.contains("committed"))
    #expect(try log.compact(Self.options).replacedSegments == 0)

    // After a day the producers are forgotten, and what they held goes, a step at a time: the batch, its marker's
    // horizon, the marker.
    disk.clock.setWallClock(milliseconds: Self.start + Self.day + 1)
    try log.compact(Self.options)
    #expect(try Self.batches(log) == [[0, 1, 1], [3, 3, 1], [4, 4, 1], [5, 5, 1], [6, 6, 1]])
    try log.compact(Self.options)
    var cursor = log.fetch(from: 4, isolation: .logEnd)
    let marker = try #require(try cursor.next()).header
    #expect(marker.baseOffset == 4 && marker.attributes.hasDeleteHorizon && marker.attributes.isControl)
    #expect((0..<1000).contains(marker.baseTimestamp.milliseconds - Self.start - 2 * Self.day))
    disk.clock.setWallClock(milliseconds: Self.start + 2 * Self.day + 2000)
    try log.compact(Self.options)
    // The other marker's transaction still has its record.
    #expect(try Self.batches(log) == [[0, 1, 1], [3, 3, 1], [5, 5, 1], [6, 6, 1]])
    #expect(try log.compact(Self.options).replacedSegments == 0)
    #expect(try log.verify().damages.isEmpty)
  }

  @Test func nothingBehindAnOpenTransactionIsCompacted() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var writer = Writer()
    try writer.batch([("a", "1")], at: Self.start)
    try writer.batch([("a", "undecided")], producer: 1, isTransactional: true, at: Self.start)
    try writer.batch([("a", "2")], at: Self.start)
    let log = try writer.log(disk, now: Self.start)
    #expect(try log.compact(Self.options).removedRecords == 0)
    #expect(log.compactedOffset == 0)
    #expect(try log.values() == ["1", "undecided", "2"])
  }

  @Test func theLastBatchOfAProducerStaysForItsSequence() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var writer = Writer()
    try writer.batch([("a", "1"), ("b", "1")], producer: 7, sequence: 40, at: Self.start)
    try writer.batch([("a", "2"), ("b", "2")], producer: 7, sequence: 42, at: Self.start + 5)
    try writer.batch([("a", "3"), ("b", "3")], at: Self.start + 9)
    let log = try writer.log(disk, now: Self.start + Self.day)
    try log.compact(Self.options)
    #expect(try Self.batches(log) == [[2, 3, 0], [4, 5, 2]])
    var cursor = log.fetch(from: 2, isolation: .logEnd)
    let header = try #require(try cursor.next()).header
    #expect(header.producer == Producer(id: 7, epoch: 0, baseSequence: 42))
    #expect(header.baseTimestamp.milliseconds == -1 && header.maxTimestamp.milliseconds == Self.start + 5)
    disk.clock.setWallClock(milliseconds: Self.start + Self.day + 5)
    try log.compact(Self.options)
    #expect(try Self.batches(log) == [[4, 5, 2]])
  }

  // MARK: Kafka's

  /// A partition of the fixtures, on a disk whose clock shows `now`.
  static func partition(_ name: String, now: Int64) throws -> (disk: SimulatedDisk, files: [String: [UInt8]])
  {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    disk.clock.setWallClock(milliseconds: now)
    let folder = fixtures + "/kafka-dirs/" + name
    var files: [String: [UInt8]] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
      files[file] = try contents(folder + "/" + file)
      disk.install("log/" + file, files[file]!)
    }
    return (disk, files)
  }

  static func open(_ disk: SimulatedDisk) throws -> Log {
    var configuration = LogConfiguration()
    configuration.cleanupPolicy = .compact
    return try Log.open("log", configuration: configuration, environment: disk.environment)
  }

  /// When Kafka compacted the partition: a day before the delete horizon that it set.
  static let kafkaTime = start + 4266

  @Test func whatKafkaHasCompactedStaysByteForByte() throws {
    let (disk, files) = try Self.partition("compacted-0", now: Self.kafkaTime + 1000)
    let log = try Self.open(disk)
    let report = try log.compact()
    #expect(report.isComplete && report.removedRecords == 0 && report.replacedSegments == 0, "\(report)")
    #expect(log.compactedOffset == 925)
    for (name, bytes) in files where name.hasSuffix("log") {
      #expect(disk.contents(of: "log/" + name) == bytes, "\(name)")
    }
  }

  @Test(arguments: CompactionTests.codecs.count == 5 ? [true] : [])
  func afterItsHorizonTheTombstonesGo(_: Bool) throws {
    let (disk, _) = try Self.partition("compacted-0", now: Self.kafkaTime + Self.day + 1)
    let log = try Self.open(disk)
    let before = try log.all()
    try log.compact()
    // Of the batches with a horizon the tombstones are gone; every other record is as it was.
    let markers: Set<Int64> = [10, 13]
    let left = before.filter { $0.record.value != nil || markers.contains($0.offset) }
    #expect(left.count < before.count)
    #expect(
      try log.all().filter { !markers.contains($0.offset) } == left.filter { !markers.contains($0.offset) })
    #expect(try log.verify().damages.isEmpty)
    try log.compact()
    #expect(try log.compact().replacedSegments == 0)
  }

  /// All kinds of batches: the newest record of each key is left, and nothing of a transaction that was aborted.
  @Test(arguments: CompactionTests.codecs.count == 5 ? ["golden-0", "rolled-0"] : [])
  func aPartitionOfKafkasIsCompacted(_ name: String) throws {
    let (disk, _) = try Self.partition(name, now: Self.start + 60_000)
    let log = try Self.open(disk)
    var expected: [Int64: Record] = [:]
    var newest: [[UInt8]: Int64] = [:]
    let aborted: [Int64: [ClosedRange<Int64>]] = [2002: [881...888, 890...942], 2004: [896...939]]
    var all: [(offset: Int64, record: Record, isData: Bool)] = []
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    let end = log.segments.last!.baseOffset
    while let batch = try cursor.next() {
      let ranges = batch.isTransactional && !batch.isControl ? aborted[batch.producer!.id] ?? [] : []
      if name == "golden-0", ranges.contains(where: { $0.contains(batch.baseOffset.rawValue) }) { continue }
      var records = try batch.records()
      while let record = try records.next() {
        all.append((record.offset.rawValue, Record(copying: record), !batch.isControl))
      }
    }
    for (offset, record, isData) in all where isData && offset < end.rawValue {
      if let key = record.key { newest[key] = offset }
    }
    for (offset, record, isData) in all {
      let stays = !isData || offset >= end.rawValue || record.key.map { newest[$0] == offset } ?? false
      if stays { expected[offset] = record }
    }
    let report = try log.compact()
    #expect(report.isComplete && report.unreadBatches == 0 && log.compactedOffset == end, "\(report)")
    let found = Dictionary(uniqueKeysWithValues: try log.all().map { ($0.offset, $0.record) })
    #expect(found == expected)
    #expect(try log.verify().damages.isEmpty)
  }
}
