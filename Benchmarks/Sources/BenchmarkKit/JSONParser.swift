/// Why a text is no JSON, and where: lines and columns count from 1, columns in bytes.
public struct JSONError: Error, Equatable, CustomStringConvertible, Sendable {
  public var line: Int
  public var column: Int
  public var what: String

  public var description: String { "line \(line), column \(column): \(what)" }
}

extension JSON {
  /// The value that a text is (RFC 8259), strictly: one value, no comments, no trailing commas, no key twice,
  /// at most 64 levels.
  ///
  /// - Throws: the place of the first byte that cannot be there.
  public init(parsing text: String) throws(JSONError) {
    self = try JSON(parsing: Array(text.utf8))
  }

  /// The same of bytes, which have to be UTF-8.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }

  /// The value of an object's key; nil where this is no object, or has no such key.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The text of a string; nil of anything else.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// A number, with or without a fraction; nil of anything else.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// A number without a fraction; nil of anything else.
  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The elements of an array; nil of anything else.
  public var elements: [JSON]? {
    if case .array(let values) = self { values } else { nil }
  }

  /// The members of an object; nil of anything else.
  public var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }
}

/// Reads one value from its first byte to its last.
private struct JSONParser {
  static let maximumDepth = 64
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONError) -> JSON {
    let value = try self.value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw failure("something stands behind the value") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    skipSpace()
    guard depth <= JSONParser.maximumDepth else {
      throw failure("more than \(JSONParser.maximumDepth) levels")
    }
    guard let byte = peek else { throw failure("the text ends where a value has to be") }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("no value begins like this")
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    var members: [JSON.Member] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object([]) }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw failure("a key has to be here, in quotes") }
      let start = position
      let key = try string()
      guard !members.contains(where: { $0.key == key }) else {
        position = start
        throw failure("the key \(key) is there twice")
      }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("a colon has to be here") }
      members.append(JSON.Member(key, try value(depth: depth + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw failure("a comma or } has to be here") }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    var values: [JSON] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(values) }
      guard take(UInt8(ascii: ",")) else { throw failure("a comma or ] has to be here") }
    }
  }

  private mutating func word(_ word: String, _ value: JSON) throws(JSONError) -> JSON {
    guard bytes[position...].starts(with: word.utf8) else { throw failure("no value begins like this") }
    position += word.utf8.count
    return value
  }

  /// A number; one without a fraction and an exponent that fits is an integer.
  private mutating func number() throws(JSONError) -> JSON {
    let start = position
    _ = take(UInt8(ascii: "-"))
    let first = position
    guard digits() > 0 else { throw failure("a digit has to be here") }
    guard bytes[first] != UInt8(ascii: "0") || position == first + 1 else {
      position = first
      throw failure("a number does not begin with 0")
    }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      guard digits() > 0 else { throw failure("a digit has to be behind the point") }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() > 0 else { throw failure("a digit has to be in the exponent") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw failure("the number is too large")
    }
    return .number(value)
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    return position - start
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    var text = ""
    var start = position
    while true {
      guard let byte = peek else { throw failure("the text ends within a string") }
      switch byte {
      case UInt8(ascii: "\""):
        text += try decoded(start..<position)
        position += 1
        return text
      case UInt8(ascii: "\\"):
        text += try decoded(start..<position)
        position += 1
        text.unicodeScalars.append(try escape())
        start = position
      case 0..<0x20: throw failure("a control character stands within a string")
      default: position += 1
      }
    }
  }

  /// The bytes as text, if they are UTF-8.
  private mutating func decoded(_ range: Range<Int>) throws(JSONError) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      position = range.lowerBound
      throw failure("the string is not UTF-8")
    }
    return text
  }

  /// What stands behind a backslash.
  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    guard let byte = peek else { throw failure("the text ends within a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try codePoint()
    default:
      position -= 1
      throw failure("there is no such escape")
    }
  }

  /// The character of \u and four digits, or of two such that are a surrogate pair.
  private mutating func codePoint() throws(JSONError) -> Unicode.Scalar {
    let start = position
    let high = try hexadecimal()
    if let scalar = Unicode.Scalar(high) { return scalar }
    if high < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let low = try hexadecimal()
      if low >= 0xDC00, low <= 0xDFFF,
        let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      {
        return scalar
      }
    }
    position = start
    throw failure("half of a surrogate pair")
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard position + 4 <= bytes.count,
      bytes[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }),
      let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    else { throw failure("four hexadecimal digits have to be here") }
    position += 4
    return value
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Goes on behind the byte, if it is the next one.
  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
  }

  private func failure(_ what: String) -> JSONError {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return JSONError(line: line, column: before.count - start + 1, what: what)
  }
}
