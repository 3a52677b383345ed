internal import Strata
internal import StrataIO

/// `strata dump`: what lies in the files of a log, byte by byte, wherever they are.
enum DumpVerb {
  static let verb = Verb(
    name: "dump",
    summary: "Shows the batches and records of a segment, or the entries of an index or checkpoint.",
    operands: [
      Operand("PATH", "a log's folder, for all its segments; or one file of it, wherever it lies")
    ],
    options: [
      .log,
      Option("json", nil, "one JSON object a line"),
      Option("no-records", nil, "batches alone"),
    ],
    notes: """
      Files are known by their names: .index, .timeindex, .txnindex, .snapshot, .seal, leader-epoch-checkpoint,
      *-offset-checkpoint, strata.durable-point and strata.transactions; every other file is read as a segment.
      Damage is shown where it lies, and the status is 1. Behind it the dump goes on only where a whole batch follows at the end that
      the damaged one claims. Beside a writer the last batch may be half written.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let format = DumpFormat(isJSON: arguments.has("json"), showsRecords: !arguments.has("no-records"))
    let path = arguments.operands[0]
    var findings = DumpFindings()
    let kind = try kind(of: path)
    if kind == nil {
      throw .refused("\(path): there is no such file or folder; name the folder of a log, or one file of it")
    }
    if arguments.text("log") != nil || kind == .directory {
      let place = try LogPlace(arguments)
      try place.requireSegments()
      try dumpSegments(place.path, format, &output, &findings)
    } else {
      try dumpFile(path, format, &output, &findings)
    }
    if let failure = findings.failure { throw failure }
    return .done
  }

  private static func kind(of path: String) throws(CommandFailure) -> FileMetadata.Kind? {
    try system { () throws(IOError) in try LogEnvironment.system.fileSystem.metadata(path)?.kind }
  }

  private static func dumpSegments(
    _ directory: String, _ format: DumpFormat, _ output: inout Output, _ findings: inout DumpFindings
  ) throws(CommandFailure) {
    let segments = try LogPlace.segments(of: directory)
    for (place, segment) in segments.enumerated() {
      let next = place + 1 < segments.count ? segments[place + 1].baseOffset : nil
      if !format.isJSON { output.write("segment \(segment.path)\n" as String) }
      let walk = try SegmentWalk.open(segment.path, nextBase: next)
      try SegmentDump(format: format).run(walk, &output, &findings)
    }
  }

  private static func dumpFile(
    _ path: String, _ format: DumpFormat, _ output: inout Output, _ findings: inout DumpFindings
  ) throws(CommandFailure) {
    if let dump = SideFileDump(path: path, format: format) { return try dump.run(&output, &findings) }
    try SegmentDump(format: format).run(SegmentWalk.open(path), &output, &findings)
  }
}
