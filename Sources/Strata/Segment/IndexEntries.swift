internal import StrataRecords

/// An entry of the offset index, on disk 8 bytes, big endian:
///
///     relative offset int32 | position int32
///
/// `offset` is the last offset of the batch that starts at `position`. A reader of offset *o* starts at the
/// entry with the largest offset that is at most *o*: all batches before it end below.
package struct OffsetIndexEntry: Hashable, Sendable {
  static let byteCount = 8

  package var offset: Offset
  package var position: Int64

  func encoded(base: Offset) -> [8 of UInt8] {
    var bytes = [8 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    span.storeBigEndian(Int32(truncatingIfNeeded: offset.rawValue - base.rawValue), at: 0)
    span.storeBigEndian(Int32(truncatingIfNeeded: position), at: 4)
    return bytes
  }
}

/// An entry of the time index, on disk 12 bytes, big endian:
///
///     timestamp int64 | relative offset int32
///
/// No record up to `offset` is newer than `timestamp`. Timestamps strictly grow from entry to entry.
package struct TimeIndexEntry: Hashable, Sendable {
  static let byteCount = 12

  package var timestamp: Timestamp
  package var offset: Offset

  func encoded(base: Offset) -> [12 of UInt8] {
    var bytes = [12 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    span.storeBigEndian(timestamp.milliseconds, at: 0)
    span.storeBigEndian(Int32(truncatingIfNeeded: offset.rawValue - base.rawValue), at: 8)
    return bytes
  }
}

extension Offset {
  /// The next offset; the largest is its own.
  var following: Offset { Offset(rawValue == .max ? .max : rawValue + 1) }

  /// The offset behind the last one that can be written relative to this base, in 31 bits.
  package var furthest: Offset {
    let (sum, over) = rawValue.addingReportingOverflow(Int64(Int32.max) + 1)
    return over ? .max : Offset(sum)
  }
}

/// Big-endian integers in a span.
extension Span<UInt8> {
  @inline(__always)
  func bigEndianInt32(at place: Int) -> Int32 {
    Int32(truncatingIfNeeded: bigEndian(at: place, byteCount: 4))
  }

  @inline(__always)
  func bigEndianInt64(at place: Int) -> Int64 {
    Int64(truncatingIfNeeded: bigEndian(at: place, byteCount: 8))
  }

  @inline(__always)
  private func bigEndian(at place: Int, byteCount: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in place..<(place + byteCount) { value = value &<< 8 | UInt64(self[index]) }
    return value
  }
}

extension MutableSpan<UInt8> {
  @inline(__always)
  mutating func storeBigEndian<I: FixedWidthInteger>(_ value: I, at place: Int) {
    let width = I.bitWidth / 8
    for index in 0..<width {
      self[place + index] = UInt8(truncatingIfNeeded: value &>> I((width - 1 - index) * 8))
    }
  }
}
