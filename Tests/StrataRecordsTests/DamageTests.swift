import StrataRecords
import Testing

/// Every truncation and every flipped bit of small batches: an error, or the records as they were.
struct DamageTests {
  static let small: [Record] = [
    Record(key: "key", value: "value", timestamp: Timestamp(milliseconds: 1_000)),
    Record(
      key: nil, value: "another value", timestamp: Timestamp(milliseconds: 2_000),
      headers: [RecordHeader("name", "v"), RecordHeader("", nil)]),
    Record(key: "k3", value: nil, timestamp: Timestamp(milliseconds: 900)),
    Record(
      key: "", value: "a last one, long enough that the others are far", timestamp: Timestamp(milliseconds: 1)
    ),
  ]

  @Test(arguments: builtCompressions)
  func everyTruncationIsAnError(_ compression: Compression) throws {
    let bytes = try build(DamageTests.small, compression).array
    for count in 0..<bytes.count {
      let error = formatError { () throws(FormatError) in
        _ = try RecordBatch(copying: bytes.span.extracting(first: count))
      }
      #expect(error?.code == .truncated, "cut to \(count) bytes")
    }
    #expect(try contents(of: RecordBatch(copying: bytes.span)) == expected(DamageTests.small))
  }

  @Test(arguments: builtCompressions)
  func everyFlippedBitIsAnErrorOrHarmless(_ compression: Compression) throws {
    let whole = try build(DamageTests.small, compression)
    var bytes = whole.array
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      defer { bytes[bit / 8] ^= 1 << UInt8(bit % 8) }
      var batch: RecordBatch?
      let error = formatError { () throws(FormatError) in batch = try RecordBatch(copying: bytes.span) }
      switch bit / 8 {
      case 0, 1..<8, 12..<16:
        // Base offset and leader epoch are what the checksum leaves out: only a negative offset shows.
        guard bit != 7 else {
          #expect(error?.code == .invalidLength)
          continue
        }
        let read = try contents(of: #require(batch, "bit \(bit): \(String(describing: error))"))
        let shift = batch!.baseOffset.rawValue
        #expect(
          read.map { $0.offset.rawValue - shift } == expected(DamageTests.small).map(\.offset.rawValue))
        #expect(read.map(\.value) == DamageTests.small.map(\.value))
      case 8..<12:
        // The length: too large for the bytes, too small for a batch, or another one for the checksum.
        let codes: [FormatError.Code] = [.truncated, .invalidLength, .limitExceeded, .checksumMismatch]
        #expect(codes.contains { $0 == error?.code }, "bit \(bit)")
      case 16:
        #expect(error?.code == .damagedMagic, "bit \(bit)")
      case 23, 24, 25, 26:
        #expect(error?.code == .checksumMismatch || error?.code == .invalidLength, "bit \(bit)")
      default:
        #expect(error?.code == .checksumMismatch, "bit \(bit)")
      }
    }
  }

  /// With the checksum made to fit, so that the parser has to see to itself.
  @Test(arguments: builtCompressions)
  func everyFlippedBitUnderAFittingChecksumIsSurvived(_ compression: Compression) throws {
    let whole = try build(DamageTests.small, compression)
    let original = whole.array
    for bit in 21 * 8..<original.count * 8 {
      var bytes = original
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      bytes = sealed(RecordBatchHeader(loading: bytes.span), Array(bytes[61...]))
      let limits = ParsingLimits(decompressedBytes: 1 << 20)
      guard let batch = try? RecordBatch(copying: bytes.span, limits: limits),
        let records = try? contents(of: batch, limits: limits)
      else { continue }
      // What is read adds up, whatever it says.
      #expect(records.count == batch.recordCount)
      #expect(zip(records, records.dropFirst()).allSatisfy { $0.offset < $1.offset })
      #expect(records.allSatisfy { $0.offset >= batch.baseOffset && $0.offset <= batch.lastOffset })
    }
  }

  @Test func everyTruncationOfTheRecordsUnderAFittingChecksumIsAnError() throws {
    let whole = try build(DamageTests.small)
    let records = Array(whole.array[61...])
    for count in 0..<records.count {
      let batch = try crafted(Array(records[..<count]), count: 4)
      #expect(formatError { () throws(FormatError) in _ = try contents(of: batch) } != nil, "\(count) bytes")
    }
  }

  @Test func randomBytesAreSurvived() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(seed: seed)
    for round in 0..<20_000 {
      let size = Int.random(in: 0...80, using: &random)
      // Small numbers make more of the fields plausible.
      let bytes = (0..<size).map { _ in
        Bool.random(using: &random)
          ? UInt8.random(in: 0...20, using: &random) : UInt8.random(in: 0...255, using: &random)
      }
      let count = Int32.random(in: 0...4, using: &random)
      let batch = try crafted(bytes, count: count, lastOffsetDelta: 100)
      guard let records = try? contents(of: batch) else { continue }
      #expect(records.count == Int(count), "seed \(seed), round \(round)")
    }
  }
}
