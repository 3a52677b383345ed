import StrataRecords

/// Random numbers that a seed brings back (SplitMix64).
struct CodecRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Bytes that no codec can make smaller.
func incompressibleBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = CodecRandom(seed: seed)
  var bytes = [UInt8]()
  bytes.reserveCapacity(count)
  while bytes.count < count {
    let word = random.next()
    for shift in stride(from: 0, to: min(8, count - bytes.count) * 8, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
    }
  }
  return bytes
}

/// Bytes like those of a log: lines of JSON, which codecs make 2 to 4 times smaller.
func jsonLines(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = CodecRandom(seed: seed)
  var bytes = [UInt8]()
  while bytes.count < count {
    let line = """
      {"id": \(random.next() % 100_000_000), "user": "\(random.next() % 4096)", \
      "state": "\(["created", "paid", "shipped"][Int(random.next() % 3)])", "total": \(random.next() % 1000)}\n
      """
    bytes += line.utf8
  }
  return Array(bytes.prefix(count))
}

/// The codecs that this build has and that compress.
let builtCodecs = Compression.Codec.allCases.filter { $0 != .none && Compression.isBuilt($0) }

/// Every way to compress that this build has: each codec at its default, at its ends and at a level between.
let compressionsAtAllLevels: [Compression] = [
  .none, .snappy, .gzip(), .gzip(level: 1), .gzip(level: 9), .gzip(level: 12), .lz4(), .lz4(level: 3),
  .lz4(level: 12), .zstd(), .zstd(level: -7), .zstd(level: 1), .zstd(level: 19),
].filter { Compression.isBuilt($0.codec) }

extension Compression.Codec {
  /// The codec at its default level.
  var compression: Compression {
    switch self {
    case .none: .none
    case .gzip: .gzip()
    case .snappy: .snappy
    case .lz4: .lz4()
    case .zstd: .zstd()
    }
  }
}

func compressed(_ bytes: [UInt8], _ compression: Compression) throws(FormatError) -> [UInt8] {
  let output = ByteBuffer(capacity: 0)
  try compress(bytes, compression, into: output)
  return copy(of: output)
}

func decompressed(
  _ bytes: [UInt8], _ codec: Compression.Codec, limit: Int = 64 << 20
) throws(FormatError) -> [UInt8] {
  let output = ByteBuffer(capacity: 0)
  try decompress(bytes, codec, into: output, limit: limit)
  return copy(of: output)
}

func compress(_ bytes: [UInt8], _ compression: Compression, into output: ByteBuffer) throws(FormatError) {
  // The pointer is used inside the call only.
  try unsafe bytes.span.withUnsafeBytes { source throws(FormatError) in
    try unsafe CodecDispatch.compress(source, compression, into: output)
  }
}

func decompress(
  _ bytes: [UInt8], _ codec: Compression.Codec, into output: ByteBuffer, limit: Int = 64 << 20
) throws(FormatError) {
  // As above.
  try unsafe bytes.span.withUnsafeBytes { source throws(FormatError) in
    try unsafe CodecDispatch.decompress(source, codec, into: output, limit: limit)
  }
}

func copy(of buffer: ByteBuffer) -> [UInt8] {
  unsafe [UInt8](UnsafeRawBufferPointer(start: buffer.base, count: buffer.count))
}

/// The bytes that hexadecimal digits stand for; blanks are ignored.
func hex(_ digits: String) -> [UInt8] {
  let nibbles = digits.compactMap { $0.hexDigitValue }
  return stride(from: 0, to: nibbles.count, by: 2).map { UInt8(nibbles[$0] << 4 | nibbles[$0 + 1]) }
}
