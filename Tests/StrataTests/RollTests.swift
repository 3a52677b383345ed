import Strata
import StrataIO
import StrataRecords
import Testing

/// When a segment ends and the next one begins.
@Suite struct RollTests {
  func bases(_ log: Log) -> [Int64] { log.segments.map(\.baseOffset.rawValue) }

  @Test func aSegmentEndsBeforeItWouldBeTooLarge() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 300
    let log = try Log.open(scratch("log"), configuration: configuration)
    for _ in 0..<10 { try log.append(Record(value: "0123456789"), durability: .buffered) }
    let segments = log.segments
    #expect(segments.count > 2)
    #expect(segments.allSatisfy { $0.bytes <= 300 })
    #expect(segments.dropLast().allSatisfy { $0.isSealed })
    #expect(try contents(segments[0].path).count == Int(segments[0].bytes))
  }

  @Test func aBatchLargerThanASegmentGetsOneOfItsOwn() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 300
    let log = try Log.open(scratch("log"), configuration: configuration)
    try log.append(Record(value: "small"))
    try log.append(Record(value: [UInt8](repeating: 7, count: 1000)))
    try log.append(Record(value: "small"))
    #expect(bases(log) == [0, 1, 2])
    #expect(try log.all().count == 3)
  }

  @Test func aSegmentEndsWhenItsRecordsAreTooOld() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentMilliseconds = 1000
    let log = try Log.open(scratch("log"), configuration: configuration)
    for time in [5000, 5500, 6000, 6001, 6002, 7100] {
      try log.append(
        Record(value: "x", timestamp: Timestamp(milliseconds: Int64(time))), durability: .buffered)
    }
    #expect(bases(log) == [0, 3, 5])
  }

  @Test func aSegmentEndsWhenItsIndexIsFull() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.indexIntervalBytes = 1
    configuration.indexBytes = 48
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<40 {
      try log.append(
        Record(value: "x", timestamp: Timestamp(milliseconds: Int64(number))), durability: .buffered)
    }
    #expect(log.segments.count >= 40 / 6)
    #expect(try log.all().count == 40)
    for number in 0..<40 {
      #expect(
        try log.offset(for: Timestamp(milliseconds: Int64(number)), isolation: .logEnd)?.rawValue
          == Int64(number))
    }
  }

  @Test func aSegmentEndsWhenOffsetsNoLongerFitBehindItsBase() throws {
    let scratch = Scratch()
    // A batch whose offset lies 2³¹ − 3 behind the segment's base, as compaction could leave it.
    var builder = RecordBatchBuilder()
    builder.baseOffset = Offset(Int64(Int32.max) - 2)
    builder.partitionLeaderEpoch = 0
    try builder.append(Record(value: "far", timestamp: Timestamp(milliseconds: 1)))
    let batch = try builder.finish()
    try write([UInt8](copying: batch.bytes), to: scratch("00000000000000000000.log"))
    let log = try Log.open(scratch.path)
    #expect(log.logEndOffset.rawValue == Int64(Int32.max) - 1)
    for _ in 0..<4 {
      try log.append(Record(value: "x", timestamp: Timestamp(milliseconds: 1)), durability: .buffered)
    }
    #expect(bases(log) == [0, Int64(Int32.max) + 1])
    #expect(try log.values() == ["far", "x", "x", "x", "x"])
  }

  @Test func manyBatchesAtOnceAreSpreadOverSegments() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 1000
    let log = try Log.open(scratch("log"), configuration: configuration)
    var builder = RecordBatchBuilder()
    var batches: [RecordBatch] = []
    for number in 0..<100 {
      try builder.append(Record(value: "\(number)", timestamp: Timestamp(milliseconds: 1)))
      batches.append(try builder.finish())
    }
    let places = try log.append(batches)
    #expect(places.map(\.baseOffset.rawValue) == (0..<100).map { Int64($0) })
    #expect(log.segments.count > 5)
    #expect(try log.values() == (0..<100).map { "\($0)" })
  }

  @Test func manySmallBatchesAreOneWriteAndOneSync() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    var builder = RecordBatchBuilder()
    let batches = try (0..<50).map { number in
      try builder.append(Record(value: "\(number)", timestamp: Timestamp(milliseconds: 1)))
      return try builder.finish()
    }
    try log.append(batches)
    #expect(log.statistics.synchronizations == 1)
    #expect(log.statistics.appendedBatches == 50)
  }
}
