import CStrataShims
import Testing

/// Every variant of the checksum that this processor can run, against known answers and against a definition
/// bit by bit.
@Suite struct CRC32CTests {
  static let variants = Array(0..<Int(strata_crc32c_variant_count()))

  @Test(arguments: variants) func `known answers`(variant: Int) {
    let crc = Variant(variant)
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    #expect(crc([]) == 0)
    #expect(crc([], after: 0x1234_5678) == 0x1234_5678)
    // RFC 3720, appendix B.4.
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc(Array(0..<32)) == 0x46DD_794E)
    #expect(crc(Array((0..<32).reversed())) == 0x113F_DB5C)
    let readCommand: [UInt8] = [
      0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
      0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ]
    #expect(crc(readCommand) == 0xD996_3A56)
  }

  @Test(arguments: variants) func `every length up to 4096, at some alignment`(variant: Int) {
    let crc = Variant(variant)
    let bytes = incompressibleBytes(4096 + 64, seed: 1)
    for length in 0...4096 {
      let start = length &* 7 % 64
      let expected = definition(bytes[start..<start + length])
      #expect(crc(bytes, start, length) == expected, "\(length) bytes from \(start)")
    }
  }

  @Test(arguments: variants) func `every alignment, at lengths around the seams`(variant: Int) {
    let crc = Variant(variant)
    let bytes = incompressibleBytes(1200 + 64, seed: 2)
    let seams = [0, 8, 64, 128, 192, 256, 320, 512, 1151]
    for length in seams + seams.map({ $0 + 1 }) + seams.dropFirst().map({ $0 - 1 }) {
      for start in 0..<64 {
        let expected = definition(bytes[start..<start + length])
        #expect(crc(bytes, start, length) == expected, "\(length) bytes from \(start)")
      }
    }
  }

  @Test(arguments: variants) func `chained at random places, it equals the whole`(variant: Int) {
    let crc = Variant(variant)
    let seed = UInt64.random(in: 0 ... .max)
    var random = CodecRandom(seed: seed)
    for round in 0..<200 {
      let count = Int.random(in: 0...20_000, using: &random)
      let bytes = incompressibleBytes(count, seed: seed &+ UInt64(round))
      let whole = Variant(0)(bytes)
      var value: UInt32 = 0
      var start = 0
      while start < count {
        let length = Int.random(in: 1...min(count - start, 6_000), using: &random)
        value = crc(bytes, start, length, after: value)
        start += length
      }
      #expect(value == whole, "seed \(seed), round \(round), \(count) bytes")
    }
  }

  @Test(arguments: variants) func `large inputs`(variant: Int) {
    let crc = Variant(variant)
    for count in [100 << 10, 1 << 20, (1 << 20) + 77] {
      let bytes = incompressibleBytes(count, seed: UInt64(count))
      #expect(crc(bytes) == definition(bytes[...]))
    }
  }

  @Test func `the last variant is the one in use`() {
    let last = strata_crc32c_variant_count() - 1
    let implementation = unsafe String(cString: strata_crc32c_implementation())
    #expect(name(last) == implementation)
    #expect(name(0) == "portable")
    let bytes = incompressibleBytes(5_000, seed: 3)
    let inUse = unsafe bytes.withUnsafeBytes { unsafe strata_crc32c(7, $0.baseAddress, $0.count) }
    #expect(inUse == Variant(Int(last))(bytes, after: 7))
  }

  private func name(_ number: Int32) -> String { unsafe String(cString: strata_crc32c_variant_name(number)) }
}

/// One variant, on ranges of arrays.
private struct Variant {
  let number: Int32

  init(_ number: Int) { self.number = Int32(number) }

  func callAsFunction(_ bytes: [UInt8], after crc: UInt32 = 0) -> UInt32 {
    self(bytes, 0, bytes.count, after: crc)
  }

  func callAsFunction(_ bytes: [UInt8], _ start: Int, _ length: Int, after crc: UInt32 = 0) -> UInt32 {
    precondition(start + length <= bytes.count)
    // The range was checked above.
    return unsafe bytes.withUnsafeBytes { memory in
      guard let base = memory.baseAddress else { return crc }
      return unsafe strata_crc32c_by_variant(number, crc, base + start, length)
    }
  }
}

/// CRC32C as its definition has it: one bit after the other.
private func definition(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  var value = ~UInt32(0)
  for byte in bytes {
    value ^= UInt32(byte)
    for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78 }
  }
  return ~value
}
