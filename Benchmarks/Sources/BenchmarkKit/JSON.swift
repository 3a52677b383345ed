/// A value of JSON, with the keys of an object in the order in which they are written.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  public struct Member: Sendable, Equatable {
    public var key: String
    public var value: JSON

    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// The text, indented by two spaces a level; small objects and arrays in one line.
  public var text: String {
    var output = ""
    write(to: &output, indentation: 0)
    return output
  }

  private func write(to output: inout String, indentation: Int) {
    switch self {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += "\(value)"
    case .number(let value): output += value.isFinite ? "\(value)" : "null"
    case .string(let value): output += JSON.quoted(value)
    case .array(let values):
      let isFlat = values.allSatisfy(\.isScalar)
      JSON.write("[", "]", values.count, isFlat, &output, indentation) { place, output in
        values[place].write(to: &output, indentation: indentation + 2)
      }
    case .object(let members):
      let isFlat = members.allSatisfy(\.value.isScalar) && members.count <= 6
      JSON.write("{", "}", members.count, isFlat, &output, indentation) { place, output in
        output += JSON.quoted(members[place].key) + ": "
        members[place].value.write(to: &output, indentation: indentation + 2)
      }
    }
  }

  private static func write(
    _ open: String, _ close: String, _ count: Int, _ isFlat: Bool, _ output: inout String,
    _ indentation: Int, _ element: (Int, inout String) -> Void
  ) {
    output += open
    for place in 0..<count {
      if place > 0 { output += isFlat ? ", " : "," }
      if !isFlat { output += "\n" + String(repeating: " ", count: indentation + 2) }
      element(place, &output)
    }
    if !isFlat, count > 0 { output += "\n" + String(repeating: " ", count: indentation) }
    output += close
  }

  private var isScalar: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\t": output += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output + "\""
  }
}
