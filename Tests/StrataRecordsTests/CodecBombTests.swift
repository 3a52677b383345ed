import StrataRecords
import Testing

/// Small inputs that would become huge take no more memory than the limit, and inputs that only claim to
/// become huge take next to none.
@Suite struct CodecBombTests {
  static let limit = 1 << 20

  @Test(arguments: builtCodecs) func `the limit is exact`(codec: Compression.Codec) throws {
    for bytes in [jsonLines(100_000, seed: 1), [UInt8](repeating: 0, count: 100_000)] {
      let packed = try compressed(bytes, codec.compression)
      #expect(try decompressed(packed, codec, limit: 100_000) == bytes)
      for limit in [99_999, 50_000, 1, 0] {
        let error = #expect(throws: FormatError.self) { try decompressed(packed, codec, limit: limit) }
        #expect(error?.code == .limitExceeded)
      }
      #expect(try decompressed(packed, codec, limit: .max) == bytes)
    }
    #expect(try decompressed(compressed([], codec.compression), codec, limit: 0) == [])
  }

  @Test(.enabled(if: Compression.isBuilt(.zstd))) func `zstd: 1 MB that would be 32 GB`() {
    // A frame without a size, with a window of 128 MiB, and blocks of one byte repeated 128 Ki times.
    var bomb = hex("28b52ffd 00 88")
    let block = hex("02 00 10 00")
    for _ in 0..<250_000 { bomb += block }
    bomb += hex("03 00 00 00")
    expectBounded(bomb, .zstd, .limitExceeded)
  }

  @Test(.enabled(if: Compression.isBuilt(.lz4))) func `lz4: 1 MB that would be 256 MB`() throws {
    // The block of 64 KiB of zeros, again and again.
    let one = try compressed([UInt8](repeating: 0, count: 64 << 10), .lz4())
    let block = Array(one.dropFirst(7).dropLast(4))
    var bomb = Array(one.prefix(7))
    while bomb.count < 1 << 20 { bomb += block }
    bomb += [0, 0, 0, 0]
    expectBounded(bomb, .lz4, .limitExceeded)
  }

  @Test(.enabled(if: Compression.isBuilt(.gzip)))
  func `gzip: 1 MB that would be 1 GB, in one member and in many`() throws {
    let member = try compressed([UInt8](repeating: 0, count: 16 << 20), .gzip())
    expectBounded(member, .gzip, .limitExceeded)
    var many = [UInt8]()
    let small = try compressed([UInt8](repeating: 0, count: 64 << 10), .gzip())
    while many.count < 1 << 20 { many += small }
    expectBounded(many, .gzip, .limitExceeded)
  }

  @Test(.enabled(if: Compression.isBuilt(.snappy))) func `snappy: 1 MB that would be 20 MB`() throws {
    let one = try compressed([UInt8](repeating: 0, count: 32 << 10), .snappy)
    var bomb = Array(one.prefix(16))
    while bomb.count < 1 << 20 { bomb += one.dropFirst(16) }
    expectBounded(bomb, .snappy, .limitExceeded)
    expectBounded(Array(one.dropFirst(20)), .snappy, nil)
  }

  /// Frames of a few bytes that claim gigabytes, with no limit that would stop them.
  @Test func `claims are not believed`() throws {
    if Compression.isBuilt(.snappy) {
      let raw = hex("ffffffff0f 00 61")
      expectBounded(raw, .snappy, .corruptCompression, limit: .max, capacity: 64)
      let xerial = try Array(compressed([], .snappy)) + [0, 0, 0, 7] + raw
      expectBounded(xerial, .snappy, .corruptCompression, limit: .max, capacity: 64)
    }
    if Compression.isBuilt(.gzip) {
      var packed = try compressed(jsonLines(500, seed: 1), .gzip())
      packed.replaceSubrange(packed.count - 4..<packed.count, with: [0xFF, 0xFF, 0xFF, 0x7F])
      expectBounded(packed, .gzip, .corruptCompression, limit: .max, capacity: 64 << 10)
    }
    if Compression.isBuilt(.zstd) {
      // A content size of 1 TiB, and one literal block of one byte.
      let packed = hex("28b52ffd e0 0000000000010000 09 00 00 61")
      expectBounded(packed, .zstd, .corruptCompression, limit: .max, capacity: 64 << 10)
      expectBounded(packed, .zstd, .limitExceeded, limit: 1 << 30, capacity: 64)
    }
    if Compression.isBuilt(.lz4) {
      // A content size of 1 TiB, independent blocks of 4 MiB, no block; the checksum of the header is right.
      let packed = hex("04224d18 68 70 0000000000010000 97 00000000")
      expectBounded(packed, .lz4, .corruptCompression, limit: .max, capacity: 128 << 10)
    }
  }

  private func expectBounded(
    _ bytes: [UInt8], _ codec: Compression.Codec, _ expected: FormatError.Code?, limit: Int = limit,
    capacity: Int = 2 * limit
  ) {
    let output = ByteBuffer(capacity: 0)
    do throws(FormatError) {
      try decompress(bytes, codec, into: output, limit: limit)
      #expect(expected == nil)
    } catch {
      #expect(error.code == expected, "\(error)")
    }
    #expect(output.capacity <= capacity, "\(codec.name) took \(output.capacity) bytes")
  }
}
