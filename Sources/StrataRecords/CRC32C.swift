internal import CStrataShims

/// The checksum of record batches and of producer snapshots: CRC-32C (Castagnoli), as iSCSI has it (RFC 3720).
public enum CRC32C {
  /// The checksum of `bytes`; 0 for none.
  public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    update(0, bytes)
  }

  /// Goes on from `crc`, the checksum of the bytes before these.
  public static func update(_ crc: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
    // The pointer is used inside the call only.
    unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe strata_crc32c(crc, buffer.baseAddress, buffer.count)
    }
  }

  /// The same over raw memory, of which `count` bytes must be readable.
  package static func update(_ crc: UInt32, _ start: UnsafeRawPointer, count: Int) -> UInt32 {
    unsafe strata_crc32c(crc, start, count)
  }
}
