internal import Glibc

/// The `strata` command: looks up the verb, runs it, and turns what went wrong into one line and a status.
@main
struct Main {
  /// The verbs, as the help lists them.
  static let verbs = [
    AppendVerb.verb, ReadVerb.verb, DumpVerb.verb, InfoVerb.verb, VerifyVerb.verb, RepairVerb.verb,
    TruncateVerb.verb, RetainVerb.verb, DeleteRecordsVerb.verb, CompactVerb.verb, SnapshotVerb.verb,
  ]
  static let version = "0.1.0"

  static func main() {
    // A closed pipe is an error of the write, then, and no death.
    signal(SIGPIPE, SIG_IGN)
    System.fillStandardStreams()
    var output = Output(descriptor: System.standardOutput, name: "standard output")
    let words = CommandLine.arguments.dropFirst()
    var status = CommandFailure.Status.done
    do throws(CommandFailure) {
      status = try run(words, &output)
      try output.flush()
    } catch {
      status = finish(error, verb: words.first, &output)
    }
    exit(status.rawValue)
  }

  private static func run(
    _ words: ArraySlice<String>, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    guard let name = words.first else {
      System.writeToStandardError(Array(Help.overview(verbs).utf8))
      throw CommandFailure(.usage, nil)
    }
    switch name {
    case "help", "--help", "-h":
      let verb = words.dropFirst().first { !$0.hasPrefix("-") }
      output.write(
        try verb.map { name throws(CommandFailure) in Help.page(try find(name)) } ?? Help.overview(verbs))
    case "--version", "version":
      output.write("strata \(version)\n" as String)
    default:
      let verb = try find(name)
      let arguments = try Arguments(words.dropFirst(), options: verb.options, operands: verb.operands)
      if !arguments.wantsHelp { return try verb.run(arguments, &output) }
      output.write(Help.page(verb))
    }
    try output.commit()
    return .done
  }

  private static func find(_ name: String) throws(CommandFailure) -> Verb {
    if let verb = verbs.first(where: { $0.name == name }) { return verb }
    let nearest = Spelling.nearest(to: name, in: verbs.map { $0.name } + ["help"])
    let advice = nearest.map { "did you mean \($0)?" } ?? "strata help shows what there is"
    throw .usage("unknown command \(name); \(advice)")
  }

  /// Writes what was found before the failure, and then what failed.
  private static func finish(
    _ failure: CommandFailure, verb: String?, _ output: inout Output
  ) -> CommandFailure.Status {
    var failure = failure
    output.rollBack()
    do throws(CommandFailure) { try output.flush() } catch {
      // A failure that was on its way already is the one to tell of.
      if failure.message == nil { failure = error }
    }
    guard let message = failure.message else { return failure.status }
    let isVerb = verbs.contains { $0.name == verb }
    System.complain("strata\(isVerb ? " " + verb! : ""): \(message)")
    return failure.status
  }
}

/// One verb of the command.
struct Verb: Sendable {
  let name: String
  /// What it does, in a line.
  let summary: String
  let operands: [Operand]
  let options: [Option]
  /// What else there is to know, as paragraphs.
  let notes: String
  /// Does it. What it writes and commits is flushed afterwards.
  let run: @Sendable (Arguments, inout Output) throws(CommandFailure) -> CommandFailure.Status
}

/// The texts of `strata help`.
enum Help {
  static func overview(_ verbs: [Verb]) -> String {
    var text = """
      strata works on a durable log in Apache Kafka's on-disk format.

        strata COMMAND DIR …      the log in the folder DIR
        strata COMMAND DIR --log NAME …      the log NAME in a folder of logs


      """
    for verb in verbs { text += "  " + padded(verb.name, 16) + verb.summary + "\n" }
    text += """

      strata COMMAND --help tells more. Exit status: 0 done; 1 damage found; 2 wrong usage; 3 the log or the
      system said no.

      """
    return text
  }

  static func page(_ verb: Verb) -> String {
    var text = "usage: strata \(verb.name)"
    for operand in verb.operands where operand.isRequired { text += " " + operand.name }
    text += " [OPTION …]"
    for operand in verb.operands where !operand.isRequired { text += " [\(operand.name)]" }
    text += "\n\n\(verb.summary)\n\n"
    for operand in verb.operands { text += line(operand.name, operand.help) }
    text += "\n"
    for option in verb.options {
      text += line("--" + option.name + (option.value.map { " " + $0 } ?? ""), option.help)
    }
    return text + (verb.notes.isEmpty ? "" : "\n\(verb.notes)\n")
  }

  private static func line(_ name: String, _ help: String) -> String {
    let width = 26
    return name.count < width
      ? "  " + padded(name, width) + help + "\n"
      : "  \(name)\n  " + padded("", width) + help + "\n"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}
