import StrataRecords
import Testing

/// The framings that Kafka and its clients write are read, and Kafka's own are written. The blobs were made by
/// python-snappy 0.7.3, lz4 4.4.5, zstandard 0.25.0 and Python's gzip.
@Suite struct CodecFramingTests {
  private let text = Array(
    "offset 7, offset 8, offset 9: offset 7, offset 8, offset 9: offset 7, offset 8, offset 9: offset 7, "
      .utf8)

  @Test(.enabled(if: Compression.isBuilt(.snappy))) func `snappy without a frame`() throws {
    let blob = hex("64246f666673657420372c200d0a0038150a04393a1114fa1e00")
    #expect(try decompressed(blob, .snappy) == text)
    #expect(try decompressed([0], .snappy) == [])
  }

  @Test(.enabled(if: Compression.isBuilt(.snappy)))
  func `snappy, two xerial streams one behind the other`() throws {
    let blob = hex(
      """
      82534e415050590000000001000000010000002028246f666673657420372c200d0a0038150a30393a206f666673657420372c20
      82534e415050590000000001000000010000001c1e246f666673657420382c200d0a30393a206f666673657420372c20
      0000001c1e246f666673657420382c200d0a30393a206f666673657420372c20
      """)
    #expect(try decompressed(blob, .snappy) == text)
    // A header is all of an empty stream.
    #expect(try decompressed(Array(blob.prefix(16)), .snappy) == [])
    var wrong = blob
    wrong[11] = 0
    #expect(refusal(wrong, .snappy) == .corruptCompression)
  }

  @Test(.enabled(if: Compression.isBuilt(.snappy))) func `snappy is written as xerial blocks of 32 KiB`()
    throws
  {
    let bytes = jsonLines(70_000, seed: 3)
    let packed = try compressed(bytes, .snappy)
    #expect(Array(packed.prefix(16)) == hex("82534e4150505900 00000001 00000001"))
    var position = 16
    var sizes = [Int]()
    while position < packed.count {
      let length = packed[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      position += 4
      sizes.append(try decompressed(Array(packed[position..<position + length]), .snappy).count)
      position += length
    }
    #expect(sizes == [32 << 10, 32 << 10, 70_000 - (64 << 10)])
    #expect(try compressed([], .snappy).count == 16)
  }

  @Test(.enabled(if: Compression.isBuilt(.lz4))) func `lz4 in any legal frame`() throws {
    let withEverything = hex(
      """
      04224d187c4064000000000000005e20000000a36f666673657420372c200a0015380a0024393a14000f1e0027507420372c20
      ada9ad0200000000e61476f6
      """)
    #expect(try decompressed(withEverything, .lz4) == text)
    let linked = hex(
      """
      04224d184040c01f000000a36f666673657420372c200a0015380a0024393a1400041e00507420382c200d0000000332000f1e00
      13507420372c2000000000
      """)
    #expect(try decompressed(linked, .lz4) == text)
    // Kafka reads one frame. What lies behind is no part of the batch; nor is a frame to be skipped.
    #expect(refusal(linked + linked, .lz4) == .corruptCompression)
    #expect(refusal(linked + [0], .lz4) == .corruptCompression)
    #expect(refusal(hex("502a4d1803000000616263") + linked, .lz4) == .corruptCompression)
  }

  @Test(.enabled(if: Compression.isBuilt(.lz4))) func `lz4 is written as Kafka's reader wants it`() throws {
    for level in [1, 9] {
      let packed = try compressed(jsonLines(200_000, seed: 3), .lz4(level: level))
      // Version 1, independent blocks, nothing else; blocks of 64 KiB; the header's own checksum.
      #expect(Array(packed.prefix(7)) == hex("04224d18 60 40 82"))
      #expect(Array(packed.suffix(4)) == [0, 0, 0, 0])
      var position = 7
      var blocks = 0
      while position < packed.count - 4 {
        let length = packed[position..<position + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        position += 4 + length & 0x7FFF_FFFF
        blocks += 1
      }
      #expect(blocks == 4 && position == packed.count - 4)
    }
  }

  @Test(.enabled(if: Compression.isBuilt(.zstd)))
  func `zstd with and without its size, and several frames`() throws {
    let withoutSize = hex("28b52ffd0400d50000686f666673657420372c2038393a04000c4a02401014d6ac740182a013a3")
    #expect(try decompressed(withoutSize, .zstd) == text)
    let streamed = hex(
      "28b52ffd0068c40000706f666673657420372c2038393a200300418901fa362b48450000106f6601001f8005")
    #expect(try decompressed(streamed, .zstd) == text)
    let skipping = hex(
      """
      28b52ffd2032cd0000686f666673657420372c2038393a0400411d000882c29a952e532a4d180300000061626328b52ffd2032cd
      0000686f666673657420393a20372c380400411d00e502829b1524
      """)
    #expect(try decompressed(skipping, .zstd) == text)
    #expect(refusal(streamed + [1, 2, 3, 4, 5], .zstd) == .corruptCompression)
    // The frame format of zstd 0.7, which a library may still read.
    #expect(refusal(hex("27b52ffd") + Array(streamed.dropFirst(4)), .zstd) == .corruptCompression)
  }

  @Test(.enabled(if: Compression.isBuilt(.gzip))) func `gzip with a file's name, and several members`() throws
  {
    let named = hex(
      """
      1f8b08080100000002ff62617463682e74787400cb4f4b2b4e2d5130d751c887b02ce02c4b2b188b425900263ddbaf64000000
      """)
    #expect(try decompressed(named, .gzip) == text)
    let members = hex(
      """
      1f8b0800000000000203cb4f4b2b4e2d5130d751c887b02ce02c4b2b180b45160077c1bdda320000001f8b080000000000020303
      0000000000000000001f8b0800000000000203cb4f4b2b4e2d51b0b452c887b0cc75602c0b380b4516003bb93b1b32000000
      """)
    #expect(try decompressed(members, .gzip) == text)
    #expect(refusal(members + [0], .gzip) == .corruptCompression)
  }

  /// A member's size may be nothing like that of the members before it, which the first guess does not know.
  @Test(.enabled(if: Compression.isBuilt(.gzip))) func `gzip, a large member before a small one`() throws {
    let large = jsonLines(300_000, seed: 7)
    let zeros = [UInt8](repeating: 0, count: 500_000)
    let packed = try compressed(large, .gzip()) + compressed(zeros, .gzip()) + compressed([1], .gzip())
    #expect(try decompressed(packed, .gzip) == large + zeros + [1])
  }

  private func refusal(_ bytes: [UInt8], _ codec: Compression.Codec) -> FormatError.Code? {
    do throws(FormatError) {
      _ = try decompressed(bytes, codec)
      return nil
    } catch {
      return error.code
    }
  }
}
