import StrataRecords
import Testing

/// What a reader refuses inside a batch whose checksum fits, and how it goes on refusing.
struct RecordReaderTests {
  /// A record from its fields, its length in front.
  private func record(
    offsetDelta: UInt8 = 0, keyLength: UInt8 = 1, key: [UInt8] = [], valueLength: UInt8 = 1,
    value: [UInt8] = [],
    headers: [UInt8] = [0], longer: Int = 0
  ) -> [UInt8] {
    let body = [0, 0, offsetDelta * 2, keyLength] + key + [valueLength] + value + headers
    return [UInt8((body.count + longer) * 2)] + body
  }

  /// The error of reading these records; each is read in the middle of a batch and at its end.
  private func errors(_ bytes: [UInt8], lastOffsetDelta: Int32 = 60) throws -> [FormatError?] {
    let padding = record(offsetDelta: 60, valueLength: 80, value: [UInt8](repeating: 9, count: 40))
    return try [(bytes, Int32(1)), (bytes + padding, 2)].map { bytes, count in
      let batch = try crafted(bytes, count: count, lastOffsetDelta: lastOffsetDelta)
      return formatError { () throws(FormatError) in _ = try contents(of: batch) }
    }
  }

  private func codes(_ bytes: [UInt8], lastOffsetDelta: Int32 = 60) throws -> [FormatError.Code?] {
    try errors(bytes, lastOffsetDelta: lastOffsetDelta).map { $0?.code }
  }

  @Test func aRecordFillsItsLengthExactly() throws {
    #expect(try codes(record()) == [nil, nil])
    #expect(try codes(record(longer: -1)) == [.truncated, .truncated])
    #expect(try codes(record() + [0]).allSatisfy { $0 != nil })
    let longer = record(headers: [0, 0])
    #expect(try codes(longer) == [.invalidLength, .invalidLength])
    #expect(try codes([0]) == [.invalidLength, .invalidLength])
    #expect(try codes([1]) == [.invalidLength, .invalidLength])
  }

  @Test func keysAndValuesStayInTheirRecord() throws {
    #expect(try codes(record(keyLength: 2, key: [7])) == [nil, nil])
    for length in [3, 8, 20, 100, 126] as [UInt8] {
      // 3 is −2: shorter than null.
      #expect(try codes(record(keyLength: length)) == [.invalidLength, .invalidLength], "key \(length)")
      #expect(try codes(record(valueLength: length)) == [.invalidLength, .invalidLength], "value \(length)")
    }
  }

  @Test func headersStayInTheirRecord() throws {
    #expect(try codes(record(headers: [2, 0, 1])) == [nil, nil])
    #expect(try codes(record(headers: [2, 2, 65, 2, 66])) == [nil, nil])
    for headers in [[1], [2], [2, 0], [4, 0, 1], [2, 1, 1], [2, 0, 3], [2, 8, 0], [2, 0, 8]] as [[UInt8]] {
      #expect(try codes(record(headers: headers)).allSatisfy { $0 != nil }, "\(headers)")
    }
    // A count of 2³¹−1 claims nothing.
    #expect(
      try codes(record(headers: [0xFE, 0xFF, 0xFF, 0xFF, 0x0F])) == [.limitExceeded, .limitExceeded])
  }

  @Test func offsetsGrow() throws {
    #expect(try codes(record(offsetDelta: 5) + []) == [nil, nil])
    #expect(try codes(record(offsetDelta: 60)) == [nil, .invalidRecords])
    #expect(try codes(record(offsetDelta: 61)) == [.invalidRecords, .invalidRecords])
    let twice = record(offsetDelta: 3) + record(offsetDelta: 3, value: [])
    let batch = try crafted(twice, count: 2, lastOffsetDelta: 5)
    #expect(formatError { () throws(FormatError) in _ = try contents(of: batch) }?.code == .invalidRecords)
    let negative: [UInt8] = [14, 0, 0, 1, 1, 1, 0, 0]
    #expect(try codes(negative).allSatisfy { $0 != nil })
  }

  @Test func anErrorIsTheEnd() throws {
    let bytes = record() + record(offsetDelta: 1, keyLength: 100) + record(offsetDelta: 2)
    let batch = try crafted(bytes, count: 3)
    var reader = try batch.records()
    #expect(try reader.next() != nil)
    var first: FormatError?
    for _ in 0..<3 {
      do {
        _ = try reader.next()
        Issue.record("went on")
      } catch {
        if let first { #expect(error == first) }
        first = error
      }
    }
    #expect(first?.inRecords == true)
    #expect(first.map { $0.position >= 8 && $0.position < 16 } == true)
  }

  @Test func aRecordBehindTheLastOneIsNeverHandedOut() throws {
    let bytes = record() + record(offsetDelta: 1, valueLength: 80, value: [UInt8](repeating: 1, count: 40))
    let batch = try crafted(bytes, count: 1, lastOffsetDelta: 5)
    var reader = try batch.records()
    let first = try reader.next() != nil
    #expect(first)
    for _ in 0..<3 {
      do {
        _ = try reader.next()
        Issue.record("went on")
      } catch { #expect(error.code == .invalidRecords) }
    }
  }

  @Test func theEndStaysTheEnd() throws {
    let batch = try build([Record(value: "x")])
    var reader = try batch.records()
    #expect(try reader.next() != nil)
    #expect(try reader.next() == nil)
    #expect(try reader.next() == nil)
  }

  @Test func logAppendTimeIsTheTimeOfAllRecords() throws {
    var builder = RecordBatchBuilder()
    builder.logAppendTime = Timestamp(milliseconds: 99)
    for time in [5, 50, 500] {
      try builder.append(key: nil, value: nil, timestamp: Timestamp(milliseconds: Int64(time)))
    }
    let batch = try builder.finish()
    #expect(try contents(of: batch).map(\.timestamp.milliseconds) == [99, 99, 99])
    #expect(batch.header.baseTimestamp.milliseconds == 5)
    // Set for one batch.
    try builder.append(key: nil, value: nil, timestamp: Timestamp(milliseconds: 5))
    #expect(try !builder.finish().header.attributes.isLogAppendTime)
  }

  @Test func aDeleteHorizonIsWhatTimesCountFrom() throws {
    var builder = RecordBatchBuilder()
    builder.deleteHorizon = Timestamp(milliseconds: 10_000)
    for time in [5, 50, 500] {
      try builder.append(key: nil, value: nil, timestamp: Timestamp(milliseconds: Int64(time)))
    }
    let batch = try builder.finish()
    #expect(batch.header.attributes.hasDeleteHorizon)
    #expect(batch.header.baseTimestamp.milliseconds == 10_000)
    #expect(batch.maxTimestamp.milliseconds == 500)
    #expect(try contents(of: batch).map(\.timestamp.milliseconds) == [5, 50, 500])
  }

  @Test func timestampsWrapWithoutATrap() throws {
    let batch = try crafted(record() + [], count: 1) { $0.baseTimestamp = Timestamp(milliseconds: .max) }
    #expect(try contents(of: batch)[0].timestamp.milliseconds == .max)
    let ahead: [UInt8] = [14, 0, 2, 0, 1, 1, 0, 0]
    let wrapped = try crafted(Array(ahead[..<7]).replacingFirst(12), count: 1) {
      $0.baseTimestamp = Timestamp(milliseconds: .max)
    }
    #expect(try contents(of: wrapped)[0].timestamp.milliseconds == .min)
  }

  @Test func namesThatAreNotUTF8AreRepaired() throws {
    let bytes = record(headers: [2, 4, 0xFF, 0x41, 2, 66])
    let batch = try crafted(bytes, count: 1)
    #expect(try contents(of: batch)[0].headers == [RecordHeader("\u{FFFD}A", "B")])
    // Copied from batch to batch they stay as they are.
    var builder = RecordBatchBuilder()
    var again = try batch.records()
    while let record = try again.next() { try builder.append(copying: record) }
    #expect(try Array(builder.finish().array[61...]) == bytes)
  }
}

extension [UInt8] {
  fileprivate func replacingFirst(_ byte: UInt8) -> [UInt8] { [byte] + dropFirst() }
}
