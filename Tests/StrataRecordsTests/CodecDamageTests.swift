import StrataRecords
import Testing

/// Damaged input: a typed error, or some bytes within the limit; never a trap, and never more memory than the
/// input deserves.
@Suite struct CodecDamageTests {
  /// Each a frame that a reader may meet, small enough to be damaged everywhere.
  static let samples: [(codec: Compression.Codec, bytes: [UInt8])] = builtCodecs.flatMap { codec in
    [[], Array("x".utf8), jsonLines(150, seed: 2), [UInt8](repeating: 7, count: 400)].map { (codec, $0) }
  }

  @Test(arguments: samples) func `every truncation`(codec: Compression.Codec, bytes: [UInt8]) throws {
    let packed = try compressed(bytes, codec.compression)
    for length in 0..<packed.count {
      let output = ByteBuffer(capacity: 0)
      do throws(FormatError) {
        try decompress(Array(packed.prefix(length)), codec, into: output)
        // A xerial stream has no end mark: whole blocks are a whole stream.
        #expect(codec == .snappy && length == 16, "\(length) of \(packed.count) bytes were taken for all")
        #expect(output.count == 0)
      } catch {
        #expect(error.code == .corruptCompression, "\(error)")
        #expect(error.position <= length)
        #expect(error.detail.hasPrefix(codec.name))
        #expect(output.count == 0)
      }
    }
  }

  @Test(arguments: samples) func `every flipped bit`(codec: Compression.Codec, bytes: [UInt8]) throws {
    let packed = try compressed(bytes, codec.compression)
    for bit in 0..<packed.count * 8 {
      var damaged = packed
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      let output = ByteBuffer(capacity: 0)
      do throws(FormatError) {
        try decompress(damaged, codec, into: output, limit: 1 << 20)
        #expect(output.count <= 1 << 20)
        // gzip has a checksum of its own, so a bit that does not matter is in the header.
        if codec == .gzip { #expect(copy(of: output) == bytes, "bit \(bit)") }
      } catch {
        #expect([.corruptCompression, .limitExceeded].contains(error.code), "bit \(bit): \(error)")
        #expect(output.count == 0)
      }
      #expect(output.capacity <= 2 << 20)
    }
  }

  @Test(arguments: builtCodecs) func `bytes by chance, also behind a good beginning`(
    codec: Compression.Codec
  ) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = CodecRandom(seed: seed)
    let good = try compressed(jsonLines(2_000, seed: 1), codec.compression)
    for _ in 0..<2_000 {
      let noise = incompressibleBytes(Int.random(in: 1...300, using: &random), seed: random.next())
      let bytes = good.prefix(Int.random(in: 0...good.count, using: &random)) + noise
      let output = ByteBuffer(capacity: 0)
      do throws(FormatError) {
        try decompress(Array(bytes), codec, into: output, limit: 1 << 20)
        #expect(output.count <= 1 << 20, "seed \(seed)")
      } catch {
        #expect(output.count == 0, "seed \(seed)")
      }
      #expect(output.capacity <= 2 << 20, "seed \(seed)")
    }
  }

  @Test(arguments: builtCodecs) func `a context goes on after an error`(codec: Compression.Codec) throws {
    let bytes = jsonLines(90_000, seed: 4)
    let packed = try compressed(bytes, codec.compression)
    for length in [packed.count / 2, packed.count - 1, 20] {
      #expect(throws: FormatError.self) { try decompressed(Array(packed.prefix(length)), codec) }
      #expect(try decompressed(packed, codec) == bytes)
    }
  }

  /// liblz4 1.9.4 keeps the rest of a broken frame's content size, and holds it against the next frame that has
  /// none, even if it is told to start afresh.
  @Test(.enabled(if: Compression.isBuilt(.lz4))) func `lz4, a broken frame with a size before others`() throws
  {
    let broken = hex("04224d18 68 70 0000000000010000 97 00000000")
    let packed = try compressed(jsonLines(1_000, seed: 4), .lz4())
    for _ in 0..<20 {
      #expect(throws: FormatError.self) { try decompressed(broken, .lz4) }
      #expect(try decompressed(packed, .lz4).count == 1_000)
    }
  }

  @Test(arguments: builtCodecs) func `what was there before stays, when a codec throws`(
    codec: Compression.Codec
  ) throws {
    let bytes = jsonLines(90_000, seed: 6)
    let packed = try compressed(bytes, codec.compression)
    let output = ByteBuffer(capacity: 0)
    try decompress(packed, codec, into: output)
    #expect(throws: FormatError.self) { try decompress(packed + packed.dropLast(), codec, into: output) }
    #expect(throws: FormatError.self) { try decompress(packed, codec, into: output, limit: 89_999) }
    #expect(copy(of: output) == bytes)
  }
}
