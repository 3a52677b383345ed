import Foundation
import Strata
import StrataRecords

/// A durable point as it lies on the disk, made from its documentation: so that a test can say how far a log was
/// durable that somebody else wrote.
func durablePointFile(
  base: Int64 = 0, position: Int64, nextOffset: Int64, lastBatch: (position: Int64, crc: UInt32) = (0, 0)
) -> [UInt8] {
  func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
  func progress(_ position: Int64, _ next: Int64, _ last: (position: Int64, crc: UInt32)) -> [UInt8] {
    bigEndian(base) + bigEndian(position) + bigEndian(next) + bigEndian(last.position) + bigEndian(last.crc)
      + bigEndian(Int32(0)) + bigEndian(Int32(0)) + bigEndian(Int64(0)) + bigEndian(Int64(-1))
      + bigEndian(base) + bigEndian(Int64(-1)) + bigEndian(Int64(-1))
  }
  var slot = Array("STDP".utf8) + bigEndian(UInt16(1)) + bigEndian(UInt16(0)) + bigEndian(UInt64(1))
  slot += bigEndian(Int64(0))
  slot += progress(position, nextOffset, lastBatch)
  // Nothing is said of the indexes: all of the segment is read.
  slot += progress(0, base, (0, 0))
  slot += bigEndian(CRC32C.checksum(slot.span))
  slot += [UInt8](repeating: 0, count: 512 - slot.count)
  return slot + [UInt8](repeating: 0, count: 512)
}
