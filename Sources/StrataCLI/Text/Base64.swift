/// Bytes as text of 64 letters (RFC 4648, section 4, with padding).
enum Base64 {
  private static let letters: [64 of UInt8] = {
    var letters = [64 of UInt8](repeating: 0)
    var place = 0
    for (first, last) in [("A", "Z"), ("a", "z"), ("0", "9"), ("+", "+"), ("/", "/")]
      as [(Unicode.Scalar, Unicode.Scalar)]
    {
      for letter in first.value...last.value {
        letters[place] = UInt8(letter)
        place += 1
      }
    }
    return letters
  }()

  /// How many letters `count` bytes make.
  static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

  /// Adds the letters of `bytes` to `output`.
  static func write(_ bytes: Span<UInt8>, to output: inout Output) {
    let letters = letters
    output.write(count: encodedCount(bytes.count)) { text in
      var (from, to) = (0, 0)
      while from + 3 <= bytes.count {
        let group = UInt32(bytes[from]) << 16 | UInt32(bytes[from + 1]) << 8 | UInt32(bytes[from + 2])
        text[to] = letters[Int(group >> 18)]
        text[to + 1] = letters[Int(group >> 12 & 63)]
        text[to + 2] = letters[Int(group >> 6 & 63)]
        text[to + 3] = letters[Int(group & 63)]
        from += 3
        to += 4
      }
      let rest = bytes.count - from
      guard rest > 0 else { return }
      let group = UInt32(bytes[from]) << 16 | (rest > 1 ? UInt32(bytes[from + 1]) << 8 : 0)
      text[to] = letters[Int(group >> 18)]
      text[to + 1] = letters[Int(group >> 12 & 63)]
      text[to + 2] = rest > 1 ? letters[Int(group >> 6 & 63)] : UInt8(ascii: "=")
      text[to + 3] = UInt8(ascii: "=")
    }
  }
}
