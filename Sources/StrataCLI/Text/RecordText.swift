internal import StrataRecords

/// A record as a line, the same in `read` and in `dump`.
enum RecordText {
  /// `{"offset":…,"timestamp":…,"key":…,"value":…,"headers":[…]}` and a newline.
  static func write(json record: RecordView, to output: inout Output) {
    output.write("{\"offset\":" as StaticString)
    output.write(record.offset.rawValue)
    output.write(",\"timestamp\":" as StaticString)
    output.write(record.timestamp.milliseconds)
    output.write(",\"key\":" as StaticString)
    JSON.write(bytes: record.key, to: &output)
    output.write(",\"value\":" as StaticString)
    JSON.write(bytes: record.value, to: &output)
    output.write(",\"headers\":[" as StaticString)
    if record.headerCount > 0 {
      var headers = record.headers()
      var isFirst = true
      while let header = headers.next() {
        output.write(isFirst ? "[" : ",[" as StaticString)
        isFirst = false
        JSON.write(string: header.name, to: &output)
        output.write(UInt8(ascii: ","))
        JSON.write(bytes: header.value, to: &output)
        output.write(UInt8(ascii: "]"))
      }
    }
    output.write("]}\n" as StaticString)
  }

  /// An indented line for a person.
  static func write(table record: RecordView, to output: inout Output) {
    output.write("    \(record.offset)  time \(record.timestamp)  key " as String)
    write(bytes: record.key, to: &output)
    output.write("  value " as StaticString)
    write(bytes: record.value, to: &output)
    if record.headerCount > 0 {
      output.write("  headers" as StaticString)
      var headers = record.headers()
      while let header = headers.next() {
        output.write(UInt8(ascii: " "))
        write(bytes: header.name, to: &output)
        output.write(UInt8(ascii: "="))
        write(bytes: header.value, to: &output)
      }
    }
    output.write(UInt8(ascii: "\n"))
  }

  /// More than these bytes of a key or value are not shown to a person; JSON has all.
  private static let shownBytes = 256

  private static func write(bytes: Span<UInt8>?, to output: inout Output) {
    guard let bytes else { return output.write("null" as StaticString) }
    UTF8Text.write(quoting: bytes, limit: shownBytes, to: &output)
  }
}
