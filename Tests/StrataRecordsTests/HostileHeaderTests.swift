import StrataRecords
import Testing

/// Headers that lie: what framing refuses, what recovery keeps and only reading refuses, and that nothing traps.
struct HostileHeaderTests {
  private func header(_ change: (inout RecordBatchHeader) -> Void) -> RecordBatchHeader {
    var header = RecordBatchHeader(lastOffsetDelta: 0, recordCount: 1)
    header.batchLength = 60
    change(&header)
    return header
  }

  private func framing(_ change: (inout RecordBatchHeader) -> Void) -> FormatError.Code? {
    let header = header(change)
    // Computed values never trap.
    _ = (header.lastOffset, header.nextOffset, header.sizeInBytes, header.producer)
    return formatError { () throws(FormatError) in try header.checkFraming() }?.code
  }

  private func content(_ change: (inout RecordBatchHeader) -> Void) -> FormatError.Code? {
    formatError { () throws(FormatError) in try header(change).checkContent() }?.code
  }

  @Test func framingIsWhatALogNeedsToGoOn() {
    #expect(framing { _ in } == nil)
    #expect(framing { $0.batchLength = 48 } == .invalidLength)
    #expect(framing { $0.batchLength = -5 } == .invalidLength)
    #expect(framing { $0.batchLength = .min } == .invalidLength)
    #expect(framing { $0.batchLength = .max } == .limitExceeded)
    #expect(framing { $0.baseOffset = -1 } == .invalidLength)
    #expect(framing { $0.baseOffset = Offset(.min) } == .invalidLength)
    #expect(framing { $0.baseOffset = Offset(.max) } == .invalidLength)
    #expect(framing { $0.baseOffset = Offset(.max - 1) } == nil)
    #expect(framing { $0.lastOffsetDelta = -1 } == .invalidLength)
    #expect(framing { $0.lastOffsetDelta = .min } == .invalidLength)
    #expect(
      framing {
        $0.baseOffset = Offset(.max - 5)
        $0.lastOffsetDelta = 5
      } == .invalidLength)
    // Content is none of its business.
    #expect(framing { $0.recordCount = -1 } == nil)
    #expect(framing { $0.attributes.rawValue = 7 } == nil)
  }

  @Test func magicsAreRefusedByName() throws {
    for magic in [Int8(0), 1, 3, -1, 127] {
      let error = try #require(
        formatError { () throws(FormatError) in try header { $0.magic = magic }.checkFraming() })
      #expect(error.code == .unsupportedMagic)
      #expect(error.detail.contains("magic \(magic)"))
    }
    // A short message of an old magic is one; zeros are not.
    #expect(
      framing {
        $0.magic = 0
        $0.batchLength = 14
      } == .unsupportedMagic)
    #expect(
      framing {
        $0.magic = 0
        $0.batchLength = 0
      } == .invalidLength)
  }

  @Test func aShortMessageOfAnOldMagicIsNamed() {
    var bytes = [UInt8](repeating: 0, count: 34)
    bytes[11] = 22
    bytes[16] = 1
    #expect(
      formatError { () throws(FormatError) in _ = try RecordBatch(copying: bytes.span) }?.code
        == .unsupportedMagic)
    bytes[11] = 23
    #expect(
      formatError { () throws(FormatError) in _ = try RecordBatch(copying: bytes.span) }?.code == .truncated)
  }

  @Test func contentIsWhatAReaderNeeds() {
    #expect(content { _ in } == nil)
    #expect(content { $0.recordCount = -1 } == .invalidRecords)
    #expect(content { $0.recordCount = .min } == .invalidRecords)
    #expect(content { $0.recordCount = 2 } == .invalidRecords)
    #expect(
      content {
        $0.recordCount = .max
        $0.lastOffsetDelta = .max
      } == .limitExceeded)
    for codec in Int16(5)...7 {
      #expect(content { $0.attributes.rawValue = codec } == .unknownCodec)
    }
    #expect(content { $0.attributes.rawValue = -128 } == nil, "bits that mean nothing yet")
  }

  @Test func aBatchWithBadContentIsKeptAndOnlyReadingThrows() throws {
    let records = Array(try build([Record(value: "a"), Record(value: "b")]).array[61...])
    func reading(_ count: Int32, _ change: (inout RecordBatchHeader) -> Void = { _ in }) throws
      -> FormatError?
    {
      let batch = try crafted(records, count: count, lastOffsetDelta: 9, change: change)
      return formatError { () throws(FormatError) in _ = try contents(of: batch) }
    }
    #expect(try reading(2) == nil)
    #expect(try reading(1)?.code == .invalidRecords)
    #expect(try reading(0)?.code == .invalidRecords)
    #expect(try reading(3)?.code == .truncated)
    #expect(try reading(-1)?.code == .invalidRecords)
    #expect(try reading(2) { $0.attributes.rawValue = 6 }?.code == .unknownCodec)
  }

  @Test func aHeaderIsReadAsItWasWritten() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<1_000 {
      let bytes = (0..<70).map { _ in UInt8.random(in: 0...255, using: &random) }
      let header = try RecordBatchHeader(parsing: bytes.span, at: 5)
      #expect(encoded(header) == Array(bytes[5..<66]), "seed \(seed)")
      _ = formatError { () throws(FormatError) in try header.checkFraming() }
      _ = formatError { () throws(FormatError) in try header.checkContent() }
    }
    let short = [UInt8](repeating: 0, count: 65)
    for position in [5, 65, 66, -1, .max, .min] {
      let error = formatError { () throws(FormatError) in
        _ = try RecordBatchHeader(parsing: short.span, at: position)
      }
      #expect(error?.code == .truncated, "at \(position)")
    }
  }

  @Test func attributesKeepTheirBits() {
    var attributes = BatchAttributes(rawValue: 0)
    attributes.isTransactional = true
    attributes.isControl = true
    #expect(attributes.rawValue == 0x30)
    attributes.isLogAppendTime = true
    attributes.hasDeleteHorizon = true
    attributes.isControl = false
    #expect(attributes.rawValue == 0x58)
    #expect(!attributes.hasUnknownBits)
    #expect(BatchAttributes(rawValue: .min).hasUnknownBits)
    #expect(BatchAttributes(rawValue: 4).codec == .zstd)
    #expect(BatchAttributes(rawValue: 5).codec == nil)
  }
}
