import Foundation
import Testing

@Suite struct ProcessTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func fill(_ count: Int) throws {
    let input = Data((0..<count).map { "line \($0)\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", input: input).status == 0)
  }

  @Test(arguments: ["read log", "read log --format json", "dump log --json", "dump log", "read log --follow"])
  func aClosedPipeIsAQuietEnd(_ verb: String) throws {
    try fill(50_000)
    let command = try scratch.shell("$S \(verb) | head -1 | wc -l; echo ${PIPESTATUS[0]}")
    #expect(command.lines == ["1", "0"])
    #expect(command.errors == "")
  }

  @Test func anAppendWhoseReaderGoesClosesTheLog() throws {
    let command = try scratch.shell("yes | $S append log --batch 10 | head -1; echo ${PIPESTATUS[1]}")
    #expect(command.lines == [#"{"baseOffset":0,"lastOffset":9}"#, "3"])
    #expect(command.errors.contains("lines through"))
    let info = try #require(try scratch.strata("info", "log", "--json").objects().first)
    #expect(info["closedCleanly"] as? Bool == true)
  }

  @Test func closedStandardStreamsReachNoFileOfTheLog() throws {
    try fill(3)
    let files = ["log/.lock", "log/strata.durable-point", "log/00000000000000000000.log"]
    let whole = try files.map { try Data(contentsOf: URL(fileURLWithPath: scratch.file($0))).count }
    _ = try scratch.shell("$S append log <&-; $S append log <&- >&- 2>&-; $S read log >&-; true")
    let after = try files.map { try Data(contentsOf: URL(fileURLWithPath: scratch.file($0))).count }
    #expect(after[1...] == whole[1...])
    let lines = try scratch.strata("read", "log").lines
    #expect(lines == ["line 0", "line 1", "line 2"])
  }

  @Test func aTornTailIsTold() throws {
    try fill(3)
    _ = try scratch.shell("printf garbage >> log/00000000000000000000.log")
    let command = try scratch.strata("append", "log", input: Data("more\n".utf8))
    #expect(command.status == 0)
    #expect(command.errors.contains("7 bytes") && command.errors.contains(".quarantine"))
  }

  @Test func aFullDiskIsTold() throws {
    try fill(10)
    let command = try scratch.shell("$S read log > /dev/full")
    #expect(command.status == 3 && command.errors.contains("standard output"))
  }

  /// Lines are on the disk, and readers see them, while the writer still waits for more.
  @Test func linesAreNotHeldBack() async throws {
    let writer = try RunningCommand(scratch, "append", "log")
    try writer.send("one\ntwo\nhalf a li")
    #expect(try await writer.waitForLines(1) == [#"{"baseOffset":0,"lastOffset":1}"#])
    #expect(try scratch.strata("read", "log").lines == ["one", "two"])
    let second = try scratch.strata("append", "log", input: Data("x\n".utf8))
    #expect(second.status == 3 && second.errors.contains("held by process"))
    let info = try #require(try scratch.strata("info", "log", "--json").objects().first)
    #expect((info["writer"] as? String)?.contains("strata") == true)
    #expect(info["closedCleanly"] as? Bool == false)
    try writer.send("ne\n")
    try writer.closeInput()
    #expect(try await writer.end().status == 0)
    #expect(try scratch.strata("read", "log").lines == ["one", "two", "half a line"])
  }

  /// What power loss can still take back is shown to who asks for it alone.
  @Test func readShowsWhatIsDurable() async throws {
    let writer = try RunningCommand(scratch, "append", "log", "--durability", "buffered")
    try writer.send("one\n")
    _ = try await writer.waitForLines(1)
    #expect(try scratch.strata("read", "log").lines == [])
    #expect(try scratch.strata("read", "log", "--isolation", "durable", "--from", "latest").lines == [])
    #expect(try scratch.strata("read", "log", "--isolation", "log-end").lines == ["one"])
    try writer.closeInput()
    #expect(try await writer.end().status == 0)
    #expect(try scratch.strata("read", "log").lines == ["one"])
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aSignalFinishesTheBatchAndCloses(_ number: Int32) async throws {
    let writer = try RunningCommand(scratch, "append", "log")
    try writer.send("one\nhalf")
    _ = try await writer.waitForLines(1)
    writer.signal(number)
    let end = try await writer.end()
    #expect(end.status == 0 && end.errors == "")
    #expect(try scratch.strata("read", "log").lines == ["one"])
    let info = try #require(try scratch.strata("info", "log", "--json").objects().first)
    #expect(info["closedCleanly"] as? Bool == true)
  }

  @Test func followGoesOnWithWhatComes() async throws {
    try fill(3)
    let reader = try RunningCommand(scratch, "read", "log", "--follow", "--from", "1")
    #expect(try await reader.waitForLines(2) == ["line 1", "line 2"])
    for number in 0..<3 {
      #expect(try scratch.strata("append", "log", input: Data("new \(number)\n".utf8)).status == 0)
      #expect(try await reader.waitForLines(3 + number).last == "new \(number)")
    }
    reader.signal(SIGINT)
    let end = try await reader.end()
    #expect(end.status == 0 && end.errors == "")
  }

  @Test func followEndsAfterTheCount() async throws {
    try fill(1)
    let reader = try RunningCommand(scratch, "read", "log", "--follow", "--count", "2", "--from", "latest")
    // Nobody knows when it looks where the log ends: lines come until it has seen two.
    for _ in 0..<500 where reader.isRunning {
      #expect(try scratch.strata("append", "log", input: Data("new\n".utf8)).status == 0)
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(try await reader.end().status == 0)
    #expect(try await reader.waitForLines(2) == ["new", "new"])
  }

  /// A pipe whose reader goes away ends a follower that has nothing to write.
  @Test func anIdleFollowerSeesThePipeClose() throws {
    try fill(1)
    let command = try scratch.shell(
      "timeout 10 $S read log --follow --from latest | true; echo ${PIPESTATUS[0]}")
    #expect(command.lines == ["0"])
  }
}
