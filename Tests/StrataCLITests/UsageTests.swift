import Foundation
import Testing

@Suite struct UsageTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test(arguments: [
    (["read", "log", "--form", "3"], "did you mean --format?"),
    (["read", "log", "--fron", "3"], "did you mean --from?"),
    (["read", "log", "--qqq"], "unknown option --qqq"),
    (["read", "log", "-f"], "unknown option -f"),
    (["raed", "log"], "did you mean read?"),
    (["explode", "log"], "strata help"),
    (["read"], "DIR is missing"),
    (["read", "a", "b"], "unexpected argument b"),
    (["read", "log", "--from"], "--from needs a value"),
    (["read", "log", "--from", "yesterday"], "--from yesterday"),
    (["read", "log", "--from", "-3"], "--from -3"),
    (["read", "log", "--from", "@noon"], "milliseconds"),
    (["read", "log", "--count", "many"], "a whole number"),
    (["read", "log", "--count", "-1"], "at least 0"),
    (["read", "log", "--count", "1", "--count", "2"], "given twice"),
    (["read", "log", "--follow=yes"], "takes no value"),
    (["read", "log", "--format", "jsn"], "did you mean json?"),
    (["read", "log", "--isolation", "commited"], "committed"),
    (["append", "log", "--codec", "zst"], "did you mean zstd?"),
    (["append", "log", "--codec", "zstd:99"], "a level of -7 to 22"),
    (["append", "log", "--codec", "snappy:1"], "no levels"),
    (["append", "log", "--batch", "0"], "at least 1"),
    (["append", "log", "--durability", "sync"], "did you mean synced?"),
    (["info", "log", "--log", "a/b"], "--log a/b"),
  ])
  func whatIsWrongIsNamedInOneLine(_ arguments: [String], _ words: String) throws {
    let quoted = arguments.map { "'\($0)'" }.joined(separator: " ")
    let command = try scratch.shell("$S \(quoted)")
    #expect(command.status == 2)
    #expect(command.output.isEmpty)
    #expect(command.errors.contains(words), "\(command.errors)")
    #expect(command.errors.hasPrefix("strata") && command.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: ["read", "dump", "info"])
  func whereNoLogIsTheUserIsToldWhatToDo(_ verb: String) throws {
    let missing = try scratch.strata(verb, "nowhere")
    #expect(missing.status == 3)
    #expect(missing.errors.hasPrefix("strata \(verb): nowhere: "))
    try FileManager.default.createDirectory(atPath: scratch.file("empty"), withIntermediateDirectories: true)
    let empty = try scratch.strata(verb, "empty")
    #expect(empty.status == 3 && empty.errors.contains("holds no segment"))
    let many = try scratch.strata(verb, Fixtures.folder + "/kafka-dirs")
    if verb == "info" {
      let list = String(decoding: many.output, as: UTF8.self)
      #expect(many.status == 0 && list.contains("compacted-0") && list.contains("rolled-0"))
    } else {
      #expect(many.status == 3 && many.errors.contains("--log: compacted-0, golden-0, rolled-0"))
    }
    let wrong = try scratch.strata(verb, Fixtures.folder + "/kafka-dirs", "--log", "golden")
    #expect(wrong.status == 3 && wrong.errors.contains("golden-0"))
    guard verb != "dump" else { return }
    let file = try scratch.strata(verb, Fixtures.path("soup.log"))
    #expect(file.status == 3 && file.errors.contains("this is a file"))
  }

  @Test func appendNeedsAFolderAndAFileThatCanBeRead() throws {
    try scratch.write(Data("x".utf8), to: "file")
    let onFile = try scratch.strata("append", "file", input: Data("a\n".utf8))
    #expect(onFile.status == 3 && onFile.errors.contains("file"))
    let noFile = try scratch.strata("append", "log", "nothing.txt")
    #expect(noFile.status == 3 && noFile.errors.contains("nothing.txt"))
    // The mistake has created no log.
    #expect(!FileManager.default.fileExists(atPath: scratch.file("log")))
    let folder = try scratch.strata("append", "log", scratch.path)
    #expect(folder.status == 3)
  }

  @Test func helpAndVersionAreOnStandardOutput() throws {
    for arguments in [
      "help", "--help", "help read", "read --help", "append -h", "dump --help", "info --help", "--version",
    ] {
      let command = try scratch.shell("$S \(arguments)")
      #expect(command.status == 0 && !command.output.isEmpty && command.errors == "", "\(arguments)")
    }
    #expect(try scratch.shell("$S read --help").lines.contains { $0.contains("--isolation") })
    #expect(try scratch.shell("$S help nothing").status == 2)
    let bare = try scratch.shell("$S")
    #expect(bare.status == 2 && bare.errors.contains("append"))
  }

  /// A log of many, in a folder with a name that JSON and a terminal have trouble with.
  @Test func namesAreEscaped() throws {
    let name = "a \"b\\c\u{7}\n ü"
    let directory = scratch.file("many")
    #expect(try scratch.strata("append", directory, "--log", name, input: Data("x\n".utf8)).status == 0)
    let info = try #require(try scratch.strata("info", directory, "--log", name, "--json").objects().first)
    #expect(info["path"] as? String == directory + "/" + name)
    let missing = try scratch.strata("read", directory, "--log", "no\nne")
    #expect(missing.status == 3 && missing.errors.split(separator: "\n").count == 1)
  }

  @Test func infoKnowsWhatKafkaWrote() throws {
    let info = try #require(
      try scratch.strata("info", Fixtures.folder + "/kafka-dirs", "--log", "rolled-0", "--json").objects()
        .first)
    try #expect(number(info["logEndOffset"]) == 1350 && number(info["records"]) == 1350)
    try #expect(number(info["leaderEpoch"]) == 2)
    let segments = try #require(info["segments"] as? [[String: Any]])
    #expect(try segments.map { try number($0["lastOffset"]) } == [454, 899, 1349])
    let text = try scratch.strata("info", Fixtures.folder + "/kafka-dirs/rolled-0")
    #expect(text.status == 0 && text.lines.filter { $0.hasPrefix("segment") }.count == 3)
  }
}
