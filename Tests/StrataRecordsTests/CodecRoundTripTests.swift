import StrataRecords
import Testing

/// What goes into a codec comes out of it, whatever its size and its level.
@Suite struct CodecRoundTripTests {
  static let sizes = [
    0, 1, 63, 64, 65, (32 << 10) - 1, 32 << 10, (32 << 10) + 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1,
    1 << 20,
  ]

  @Test(arguments: compressionsAtAllLevels) func `sizes around the seams of blocks`(compression: Compression)
    throws
  {
    for size in Self.sizes {
      try expectRoundTrip(jsonLines(size, seed: UInt64(size)), compression)
      try expectRoundTrip([UInt8](repeating: 0x61, count: size), compression)
      try expectRoundTrip(incompressibleBytes(size, seed: UInt64(size)), compression)
    }
  }

  @Test(arguments: compressionsAtAllLevels) func `random sizes and contents`(compression: Compression) throws
  {
    let seed = UInt64.random(in: 0 ... .max)
    var random = CodecRandom(seed: seed)
    for _ in 0..<30 {
      var bytes = [UInt8]()
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let size = Int.random(in: 0...20_000, using: &random)
        switch random.next() % 3 {
        case 0: bytes += jsonLines(size, seed: random.next())
        case 1: bytes += incompressibleBytes(size, seed: random.next())
        default: bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: size)
        }
      }
      try expectRoundTrip(bytes, compression, "seed \(seed)")
    }
  }

  @Test(arguments: compressionsAtAllLevels) func `both directions append`(compression: Compression) throws {
    let bytes = jsonLines(5_000, seed: 1)
    let small = ByteBuffer(capacity: 0)
    small.reserve(3)
    small.withMutableBytes { for index in 0..<3 { $0[index] = UInt8(index) } }
    small.count = 3
    try compress(bytes, compression, into: small)
    #expect(Array(copy(of: small).prefix(3)) == [0, 1, 2])
    let large = ByteBuffer(capacity: 0)
    let packed = Array(copy(of: small).dropFirst(3))
    try decompress(packed, compression.codec, into: large)
    try decompress(packed, compression.codec, into: large)
    #expect(copy(of: large) == bytes + bytes)
  }

  @Test(arguments: builtCodecs) func `text becomes smaller, by more at a higher level`(
    codec: Compression.Codec
  ) throws {
    let bytes = jsonLines(100 << 10, seed: 5)
    let size = try compressed(bytes, codec.compression).count
    #expect(size < bytes.count / 2)
    let best: Compression? =
      switch codec {
      case .none, .snappy: nil
      case .gzip: .gzip(level: 12)
      case .lz4: .lz4(level: 12)
      case .zstd: .zstd(level: 22)
      }
    if let best {
      let smaller = try compressed(bytes, best)
      #expect(smaller.count < size * 97 / 100)
      #expect(try decompressed(smaller, codec) == bytes)
    }
  }

  @Test(arguments: Compression.Codec.allCases.filter { !Compression.isBuilt($0) })
  func `a codec that was left out names its trait`(codec: Compression.Codec) throws {
    for bytes in [[], [1, 2, 3]] as [[UInt8]] {
      for direction in [Direction.in, .out] {
        let error = #expect(throws: FormatError.self) {
          switch direction {
          case .in: _ = try compressed(bytes, codec.compression)
          case .out: _ = try decompressed(bytes, codec)
          }
        }
        #expect(error?.code == .codecNotBuilt)
        #expect(error?.detail.contains("trait \(codec.missingTrait!)") == true)
      }
    }
  }

  private enum Direction { case `in`, out }

  private func expectRoundTrip(_ bytes: [UInt8], _ compression: Compression, _ comment: String = "") throws {
    let packed = try compressed(bytes, compression)
    if packed.isEmpty {
      #expect(bytes.isEmpty && compression.codec == .none)
    }
    let back = try decompressed(packed, compression.codec, limit: bytes.count)
    #expect(back == bytes, "\(bytes.count) bytes, \(compression), \(comment)")
  }
}
