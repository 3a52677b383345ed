internal import Strata
internal import StrataRecords

/// `strata truncate`: takes back records from the end.
enum TruncateVerb {
  static let verb = Verb(
    name: "truncate",
    summary: "Takes back every record from an offset on.",
    operands: [Operand("DIR", "the log's folder")],
    options: [.log, Option("to", "OFFSET", "the first offset to take back")],
    notes: """
      This cannot be undone. A batch goes as a whole, so the log may end before OFFSET; where it ends is printed, as
      {"logEndOffset": N}. The next record gets that offset under a new leader epoch.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    guard let offset = try arguments.integer("to", in: 0...Int.max) else {
      throw .usage("--to is missing: the first offset to take back")
    }
    try place.requireSegments()
    let end: Offset
    do throws(LogError) {
      let log = try Log.open(place.path)
      end = try log.truncate(to: Offset(Int64(offset)))
      try log.close()
    } catch { throw CommandFailure(error) }
    JSON.write("logEndOffset", end.rawValue, toObject: &output)
    try output.commit()
    return .done
  }
}

extension JSON {
  /// Adds an object of one number, as a line.
  static func write(_ key: StaticString, _ number: Int64, toObject output: inout Output) {
    output.write(UInt8(ascii: "{"))
    write(key, number, to: &output, isFirst: true)
    output.write("}\n" as StaticString)
  }
}
