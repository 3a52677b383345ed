internal import Strata
internal import StrataRecords

/// `strata compact`: keeps the newest record of each key.
enum CompactVerb {
  static let verb = Verb(
    name: "compact",
    summary: "Keeps the newest record of each key, and removes the others.",
    operands: [Operand("DIR", "the log's folder")],
    options: [
      .log, Option("key-memory", "BYTES", "what keys may take of memory (default 134217728)"),
      Option("delete-retention", "MS", "how long tombstones stay (default 86400000)"),
      Option("when-due", nil, "only if half of the log is dirty"),
      Option("active", nil, "end the segment that is appended to, and compact it too"), .rate,
    ],
    notes: """
      This cannot be undone. Records without a key are removed. What was done is printed as a JSON object. The
      segment that is appended to stays as it is without --active.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    var options = CompactionOptions()
    if let bytes = try arguments.integer("key-memory", in: 1...Int.max) { options.keyMapBytes = bytes }
    options.bytesPerSecond = try arguments.integer("rate", in: 1...Int.max)
    options.endsActiveSegment = arguments.has("active")
    if arguments.has("when-due") { options.trigger = .whenDue }
    var configuration = LogConfiguration()
    configuration.cleanupPolicy = .compact
    if let milliseconds = try arguments.integer("delete-retention", in: 0...Int.max) {
      configuration.deleteRetentionMilliseconds = Int64(milliseconds)
    }
    try place.requireSegments()
    let report: CompactionReport
    do throws(LogError) {
      let log = try Log.open(place.path, configuration: configuration)
      report = try log.compact(options)
      try log.close()
    } catch { throw CommandFailure(error) }
    output.write(UInt8(ascii: "{"))
    JSON.write("compactedThrough", report.compactedThrough.rawValue, to: &output, isFirst: true)
    JSON.write("removedRecords", report.removedRecords, to: &output)
    JSON.write("replacedSegments", Int64(report.replacedSegments), to: &output)
    JSON.write("replacedBytes", report.replacedBytes, to: &output)
    JSON.write("writtenSegments", Int64(report.writtenSegments), to: &output)
    JSON.write("writtenBytes", report.writtenBytes, to: &output)
    JSON.write("passes", Int64(report.passes), to: &output)
    output.write("}\n" as StaticString)
    try output.commit()
    return .done
  }
}
