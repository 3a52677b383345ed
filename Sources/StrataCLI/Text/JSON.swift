/// Writing JSON (RFC 8259), one object a line: keys are literals, numbers are whole and have up to 64 bits.
///
///     JSON.write("key", 5, to: &output, isFirst: true)      {"key":5
enum JSON {
  /// Adds a string. Bytes that are no UTF-8 become U+FFFD, one each.
  static func write(string bytes: Span<UInt8>, to output: inout Output) {
    output.write(UInt8(ascii: "\""))
    var place = 0
    while place < bytes.count {
      let count = UTF8Text.length(of: bytes, at: place)
      let byte = bytes[place]
      switch (count, byte) {
      case (0, _): output.write("\u{FFFD}" as StaticString)
      case (1, 0x22), (1, 0x5C):
        output.write(UInt8(ascii: "\\"))
        output.write(byte)
      case (1, 0x00...0x1F), (1, 0x7F):
        output.write("\\u00" as StaticString)
        output.write(UTF8Text.hexDigit(byte >> 4))
        output.write(UTF8Text.hexDigit(byte & 15))
      default: output.write(bytes.extracting(place..<place + count))
      }
      place += max(count, 1)
    }
    output.write(UInt8(ascii: "\""))
  }

  /// Adds a string.
  static func write(string text: String, to output: inout Output) {
    write(string: text.utf8.span, to: &output)
  }

  /// Adds bytes: `null`, or `{"b64":"…"}`.
  static func write(bytes: Span<UInt8>?, to output: inout Output) {
    guard let bytes else { return output.write("null" as StaticString) }
    output.write("{\"b64\":\"" as StaticString)
    Base64.write(bytes, to: &output)
    output.write("\"}" as StaticString)
  }

  /// Adds a key, and a comma before it where it is not the object's first.
  @inline(__always)
  static func write(key: StaticString, to output: inout Output, isFirst: Bool = false) {
    output.write(isFirst ? "\"" : ",\"" as StaticString)
    output.write(key)
    output.write("\":" as StaticString)
  }

  /// Adds a key and a number.
  @inline(__always)
  static func write(_ key: StaticString, _ number: Int64, to output: inout Output, isFirst: Bool = false) {
    write(key: key, to: &output, isFirst: isFirst)
    output.write(number)
  }

  /// Adds a key and a number or null.
  static func write(_ key: StaticString, _ number: Int64?, to output: inout Output, isFirst: Bool = false) {
    write(key: key, to: &output, isFirst: isFirst)
    if let number { output.write(number) } else { output.write("null" as StaticString) }
  }

  /// Adds a key and a string or null.
  static func write(_ key: StaticString, _ text: String?, to output: inout Output, isFirst: Bool = false) {
    write(key: key, to: &output, isFirst: isFirst)
    if let text { write(string: text, to: &output) } else { output.write("null" as StaticString) }
  }

  /// Adds a key and a truth.
  static func write(_ key: StaticString, _ truth: Bool, to output: inout Output, isFirst: Bool = false) {
    write(key: key, to: &output, isFirst: isFirst)
    output.write(truth ? "true" : "false" as StaticString)
  }
}
