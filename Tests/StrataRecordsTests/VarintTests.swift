import StrataRecords
import Testing

/// Varints at the borders of their lengths, seen through a record's fields.
struct VarintTests {
  static let borders: [Int64] = [0, 1, 2, 3, 4, 5].flatMap { bytes -> [Int64] in
    let edge = Int64(1) << (7 * bytes + 6)
    return [edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1]
  }

  @Test(arguments: borders + [0, -1, .max, .min, .max - 1, .min + 1, 1 << 48, 1 << 55, 1 << 62, -(1 << 62)])
  func timestampDeltasKeepTheirValue(_ delta: Int64) throws {
    // The middle record is read on the fast path, the last one, near the end, on the careful one.
    let records = [
      Record(value: "base", timestamp: Timestamp(milliseconds: 0)),
      Record(value: "1", timestamp: Timestamp(milliseconds: delta == -1 ? 7 : delta)),
      Record(key: "a key that is long enough", value: "2", timestamp: Timestamp(milliseconds: delta &+ 2)),
    ]
    #expect(try contents(of: build(records)) == expected(records))
  }

  @Test(arguments: [
    0, 1, 62, 63, 64, 65, 127, 128, 8_190, 8_191, 8_192, 8_193, 1_048_575, 1_048_576, 1_048_577,
  ])
  func lengthsKeepTheirValue(_ length: Int) throws {
    let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let time = Timestamp(milliseconds: 0)
    let records = [
      Record(key: bytes, value: bytes, timestamp: time),
      Record(key: bytes, value: nil, timestamp: time, headers: [RecordHeader("h", bytes)]),
      Record(key: nil, value: bytes, timestamp: time),
    ]
    #expect(try contents(of: build(records)) == expected(records))
  }

  /// A length varint of these bytes, behind which there would be room for it.
  private func error(ofLength varint: [UInt8]) throws -> FormatError? {
    let batch = try crafted(varint + [UInt8](repeating: 0, count: 40), count: 1)
    return formatError { () throws(FormatError) in _ = try contents(of: batch) }
  }

  @Test func anOverlongVarintIsRefused() throws {
    #expect(try error(ofLength: [0x80, 0x80, 0x80, 0x80, 0x80, 0x01])?.code == .invalidVarint)
    #expect(try error(ofLength: [0xFF, 0xFF, 0xFF, 0xFF, 0x7F])?.code == .invalidVarint)
    #expect(try error(ofLength: [0xFF, 0xFF, 0xFF, 0xFF, 0x10])?.code == .invalidVarint)
    // The largest that is one, negative and positive: lengths that cannot be.
    #expect(try error(ofLength: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])?.code == .invalidLength)
    #expect(try error(ofLength: [0xFE, 0xFF, 0xFF, 0xFF, 0x0F])?.code == .invalidLength)
  }

  @Test func anEndlessVarintIsRefused() throws {
    for count in 0..<12 {
      let batch = try crafted([UInt8](repeating: 0xFF, count: count), count: 1)
      let error = formatError { () throws(FormatError) in _ = try contents(of: batch) }
      #expect(error?.code == (count < 5 ? .truncated : .invalidVarint), "\(count) bytes")
    }
  }

  @Test func anOverlongVarlongIsRefused() throws {
    func read(_ delta: [UInt8]) throws -> FormatError? {
      let body: [UInt8] = [0] + delta + [0, 1, 1, 0]
      let batch = try crafted([UInt8(body.count * 2)] + body, count: 1)
      return formatError { () throws(FormatError) in _ = try contents(of: batch) }
    }
    let nine = [UInt8](repeating: 0xFF, count: 9)
    #expect(try read(nine + [0x01]) == nil)
    #expect(try read(nine + [0x02])?.code == .invalidVarint)
    #expect(try read(nine + [0x81, 0x00])?.code == .invalidVarint)
  }

  @Test func aVarintMayBeLongerThanItNeedsToBe() throws {
    // Kafka reads these too: 6 (one too few here) or 7 in three bytes, 0 in two.
    let batch = try crafted([0x8C, 0x80, 0x00, 0, 0x80, 0x00, 0, 1, 1, 0], count: 1)
    #expect(formatError { () throws(FormatError) in _ = try contents(of: batch) }?.code == .truncated)
    let fits = try crafted([0x8E, 0x80, 0x00, 0, 0x80, 0x00, 0, 1, 1, 0], count: 1)
    #expect(try contents(of: fits).count == 1)
  }
}
