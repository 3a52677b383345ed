/// What Kafka wrote before version 0.11: message sets of magic 0 and 1. Strata does not read them; it only has to
/// tell one from damage, so that such a log is refused by name and never cut.
///
///     offset int64 | size int32 | crc uint32 (CRC-32 of what follows) | magic int8 | attributes int8 | …
package enum LegacyMessageSet {
  /// Whether a header could be that of such a message.
  package static func isPlausible(_ header: RecordBatchHeader?) -> Bool {
    guard let header else { return false }
    return (header.magic == 0 || header.magic == 1) && header.batchLength >= 14
  }

  /// Whether `bytes` begin with such a message, its checksum included.
  package static func isWhole(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count >= 26 else { return false }
    var size = 0
    for place in 8..<12 { size = size << 8 | Int(bytes[place]) }
    guard size >= 14, size <= bytes.count - 12, bytes[16] <= 1 else { return false }
    var stored: UInt32 = 0
    for place in 12..<16 { stored = stored << 8 | UInt32(bytes[place]) }
    return checksum(bytes.extracting(16..<12 + size)) == stored
  }

  /// CRC-32 (IEEE 802.3), bit by bit: used on one message of a log that is going to be refused.
  private static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for place in bytes.indices {
      crc ^= UInt32(bytes[place])
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
