/// Going over bytes that may be UTF-8, one character at a time.
enum UTF8Text {
  /// The length of the character at `place`, or 0 where the bytes there are none (RFC 3629: no overlong forms, no
  /// surrogates, nothing above U+10FFFF).
  static func length(of bytes: Span<UInt8>, at place: Int) -> Int {
    let first = bytes[place]
    let (count, least, most): (Int, UInt8, UInt8)
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: (count, least, most) = (2, 0x80, 0xBF)
    case 0xE0: (count, least, most) = (3, 0xA0, 0xBF)
    case 0xE1...0xEC, 0xEE...0xEF: (count, least, most) = (3, 0x80, 0xBF)
    case 0xED: (count, least, most) = (3, 0x80, 0x9F)
    case 0xF0: (count, least, most) = (4, 0x90, 0xBF)
    case 0xF1...0xF3: (count, least, most) = (4, 0x80, 0xBF)
    case 0xF4: (count, least, most) = (4, 0x80, 0x8F)
    default: return 0
    }
    guard place + count <= bytes.count, bytes[place + 1] >= least, bytes[place + 1] <= most else { return 0 }
    for next in 2..<max(count, 2) where bytes[place + next] & 0xC0 != 0x80 { return 0 }
    return count
  }

  /// Adds `bytes` between quotation marks for a person to read: what is UTF-8 and can be shown as it is, all else
  /// as `\xNN`. No more than `limit` bytes of them, and how many there are.
  static func write(quoting bytes: Span<UInt8>, limit: Int, to output: inout Output) {
    output.write(UInt8(ascii: "\""))
    var place = 0
    while place < min(bytes.count, limit) {
      let count = length(of: bytes, at: place)
      let byte = bytes[place]
      switch (count, byte) {
      case (1, 0x22), (1, 0x5C):
        output.write(UInt8(ascii: "\\"))
        output.write(byte)
      case (1, 0x0A): output.write("\\n" as StaticString)
      case (1, 0x0D): output.write("\\r" as StaticString)
      case (1, 0x09): output.write("\\t" as StaticString)
      case (1, 0x20...0x7E): output.write(byte)
      case (2, _) where byte > 0xC2 || bytes[place + 1] >= 0xA0, (3, _), (4, _):
        output.write(bytes.extracting(place..<place + count))
      default:
        // A control character, or no UTF-8.
        for next in 0..<max(count, 1) { writeEscape(bytes[place + next], to: &output) }
      }
      place += max(count, 1)
    }
    output.write(UInt8(ascii: "\""))
    if place < bytes.count { output.write("… (\(bytes.count) bytes)") }
  }

  private static func writeEscape(_ byte: UInt8, to output: inout Output) {
    output.write("\\x" as StaticString)
    output.write(hexDigit(byte >> 4))
    output.write(hexDigit(byte & 15))
  }

  /// A digit of 0 to 15, in lower case.
  static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
