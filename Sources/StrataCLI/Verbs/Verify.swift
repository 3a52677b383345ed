internal import Strata
internal import StrataRecords

/// `strata verify`: reads everything, and tells of every damage.
enum VerifyVerb {
  static let verb = Verb(
    name: "verify",
    summary: "Reads everything, and tells of every damage.",
    operands: [Operand("DIR", "the log's folder")],
    options: [.log, Option("json", nil, "as one JSON object"), .rate],
    notes: """
      Every batch, every record and every entry of the indexes is looked at; nothing is changed, and a writer is not
      disturbed. Bytes behind the last batch that nobody has promised are no damage: a writer's, or a crash's.
      Where damage is found the status is 1; strata repair can take it out.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    let rate = try arguments.integer("rate", in: 1...Int.max)
    let log = try place.openToRead()
    let report = try Verification.run(log, rate: rate)
    if arguments.has("json") {
      output.write(UInt8(ascii: "{"))
      JSON.write("path", log.path, to: &output, isFirst: true)
      JSON.write("segments", Int64(report.segments), to: &output)
      JSON.write("batches", report.batches, to: &output)
      JSON.write("records", report.records, to: &output)
      JSON.write("bytes", report.bytes, to: &output)
      JSON.write("unreadBatches", report.unreadBatches, to: &output)
      JSON.write("complete", report.isComplete, to: &output)
      Verification.write(json: report.damages, to: &output)
      Verification.write(json: report.lost, to: &output)
      output.write("}\n" as StaticString)
    } else {
      Verification.write(table: report.damages, to: &output)
      for range in report.lost {
        output.write("offsets \(CommandFailure.name(range)): taken out by an earlier salvage\n")
      }
      output.write(
        "\(Figures.count(report.records, "record")) in \(Figures.count(report.batches, "batch")), "
          + "\(Figures.size(report.bytes)) in \(Figures.count(Int64(report.segments), "segment")): "
          + (report.damages.isEmpty ? "no damage\n" : "\(report.damages.count) damaged\n"))
    }
    try output.commit()
    if let failure = Verification.failure(report.damages) { throw failure }
    if report.unreadBatches > 0 {
      throw .refused(
        "\(log.path): the records of \(Figures.count(report.unreadBatches, "batch")) were not looked at, since "
          + "this build leaves their codec out")
    }
    return .done
  }
}

extension Option {
  static let rate = Option("rate", "BYTES", "read at most so many bytes a second")
}

/// What verify and repair share.
enum Verification {
  /// Reads all of a log, with a progress bar.
  static func run(_ log: Log, rate: Int?) throws(CommandFailure) -> VerificationReport {
    var bar = ProgressBar("reading \(log.path)", total: log.segments.reduce(0) { $0 + $1.bytes })
    defer { bar.end() }
    do {
      return try log.verify(bytesPerSecond: rate) { progress in
        bar.advance(to: progress.bytes)
        return true
      }
    } catch { throw CommandFailure(error) }
  }

  /// The failure that damage ends a command with; nil where there is none.
  static func failure(_ damages: [VerificationReport.Damage], advice: String = "") -> CommandFailure? {
    guard let first = damages.first else { return nil }
    let more = damages.count > 1 ? "; and \(damages.count - 1) more" : ""
    return CommandFailure(.damage, line(first) + more + advice)
  }

  static func write(table damages: [VerificationReport.Damage], to output: inout Output) {
    for damage in damages { output.write(line(damage) + "\n") }
  }

  private static func line(_ damage: VerificationReport.Damage) -> String {
    let offsets = damage.offsets.map { "offsets \(CommandFailure.name($0)): " } ?? ""
    return "\(damage.path) at byte \(damage.position), \(damage.length) bytes: \(offsets)"
      + "\(damage.kind): \(damage.detail)"
  }

  static func write(json damages: [VerificationReport.Damage], to output: inout Output) {
    JSON.write(key: "damages", to: &output)
    for (place, damage) in damages.enumerated() {
      output.write(place == 0 ? "[{" : ",{" as StaticString)
      JSON.write("file", damage.path, to: &output, isFirst: true)
      JSON.write("position", damage.position, to: &output)
      JSON.write("length", damage.length, to: &output)
      JSON.write("kind", "\(damage.kind)", to: &output)
      JSON.write("firstOffset", damage.offsets?.lowerBound.rawValue, to: &output)
      JSON.write("lastOffset", damage.offsets.map { $0.upperBound.rawValue - 1 }, to: &output)
      JSON.write("detail", damage.detail, to: &output)
      output.write(UInt8(ascii: "}"))
    }
    output.write(damages.isEmpty ? "[]" : "]" as StaticString)
  }

  static func write(json lost: [Range<Offset>], to output: inout Output) {
    JSON.write(key: "lost", to: &output)
    for (place, range) in lost.enumerated() {
      output.write(place == 0 ? "[{" : ",{" as StaticString)
      JSON.write("firstOffset", range.lowerBound.rawValue, to: &output, isFirst: true)
      JSON.write("lastOffset", range.upperBound.rawValue - 1, to: &output)
      output.write(UInt8(ascii: "}"))
    }
    output.write(lost.isEmpty ? "[]" : "]" as StaticString)
  }
}
