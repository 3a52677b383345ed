import StrataRecords
import Testing

struct ControlRecordTests {
  private func parse(_ batch: RecordBatch) throws(FormatError) -> ControlRecord? {
    var reader = try batch.records()
    guard let record = try reader.next() else { return nil }
    return try ControlRecord(parsing: record)
  }

  private func error(key: [UInt8]?, value: [UInt8]?) -> FormatError.Code? {
    formatError { () throws(FormatError) in _ = try parse(build([Record(key: key, value: value)])) }?.code
  }

  @Test(arguments: [ControlRecord.Kind.abort, .commit])
  func anEndMarkerMakesTheRoundTrip(_ kind: ControlRecord.Kind) throws {
    let marker = ControlRecord(kind, coordinatorEpoch: -0x0102_0304)
    let batch = try RecordBatch.endMarker(
      marker, producerID: 12, producerEpoch: 3, timestamp: Timestamp(milliseconds: 5))
    #expect(try parse(batch) == marker)
    #expect(batch.isControl)
    #expect(batch.isTransactional)
    #expect(batch.header.attributes.rawValue == 0x30)
    #expect(batch.producer == Producer(id: 12, epoch: 3, baseSequence: -1))
    #expect(batch.maxTimestamp == Timestamp(milliseconds: 5))
  }

  @Test func whatIsTooShortOrNegativeIsNone() {
    let value: [UInt8] = [0, 0, 0, 0, 0, 1]
    #expect(error(key: [0, 0, 0, 1], value: value) == nil)
    #expect(error(key: [0, 9, 0, 1, 7], value: value + [7]) == nil)
    #expect(error(key: nil, value: value) == .invalidControlRecord)
    #expect(error(key: [0, 0, 0], value: value) == .invalidControlRecord)
    #expect(error(key: [0x80, 0, 0, 1], value: value) == .invalidControlRecord)
    #expect(error(key: [0, 0, 0, 0], value: nil) == .invalidControlRecord)
    #expect(error(key: [0, 0, 0, 0], value: [0, 0, 0, 0, 0]) == .invalidControlRecord)
    #expect(error(key: [0, 0, 0, 0], value: [0xFF, 0, 0, 0, 0, 1]) == .invalidControlRecord)
  }

  @Test func anUnknownKindIsKept() throws {
    let record = try #require(try parse(build([Record(key: [0, 0, 0, 5], value: nil)])))
    #expect(record.kind.rawValue == 5)
    #expect(record.coordinatorEpoch == nil)
  }

  @Test func theMarkersOfOtherImplementationsParse() throws {
    let bytes = try Fixtures.bytes("transactions.log")
    var kinds: [Int16: Int] = [:]
    var position = 0
    while position < bytes.count {
      let batch = try RecordBatch(copying: bytes.span.extracting(position...))
      position += batch.sizeInBytes
      guard batch.isControl, let marker = try parse(batch) else { continue }
      kinds[marker.kind.rawValue, default: 0] += 1
      // Ours has the same bytes.
      let ours = try RecordBatch.endMarker(
        marker, producerID: batch.header.producerID, producerEpoch: batch.header.producerEpoch,
        timestamp: batch.maxTimestamp)
      #expect(Array(ours.array[61...]) == Array(batch.array[61...]))
    }
    #expect(kinds[0, default: 0] > 0)
    #expect(kinds[1, default: 0] > 0)
  }
}
