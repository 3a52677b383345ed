import StrataRecords
import Testing

/// What a reader takes at most, whatever the bytes claim.
struct ParsingLimitsTests {
  private let batch: RecordBatch

  init() throws {
    let headers = [RecordHeader("a", "1"), RecordHeader("b", nil)]
    batch = try build([Record(value: "x"), Record(value: "y", headers: headers), Record(value: "z")])
  }

  private func reading(_ limits: ParsingLimits) -> FormatError.Code? {
    formatError { () throws(FormatError) in
      _ = try contents(of: RecordBatch(copying: batch.bytes, limits: limits), limits: limits)
    }?.code
  }

  @Test func theSizeOfABatchIsBounded() {
    #expect(reading(ParsingLimits(batchBytes: batch.sizeInBytes)) == nil)
    #expect(reading(ParsingLimits(batchBytes: batch.sizeInBytes - 1)) == .limitExceeded)
  }

  @Test func theRecordsOfABatchAreBounded() {
    #expect(reading(ParsingLimits(records: 3)) == nil)
    #expect(reading(ParsingLimits(records: 2)) == .limitExceeded)
  }

  @Test func theHeadersOfARecordAreBounded() {
    #expect(reading(ParsingLimits(headers: 2)) == nil)
    #expect(reading(ParsingLimits(headers: 1)) == .limitExceeded)
  }

  @Test(arguments: builtCompressions.filter { $0.codec != .none })
  func whatARecordDecompressesToIsBounded(_ compression: Compression) throws {
    let batch = try build([Record(value: [UInt8](repeating: 0, count: 1 << 20))], compression)
    let size = try build([Record(value: [UInt8](repeating: 0, count: 1 << 20))]).sizeInBytes - 61
    func reading(_ bytes: Int) -> FormatError.Code? {
      formatError { () throws(FormatError) in
        _ = try contents(of: batch, limits: ParsingLimits(decompressedBytes: bytes))
      }?.code
    }
    #expect(reading(size) == nil)
    #expect(reading(size - 1) == .limitExceeded)
    #expect(reading(0) == .limitExceeded)
  }

  @Test func anIdleBufferIsTakenAgainUnlessItIsLarge() {
    // Other tests take and give at the same time, so that only what is certain can be asked.
    let large = ByteBuffer(capacity: 64 << 20)
    BufferPool.give(large)
    for _ in 0..<20 { #expect(BufferPool.take() !== large) }
    for _ in 0..<100 { BufferPool.give(ByteBuffer(capacity: 64)) }
    let taken = BufferPool.take()
    #expect(taken.count == 0)
    BufferPool.give(taken)
  }
}
