import BenchmarkKit
import Testing

@Suite struct JSONParserTests {
  static let sample = """
    {"a": [1, -2.5e3, true, false, null, {}], "b": {"c": "x\\"\\u00e9\\ud83d\\ude00\\n/"}, "d": [], "e": 0}
    """

  @Test func everyKindOfValueIsRead() throws {
    let json = try JSON(parsing: Self.sample)
    #expect(
      json
        == .object([
          .init("a", .array([.integer(1), .number(-2500), .bool(true), .bool(false), .null, .object([])])),
          .init("b", .object([.init("c", .string("x\"é😀\n/"))])), .init("d", .array([])),
          .init("e", .integer(0)),
        ]))
    #expect(json["b"]?["c"]?.string == "x\"é😀\n/")
    #expect(json["a"]?.elements?[1].double == -2500)
    #expect(json["nothing"] == nil)
  }

  @Test func whatIsWrittenIsRead() throws {
    let json = try JSON(parsing: Self.sample)
    #expect(try JSON(parsing: json.text) == json)
  }

  @Test(arguments: [
    ("", "line 1, column 1: the text ends where a value has to be"),
    ("{\"a\": 1,\n \"b\" 2}", "line 2, column 6: a colon has to be here"),
    ("[1, 2,]", "line 1, column 7: no value begins like this"),
    ("[1 2]", "column 4: a comma or ] has to be here"),
    ("{\"a\": 1} x", "column 10: something stands behind the value"),
    ("{\"a\": 1, \"a\": 2}", "column 10: the key a is there twice"),
    ("{a: 1}", "column 2: a key has to be here"),
    ("01", "column 1: a number does not begin with 0"), ("-", "column 2: a digit has to be here"),
    ("1.", "a digit has to be behind the point"), ("1e", "a digit has to be in the exponent"),
    ("1e999", "column 1: the number is too large"), ("nul", "no value begins like this"),
    ("NaN", "no value begins like this"), ("\"a", "the text ends within a string"),
    ("\"a\tb\"", "a control character stands within a string"),
    ("\"\\x\"", "column 3: there is no such escape"),
    ("\"\\ud800\"", "half of a surrogate pair"), ("\"\\udc00\\ud800\"", "half of a surrogate pair"),
    ("\"\\u12g4\"", "four hexadecimal digits"),
    (String(repeating: "[", count: 100_000), "column 66: more than 64 levels"),
  ])
  func whatIsNoJSONIsRefusedWithItsPlace(text: String, message: String) {
    do {
      _ = try JSON(parsing: text)
      Issue.record("\(text.prefix(40)) was taken")
    } catch {
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test func bytesThatAreNoTextAreRefused() {
    #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xC3, 0x28, 0x22]) }
  }

  @Test func everyTruncationIsRefused() {
    let bytes = Array(Self.sample.utf8)
    for count in bytes.indices {
      #expect(throws: JSONError.self, "\(count)") { try JSON(parsing: Array(bytes[..<count])) }
    }
  }

  @Test func noBytesTrap() {
    var random = SystemRandomNumberGenerator()
    let seed = UInt64.random(in: 0 ... .max, using: &random)
    var state = seed
    for _ in 0..<20_000 {
      var bytes = Array(Self.sample.utf8)
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
      }
      if let json = try? JSON(parsing: bytes) {
        #expect((try? JSON(parsing: json.text)) == json, "seed \(seed)")
      }
    }
  }
}
