/// The head of a batch: the bytes in front of what its own checksum covers, that checksum included. A log that
/// wants to know them again keeps a digest of them.
extension RecordBatchHeader {
  /// Base offset, batch length, leader epoch, magic and checksum.
  package static let headByteCount = 21

  /// The CRC-32C of this head behind others whose digest is `digest`; 0 is that of none.
  ///
  /// Since a head ends with its batch's checksum, the digest speaks of the records as well.
  @inline(__always)
  package func headDigest(behind digest: UInt32) -> UInt32 {
    let words = (
      UInt64(bitPattern: baseOffset.rawValue).bigEndian,
      (UInt64(UInt32(bitPattern: batchLength)) &<< 32
        | UInt64(UInt32(bitPattern: partitionLeaderEpoch.rawValue))).bigEndian,
      (UInt64(UInt8(bitPattern: magic)) &<< 56 | UInt64(crc) &<< 24).bigEndian
    )
    // The words are 24 bytes one behind another, and are used inside of the call only.
    return unsafe withUnsafeBytes(of: words) { bytes in
      unsafe CRC32C.update(digest, bytes.baseAddress!, count: Self.headByteCount)
    }
  }

  /// The header with one bit of its head turned over, counted from the first bit of the first byte.
  package func flipping(bit: Int) -> RecordBatchHeader {
    precondition(bit >= 0 && bit < 8 * Self.headByteCount, "a bit beyond the head")
    var bytes = [61 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    encode(into: &span)
    span[bit / 8] ^= 1 << UInt8(bit % 8)
    return RecordBatchHeader(loading: span.span)
  }
}
