import StrataRecords
import Testing

struct ChecksumTests {
  /// From RFC 3720, B.4, and the usual check value.
  @Test func knownValues() {
    #expect(CRC32C.checksum(Array("123456789".utf8).span) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32).span) == 0x62A8_AB43)
    #expect(CRC32C.checksum(Array(UInt8(0)..<32).span) == 0x46DD_794E)
    #expect(CRC32C.checksum([UInt8]().span) == 0)
  }

  @Test func chains() {
    let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 167) }
    let whole = CRC32C.checksum(bytes.span)
    for cut in [0, 1, 7, 8, 63, 1_024, 4_999, 5_000] {
      let first = CRC32C.checksum(bytes.span.extracting(first: cut))
      #expect(CRC32C.update(first, bytes.span.extracting(cut...)) == whole)
    }
  }
}
