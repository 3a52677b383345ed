import StrataRecords
import Testing

/// What goes into a builder comes out of a reader.
struct RoundTripTests {
  @Test(arguments: builtCompressions)
  func keepsNullsAndEmpties(_ compression: Compression) throws {
    let records = [
      Record(key: nil, value: nil, timestamp: Timestamp(milliseconds: 0)),
      Record(key: "", value: "", timestamp: Timestamp(milliseconds: 1)),
      Record(key: "k", value: nil, timestamp: Timestamp(milliseconds: 2)),
      Record(key: nil, value: "v", timestamp: Timestamp(milliseconds: 3)),
    ]
    let batch = try build(records, compression)
    #expect(try contents(of: batch) == expected(records))
    #expect(batch.recordCount == 4)
    #expect(batch.header.lastOffsetDelta == 3)
    #expect(batch.codec == compression.codec)
  }

  @Test(arguments: builtCompressions)
  func keepsHeaders(_ compression: Compression) throws {
    let headers = [
      RecordHeader("", nil), RecordHeader("", ""), RecordHeader("dup", "1"), RecordHeader("dup", "2"),
      RecordHeader("日本語", [UInt8](repeating: 7, count: 300)),
    ]
    let records = [
      Record(key: "a", value: "b", timestamp: Timestamp(milliseconds: 5), headers: headers),
      Record(key: "a", value: "b", timestamp: Timestamp(milliseconds: 5)),
    ]
    #expect(try contents(of: build(records, compression)) == expected(records))
  }

  @Test func keepsTimestampsOfEverySize() throws {
    let times: [Int64] = [0, -2, 1, -1_000, .max, .min, 1 << 40, -(1 << 62), .min + 1, 63, 64, -64, -65]
    let records = times.map { Record(value: "x", timestamp: Timestamp(milliseconds: $0)) }
    let batch = try build(records)
    #expect(try contents(of: batch) == expected(records))
    #expect(batch.header.baseTimestamp == Timestamp(milliseconds: 0))
    #expect(batch.maxTimestamp == Timestamp(milliseconds: .max))
  }

  @Test func keepsOffsetDeltasWithGaps() throws {
    var builder = RecordBatchBuilder()
    let deltas = [0, 1, 63, 64, 8_191, 8_192, 1 << 20, 1 << 28, Int(Int32.max)]
    for delta in deltas { try builder.append(key: nil, value: "v".utf8.span, offsetDelta: delta) }
    builder.baseOffset = Offset(1 << 53)
    let batch = try builder.finish()
    #expect(batch.lastOffset == Offset(1 << 53 + Int64(Int32.max)))
    #expect(batch.nextOffset == Offset(1 << 53 + 1 << 31))
    #expect(try contents(of: batch).map(\.offset) == deltas.map { Offset(1 << 53 + Int64($0)) })
  }

  @Test func copiesRecordsByteForByte() throws {
    let notUTF8 = RecordHeader("name", "value")
    let batch = try build([
      Record(key: "k", value: "v", timestamp: Timestamp(milliseconds: 9), headers: [notUTF8])
    ])
    var builder = RecordBatchBuilder()
    var reader = try batch.records()
    while let record = try reader.next() { try builder.append(copying: record) }
    let copy = try builder.finish()
    #expect([UInt8](copying: copy.bytes) == [UInt8](copying: batch.bytes))
  }

  @Test func givesRecordsWithoutTimestampTheDefault() throws {
    var builder = RecordBatchBuilder()
    try builder.append(key: nil, value: "a".utf8.span)
    builder.defaultTimestamp = Timestamp(milliseconds: 77)
    try builder.append(key: nil, value: "b".utf8.span)
    try builder.append(Record(value: "c"))
    let batch = try builder.finish()
    #expect(try contents(of: batch).map(\.timestamp.milliseconds) == [-1, 77, 77])
  }

  @Test func readsAnEmptyBatch() throws {
    var builder = RecordBatchBuilder()
    builder.lastOffsetDelta = 41
    builder.baseOffset = 100
    builder.maxTimestamp = Timestamp(milliseconds: 1_234)
    let batch = try builder.finish()
    #expect(batch.sizeInBytes == 61)
    #expect(batch.recordCount == 0)
    #expect(batch.nextOffset == 142)
    #expect(batch.header.baseTimestamp == Timestamp(milliseconds: -1))
    #expect(batch.maxTimestamp == Timestamp(milliseconds: 1_234))
    #expect(try contents(of: RecordBatch(copying: batch.bytes)).isEmpty)
  }

  @Test(arguments: builtCompressions)
  func keepsRandomRecords(_ compression: Compression) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    var builder = RecordBatchBuilder(compression: compression)
    for round in 0..<50 {
      let records = (0..<Int.random(in: 1...60, using: &random)).map { _ in Record.random(using: &random) }
      for record in records { try builder.append(record) }
      let batch = try builder.finish()
      #expect(try contents(of: batch) == expected(records), "seed \(seed), round \(round)")
      let copy = try RecordBatch(copying: batch.bytes)
      #expect(copy.header == batch.header, "seed \(seed), round \(round)")
      #expect(try contents(of: copy) == expected(records), "seed \(seed), round \(round)")
    }
  }
}
