internal import Strata
internal import StrataRecords

/// `strata retain`: removes the oldest segments.
enum RetainVerb {
  static let verb = Verb(
    name: "retain",
    summary: "Removes the oldest segments, by age or by size.",
    operands: [Operand("DIR", "the log's folder")],
    options: [
      .log, Option("age", "MS", "keep what is not older than MS milliseconds"),
      Option("bytes", "N", "keep N bytes of batches at least"),
    ],
    notes: """
      This cannot be undone. Whole segments go. A segment is as old as its newest record, or as its file where the
      record claims to be from the future. What was done is printed as a JSON object.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    var configuration = LogConfiguration()
    configuration.retentionMilliseconds = try arguments.integer("age", in: 0...Int.max).map(Int64.init)
    configuration.retentionBytes = try arguments.integer("bytes", in: 0...Int.max).map(Int64.init)
    if configuration.retentionMilliseconds == nil, configuration.retentionBytes == nil {
      throw .usage("--age or --bytes is missing: what is to be kept")
    }
    try place.requireSegments()
    let report: RetentionReport
    do throws(LogError) {
      let log = try Log.open(place.path, configuration: configuration)
      report = try log.applyRetention()
      try log.close()
    } catch { throw CommandFailure(error) }
    output.write(UInt8(ascii: "{"))
    JSON.write("logStartOffset", report.logStartOffset.rawValue, to: &output, isFirst: true)
    JSON.write("removedSegments", Int64(report.expiredSegments + report.excessSegments), to: &output)
    JSON.write("removedBytes", report.bytes, to: &output)
    output.write("}\n" as StaticString)
    try output.commit()
    return .done
  }
}

/// `strata delete-records`: lets the log begin later.
enum DeleteRecordsVerb {
  static let verb = Verb(
    name: "delete-records",
    summary: "Removes every record before an offset.",
    operands: [Operand("DIR", "the log's folder")],
    options: [.log, Option("before", "OFFSET", "the first offset to keep")],
    notes: """
      This cannot be undone. The offset may lie inside of a batch: the batch stays, and its records before OFFSET are
      not read any more. Where the log begins then is printed, as {"logStartOffset": N}.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    guard let offset = try arguments.integer("before", in: 0...Int.max) else {
      throw .usage("--before is missing: the first offset to keep")
    }
    try place.requireSegments()
    let start: Offset
    do throws(LogError) {
      let log = try Log.open(place.path)
      start = try log.deleteRecords(before: Offset(Int64(offset)))
      try log.close()
    } catch { throw CommandFailure(error) }
    JSON.write("logStartOffset", start.rawValue, toObject: &output)
    try output.commit()
    return .done
  }
}
