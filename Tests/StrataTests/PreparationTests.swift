import Foundation
import Strata
import StrataIO
import StrataSimulation
import Testing

/// What is made ready in front of the appends, and what is left of it.
@Suite struct PreparationTests {
  private func size(_ path: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as! Int
  }

  @Test func anAppendWritesTheFileUpToTheNextBoundary() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    let segment = log.segments[0].path
    for number in 0..<400 {
      try log.append(Record(value: "\(number)"), durability: .buffered)
      let bytes = Int(log.segments[0].bytes)
      #expect(try size(segment) == (bytes + 16383) / 16384 * 16384)
    }
    let bytes = Int(log.segments[0].bytes)
    #expect(bytes > 16384)
    try log.close()
    #expect(try size(segment) == bytes)
    let again = try Log.open(scratch("log"))
    #expect(again.recoveryReport.wasClean)
    #expect(try again.values() == (0..<400).map { "\($0)" })
  }

  @Test func nothingIsWrittenAheadWithoutPreparation() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.preparation = .none
    let log = try Log.open(scratch("log"), configuration: configuration)
    try log.append(Record(value: "one"), durability: .buffered)
    #expect(try size(log.segments[0].path) == Int(log.segments[0].bytes))
  }

  @Test func aSegmentThatEndsIsCutToItsBatches() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 40_000
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<100 {
      try log.append(Record(value: [UInt8](repeating: UInt8(number), count: 1000)), durability: .buffered)
    }
    let sealed = log.segments.filter(\.isSealed)
    #expect(sealed.count >= 2)
    for segment in sealed { #expect(try size(segment.path) == Int(segment.bytes)) }
  }

  /// A process that was killed leaves zeros behind the last batch; nothing of them is reported as lost.
  @Test func zerosWrittenAheadAreNoLoss() throws {
    let disk = SimulatedDisk(seed: 4)
    do {
      let log = try Log.open("log", environment: disk.environment)
      for number in 0..<20 { try log.append(Record(value: "\(number)")) }
    }
    let log = try Log.open("log", environment: disk.afterCrash())
    #expect(!log.recoveryReport.wasClean)
    #expect(log.recoveryReport.cutBytes == 0 && log.recoveryReport.cutReason == nil)
    #expect(try log.values() == (0..<20).map { "\($0)" })
  }
}

/// Reading sealed segments where they lie.
@Suite struct MappedReadingTests {
  @Test func bothWaysOfReadingSeeTheSame() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 30_000
    configuration.reading = .mapped
    let log = try Log.open(scratch("log"), configuration: configuration)
    var held: [RecordBatch] = []
    for number in 0..<300 {
      try log.append(
        Record(value: "\(number) " + String(repeating: "x", count: number)), durability: .buffered)
    }
    #expect(log.segments.count > 2)
    let expected = (0..<300).map { "\($0) " + String(repeating: "x", count: $0) }
    #expect(try log.values() == expected)
    #expect(try log.values() == expected)
    for start in stride(from: 0, to: 300, by: 7) {
      var cursor = log.fetch(from: Offset(Int64(start)), isolation: .logEnd)
      let batch = try #require(try cursor.next())
      #expect(batch.baseOffset == Offset(Int64(start)))
      held.append(batch)
    }
    try log.close()
    // What is held stays readable when the log is gone.
    for (place, batch) in held.enumerated() {
      var records = try batch.records()
      var value: [UInt8]?
      if let record = try records.next() { value = Record(copying: record).value }
      #expect(value == Array(expected[place * 7].utf8))
    }
  }

  @Test func damageIsFoundInPlace() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 10_000
    configuration.reading = .mapped
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<60 { try log.append(Record(value: [UInt8](repeating: UInt8(number), count: 500))) }
    let segment = try #require(log.segments.first)
    try log.close()
    var bytes = try contents(segment.path)
    bytes[bytes.count / 2] ^= 1
    try write(bytes, to: segment.path)
    let again = try Log.open(scratch("log"), configuration: configuration)
    let error = #expect(throws: LogError.self) { _ = try again.all() }
    #expect(error?.code == .damaged)
    let offsets = try #require(error?.offsets)
    #expect(offsets.count == 1)
    var rest = again.fetch(from: offsets.upperBound)
    var count = 0
    while let batch = try rest.next() { count += batch.recordCount }
    #expect(count == 60 - Int(offsets.upperBound.rawValue))
  }
}
