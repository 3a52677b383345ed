import StrataRecords
import Testing

/// Bytes that claim to hold nothing, and hold something, where the buffer has no room left.
@Suite struct CodecEmptyClaimTests {
  static let gzip: [UInt8] = [
    0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0x08, 0x02, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0x29, 0, 0, 0, 0, 0,
  ]
  /// A frame of a single segment, content size 0, and one raw block of one byte.
  static let zstd: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x00, 0x09, 0x00, 0x00, 0x61]

  private func decompress(_ bytes: [UInt8], _ codec: Compression.Codec, room: Int) -> FormatError.Code? {
    let output = ByteBuffer(capacity: room)
    // All that it has is taken: not a byte of room.
    output.append([UInt8](repeating: 7, count: output.capacity).span)
    do throws(FormatError) {
      try unsafe bytes.span.withUnsafeBytes { source throws(FormatError) in
        try unsafe CodecDispatch.decompress(source, codec, into: output, limit: 100_000)
      }
      return nil
    } catch { return error.code }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [1, 16, 64, 100])
  func aMemberThatClaimsToBeEmptyComesToAnEnd(room: Int) {
    guard Compression.isBuilt(.gzip) else { return }
    #expect(decompress(Self.gzip, .gzip, room: room) == .corruptCompression)
  }

  @Test(.timeLimit(.minutes(1)), arguments: [1, 16, 64, 100])
  func aFrameThatClaimsToBeEmptyComesToAnEnd(room: Int) {
    guard Compression.isBuilt(.zstd) else { return }
    #expect(decompress(Self.zstd, .zstd, room: room) == .corruptCompression)
  }
}
