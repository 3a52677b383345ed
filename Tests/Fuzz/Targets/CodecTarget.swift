internal import Strata
internal import StrataRecords

/// Bytes as a compressed body, and as one that is compressed.
enum CodecTarget {
  private static let limit = 1 << 18

  static func run(_ input: [UInt8], _ compression: Compression) throws(Finding) {
    let codec = compression.codec
    guard Compression.isBuilt(codec) else { return }
    try require(
      decompress(try compress(input, compression), codec, limit: input.count) == input,
      "\(codec.name): other bytes came back")
    guard let plain = decompress(input, codec, limit: limit) else { return }
    try require(plain.count <= limit, "\(codec.name): \(plain.count) bytes where \(limit) were allowed")
    try require(
      decompress(input, codec, limit: plain.count) == plain,
      "\(codec.name): a limit that just fits changes it")
    if !plain.isEmpty {
      try require(
        decompress(input, codec, limit: plain.count - 1) == nil, "\(codec.name): more bytes than the limit")
    }
    try require(
      decompress(try compress(plain, compression), codec, limit: plain.count) == plain,
      "\(codec.name): what it made of the input does not survive a round trip")
  }

  /// nil for bytes that are refused.
  private static func decompress(_ bytes: [UInt8], _ codec: Compression.Codec, limit: Int) -> [UInt8]? {
    let output = ByteBuffer(capacity: 16)
    // Something before, which has to be left alone.
    output.append([1, 2, 3].span)
    do throws(FormatError) {
      // The pointer is used inside of the call alone.
      try unsafe bytes.span.withUnsafeBytes { source throws(FormatError) in
        try unsafe CodecDispatch.decompress(source, codec, into: output, limit: limit)
      }
    } catch {
      return nil
    }
    let all = [UInt8](copying: output.bytes)
    return all.starts(with: [1, 2, 3]) ? Array(all.dropFirst(3)) : [0xFF]
  }

  private static func compress(
    _ bytes: [UInt8], _ compression: Compression
  ) throws(Finding) -> [UInt8] {
    let output = ByteBuffer(capacity: 16)
    do throws(FormatError) {
      try unsafe bytes.span.withUnsafeBytes { source throws(FormatError) in
        try unsafe CodecDispatch.compress(source, compression, into: output)
      }
    } catch { throw Finding("\(compression.codec.name) cannot compress: \(error)") }
    return [UInt8](copying: output.bytes)
  }

  static func seeds(_ compression: Compression) -> [[UInt8]] {
    guard Compression.isBuilt(compression.codec) else { return [] }
    let texts: [[UInt8]] = [
      [], Array("a".utf8), Array(String(repeating: "abcdefgh", count: 40).utf8),
      (0..<200).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31) },
      [UInt8](repeating: 7, count: 5000),
    ]
    return texts.compactMap { text in
      do throws(Finding) { return try compress(text, compression) } catch { return nil }
    }
  }
}
