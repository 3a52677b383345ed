internal import Strata
internal import StrataIO

/// `strata info`: what a log is made of.
enum InfoVerb {
  static let verb = Verb(
    name: "info",
    summary: "Shows offsets, segments, sizes and codecs of a log, or the logs of a folder.",
    operands: [Operand("DIR", "the log's folder, or a folder of logs")],
    options: [.log, Option("json", nil, "as one JSON object")],
    notes: """
      Reads every batch once, and changes nothing. The recovery point is the offset behind the last record that is
      known to survive the loss of power. A codec's ratio is the bytes of its records by the bytes that they take
      in the log. Where damage is met the status is 1. Of a folder of logs it shows where each of them stands; a log
      that cannot be opened is named, and the status is 3.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    if try place.isFolderOfLogs() { return try list(place, asJSON: arguments.has("json"), &output) }
    let log = try place.openToRead()
    let survey = try LogSurvey(log)
    if arguments.has("json") { write(json: survey, &output) } else { write(table: survey, &output) }
    try output.commit()
    if let failure = survey.findings.failure { throw failure }
    return .done
  }

  private static func list(
    _ place: LogPlace, asJSON: Bool, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let survey = try DirectorySurvey(place)
    if asJSON { survey.writeJSON(to: &output) } else { survey.writeTable(to: &output) }
    try output.commit()
    if let (_, failure) = survey.failures.first { throw CommandFailure(failure) }
    return .done
  }

  private static func write(json survey: LogSurvey, _ output: inout Output) {
    output.write(UInt8(ascii: "{"))
    JSON.write("path", survey.path, to: &output, isFirst: true)
    JSON.write("logStartOffset", survey.logStart.rawValue, to: &output)
    JSON.write("recoveryPoint", survey.recoveryPoint.rawValue, to: &output)
    JSON.write("lastStableOffset", survey.lastStableOffset.rawValue, to: &output)
    JSON.write("openTransactions", Int64(survey.openTransactions), to: &output)
    JSON.write("logEndOffset", survey.logEnd.rawValue, to: &output)
    JSON.write("closedCleanly", survey.wasClosedCleanly, to: &output)
    JSON.write("writer", survey.writer, to: &output)
    JSON.write("leaderEpoch", survey.leaderEpoch.map { Int64($0.rawValue) }, to: &output)
    JSON.write("records", survey.total.records, to: &output)
    JSON.write("batches", survey.total.batches, to: &output)
    JSON.write("bytes", survey.total.bytes, to: &output)
    JSON.write("largestBatchBytes", survey.largestBatch, to: &output)
    JSON.write("unfinishedBytes", survey.unfinishedBytes, to: &output)
    JSON.write("damages", Int64(survey.findings.damages), to: &output)
    JSON.write(key: "segments", to: &output)
    for (place, segment) in survey.segments.enumerated() {
      output.write(place == 0 ? "[{" : ",{" as StaticString)
      JSON.write("file", segment.path, to: &output, isFirst: true)
      JSON.write("baseOffset", segment.baseOffset.rawValue, to: &output)
      JSON.write("lastOffset", segment.lastOffset?.rawValue, to: &output)
      JSON.write("bytes", segment.size, to: &output)
      JSON.write("indexBytes", segment.indexBytes, to: &output)
      JSON.write("batches", segment.counts.batches, to: &output)
      JSON.write("records", segment.counts.records, to: &output)
      JSON.write("maxTimestamp", segment.maxTimestamp?.milliseconds, to: &output)
      JSON.write("sealed", segment.isSealed, to: &output)
      output.write(UInt8(ascii: "}"))
    }
    output.write("],\"codecs\":[" as StaticString)
    for (place, entry) in survey.codecs.enumerated() {
      output.write(place == 0 ? "{" : ",{" as StaticString)
      JSON.write("codec", entry.name, to: &output, isFirst: true)
      JSON.write("batches", entry.counts.batches, to: &output)
      JSON.write("records", entry.counts.records, to: &output)
      JSON.write("bytes", entry.counts.bytes, to: &output)
      JSON.write("decompressedBytes", entry.decompressedBytes, to: &output)
      output.write(",\"ratio\":\(entry.ratio.map(Figures.hundredths) ?? "null")}" as String)
    }
    output.write("]}\n" as StaticString)
  }

  private static func write(table survey: LogSurvey, _ output: inout Output) {
    func row(_ name: String, _ text: String) {
      output.write(name + String(repeating: " ", count: max(1, 16 - name.count)) + text + "\n")
    }
    row("log", survey.path)
    row("start", "\(survey.logStart)")
    row("recovery point", "\(survey.recoveryPoint)")
    let open = survey.openTransactions
    row(
      "last stable",
      "\(survey.lastStableOffset)"
        + (open == 0 ? "" : "; \(Figures.count(Int64(open), "transaction")) under way"))
    row("end", "\(survey.logEnd)")
    row("closed cleanly", survey.stateText)
    row("leader epoch", survey.leaderEpoch.map { "\($0)" } ?? "none")
    row(
      "holds",
      "\(Figures.count(survey.total.records, "record")) in \(Figures.count(survey.total.batches, "batch")), "
        + "\(Figures.size(survey.total.bytes)) in \(Figures.count(Int64(survey.segments.count), "segment"))")
    row("largest batch", Figures.size(survey.largestBatch))
    if survey.unfinishedBytes > 0 {
      row("unfinished", "\(survey.unfinishedBytes) bytes behind the last batch: a writer's, or a crash's")
    }
    for entry in survey.codecs {
      row(
        "codec " + entry.name,
        "\(Figures.count(entry.counts.batches, "batch")), \(Figures.size(entry.counts.bytes)), ratio "
          + (entry.ratio.map(Figures.hundredths) ?? "unknown: this build leaves the codec out"))
    }
    for segment in survey.segments {
      let range = segment.lastOffset.map { "offsets \(segment.firstOffset ?? segment.baseOffset) to \($0)" }
      row(
        "segment",
        "\(segment.name)  \(range ?? "empty")  \(Figures.count(segment.counts.records, "record"))  "
          + "\(Figures.count(segment.counts.batches, "batch"))  \(Figures.size(segment.size))"
          + (segment.isSealed ? "" : "  active"))
    }
  }
}

/// Numbers for a person.
enum Figures {
  static func size(_ bytes: Int64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    guard bytes >= 1024 else { return "\(bytes) bytes" }
    var value = Double(bytes) / 1024
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return "\(hundredths(value)) \(units[unit])"
  }

  /// `1 record`, `2 records`.
  static func count(_ number: Int64, _ noun: String) -> String {
    if number == 1 { return "1 \(noun)" }
    return "\(number) \(noun)\(noun.hasSuffix("ch") ? "es" : "s")"
  }

  /// Two digits behind the point.
  static func hundredths(_ value: Double) -> String {
    let count = Int64((value * 100).rounded())
    let rest = count % 100
    return "\(count / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
