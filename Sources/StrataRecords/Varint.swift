// Zig-zag varints, as Protocol Buffers has them for `sint32` and `sint64`: the sign goes to the lowest bit, then
// seven bits a byte, the lowest first, and bit 7 says that another byte follows. At most 5 bytes hold an int32
// (a varint), 10 an int64 (a varlong).

/// Reads what a record is made of from raw memory, and never beyond its end.
///
/// A read that fails notes why, returns 0 and leaves nothing to be read, so that a caller may read a whole record
/// and ask once at its end. The memory from `position` to `end` must stay readable as long as this is used.
@usableFromInline
@safe
struct ByteCursor {
  @usableFromInline
  enum Failure: UInt8 {
    case none
    case truncated
    case invalidVarint
  }

  @usableFromInline
  var position: UnsafeRawPointer
  @usableFromInline
  var end: UnsafeRawPointer
  @usableFromInline
  var failure: Failure

  @inlinable @inline(__always)
  init(from position: UnsafeRawPointer, to end: UnsafeRawPointer) {
    unsafe self.position = position
    unsafe self.end = end
    failure = .none
  }

  /// How many bytes are left.
  @inlinable @inline(__always)
  var remaining: Int { unsafe end - position }

  @inlinable @inline(__always)
  mutating func skip(_ count: Int) {
    // The caller has compared `count` with `remaining`.
    unsafe position += count
  }

  /// Reads one byte that means nothing here.
  @inlinable @inline(__always)
  mutating func skipByte() {
    guard remaining > 0 else { return fail(.truncated) }
    unsafe position += 1
  }

  /// A varint: in the range of an Int32.
  @inlinable @inline(__always)
  mutating func readVarint() -> Int {
    Int(truncatingIfNeeded: readZigZag(maximumBits: 32))
  }

  /// A varlong.
  @inlinable @inline(__always)
  mutating func readVarlong() -> Int64 {
    readZigZag(maximumBits: 64)
  }

  /// One or two bytes here, as lengths and deltas nearly always are; more of them out of line.
  @inlinable @inline(__always)
  mutating func readZigZag(maximumBits: UInt64) -> Int64 {
    // Each load is behind the comparison that allows it.
    let remaining = remaining
    if remaining > 0 {
      let first = UInt64(unsafe position.load(as: UInt8.self))
      if first < 0x80 {
        unsafe position += 1
        return ByteCursor.undoZigZag(first)
      }
      if remaining > 1 {
        let second = UInt64(unsafe position.load(fromByteOffset: 1, as: UInt8.self))
        if second < 0x80 {
          unsafe position += 2
          return ByteCursor.undoZigZag(first & 0x7F | second &<< 7)
        }
      }
    }
    let (value, length) = unsafe ByteCursor.decodeLong(position, end, maximumBits)
    guard length > 0 else {
      fail(length == 0 ? .truncated : .invalidVarint)
      return 0
    }
    unsafe position += length
    return ByteCursor.undoZigZag(value)
  }

  /// What `loadShort` makes of more than four bytes.
  @inlinable
  static var notShort: Int { .min / 4 }
  /// The bytes that `loadShort` may look at.
  @inlinable
  static var shortField: Int { 4 }
  /// Those of four fields and a single byte, one behind the other.
  @inlinable
  static var fourFieldsAndByte: Int { 4 * shortField + 1 }

  /// A varint or varlong of at most four bytes, without any check: four bytes must be readable. `notShort`, and
  /// one byte taken, where it has more.
  @inlinable @inline(__always)
  static func loadShort(_ position: inout UnsafeRawPointer) -> Int {
    let first = UInt64(unsafe position.load(as: UInt8.self))
    if first < 0x80 {
      unsafe position += 1
      return Int(undoZigZag(first))
    }
    let word = UInt64(UInt32(littleEndian: unsafe position.loadUnaligned(as: UInt32.self)))
    let low = word & 0x7F | (word & 0x7F00) &>> 1
    if word & 0x8000 == 0 {
      unsafe position += 2
      return Int(undoZigZag(low))
    }
    let middle = low | (word & 0x7F_0000) &>> 2
    if word & 0x80_0000 == 0 {
      unsafe position += 3
      return Int(undoZigZag(middle))
    }
    if word & 0x8000_0000 == 0 {
      unsafe position += 4
      return Int(undoZigZag(middle | (word & 0x7F00_0000) &>> 3))
    }
    unsafe position += 1
    return notShort
  }

  /// The value and its length in bytes; length 0 where the bytes end too early, −1 where there are too many.
  @usableFromInline
  @inline(never)
  static func decodeLong(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ maximumBits: UInt64
  ) -> (value: UInt64, length: Int) {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var length = 0
    while unsafe length < end - start {
      let byte = UInt64(unsafe start.load(fromByteOffset: length, as: UInt8.self))
      length += 1
      let bits = byte & 0x7F
      // The last byte may fill what is left of the type, and no more.
      if maximumBits - shift < 7, bits &>> (maximumBits - shift) != 0 { return (0, -1) }
      value |= bits &<< shift
      if byte < 0x80 { return (value, length) }
      shift += 7
      if shift >= maximumBits { return (0, -1) }
    }
    return (0, 0)
  }

  @inlinable @inline(__always)
  static func undoZigZag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value &>> 1) ^ (0 &- Int64(bitPattern: value & 1))
  }

  @inlinable @inline(__always)
  mutating func fail(_ why: Failure) {
    if failure == .none { failure = why }
    unsafe end = position
  }
}

/// The writing side: sizes, and stores into memory that has room for them.
@usableFromInline
enum Varint {
  @inlinable @inline(__always)
  static func zigZag(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
  }

  /// How many bytes the value takes: 1 to 10.
  @inline(__always)
  static func size(_ value: Int64) -> Int {
    let bits = 64 &- (zigZag(value) | 1).leadingZeroBitCount
    return (bits &* 9 &+ 64) &>> 6
  }

  @inline(__always)
  static func size(_ value: Int) -> Int { size(Int64(value)) }

  /// The size of a zig-zag value below 0x4000: 1 or 2.
  @inlinable @inline(__always)
  static func shortSize(_ bits: UInt64) -> Int { bits > 0x7F ? 2 : 1 }

  /// Stores a zig-zag value below 0x4000, and moves `position` behind it.
  ///
  /// It asks whether there is a second byte, rather than computing both ways: from record to record a field's length
  /// hardly ever changes, so the processor knows the answer.
  @inlinable @inline(__always)
  static func writeShort(_ bits: UInt64, at position: inout UnsafeMutableRawPointer) {
    if bits < 0x80 {
      unsafe position.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
      unsafe position += 1
    } else {
      // The bits from the seventh on move up by one, to the second byte.
      let both = UInt16(truncatingIfNeeded: bits &+ (bits & 0x3F80)) | 0x80
      unsafe position.storeBytes(of: both.littleEndian, as: UInt16.self)
      unsafe position += 2
    }
  }

  /// Stores the value and moves `position` behind it. The caller has made room for `size(value)` bytes.
  @inline(__always)
  static func write(_ value: Int64, at position: inout UnsafeMutableRawPointer) {
    var rest = zigZag(value)
    if rest < 0x80 {
      unsafe position.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
      unsafe position += 1
      return
    }
    if rest < 0x4000 {
      let both = UInt16(truncatingIfNeeded: rest & 0x7F | 0x80 | (rest &>> 7) &<< 8)
      unsafe position.storeBytes(of: both.littleEndian, as: UInt16.self)
      unsafe position += 2
      return
    }
    while rest >= 0x80 {
      unsafe position.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
      unsafe position += 1
      rest &>>= 7
    }
    unsafe position.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
    unsafe position += 1
  }

  @inline(__always)
  static func write(_ value: Int, at position: inout UnsafeMutableRawPointer) {
    unsafe write(Int64(value), at: &position)
  }
}
