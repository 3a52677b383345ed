import StrataRecords
import Testing

/// The digest of batches' heads, and what it tells of a bit that turned over.
@Suite struct HeadDigestTests {
  @Test func theBitThatChangedAChecksumIsFound() {
    for count in [1, 4, 21, 100] {
      let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31 + 7) }
      let checksum = CRC32C.checksum(message.span)
      for bit in 0..<count * 8 {
        var flipped = message
        flipped[count - 1 - bit / 8] ^= 1 << UInt8(7 - bit % 8)
        let difference = CRC32C.checksum(flipped.span) ^ checksum
        #expect(CRC32C.flippedBit(for: difference, among: count * 8) == bit)
        #expect(CRC32C.flippedBit(for: difference, among: bit) == nil)
      }
    }
  }

  @Test func aHeadIsTheFirstBytesOfABatchAsTheyLieInTheLog() throws {
    var builder = RecordBatchBuilder()
    try builder.append(key: nil, value: "value".utf8.span, timestamp: Timestamp(milliseconds: 5))
    var header = try builder.finish().header
    header.baseOffset = 0x0102_0304_0506_0708
    header.partitionLeaderEpoch = 0x0A0B_0C0D
    var bytes = [UInt8](repeating: 0, count: RecordBatchHeader.byteCount)
    var span = bytes.mutableSpan
    header.encode(into: &span)
    let before = CRC32C.checksum("before".utf8.span)
    let head = bytes.span.extracting(0..<RecordBatchHeader.headByteCount)
    #expect(header.headDigest(behind: before) == CRC32C.update(before, head))
    for bit in 0..<8 * RecordBatchHeader.headByteCount {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let expected = try RecordBatchHeader(parsing: flipped.span)
      #expect(header.flipping(bit: bit) == expected)
    }
  }
}
