import Foundation
import Testing

/// The commands on a folder of logs.
@Suite struct FolderOfLogsTests {
  let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    for name in ["orders-0", "orders-1"] {
      let input = Data((0..<20).map { "\(name) \($0)\n" }.joined().utf8)
      #expect(try scratch.strata("append", "data", "--log", name, "--batch", "5", input: input).status == 0)
    }
  }

  @Test func infoListsTheLogsOfAFolder() throws {
    let found = try scratch.strata("info", "data", "--json")
    let object = try #require(try found.objects().first)
    let logs = try #require(object["logs"] as? [[String: Any]])
    #expect(found.status == 0 && logs.map { $0["name"] as? String } == ["orders-0", "orders-1"])
    for log in logs { try #expect(number(log["logEndOffset"]) == 20 && number(log["segments"]) == 1) }
    #expect(object["closedCleanly"] as? Bool == false && object["writer"] is NSNull)
    let table = try scratch.strata("info", "data")
    #expect(
      table.status == 0 && String(decoding: table.output, as: UTF8.self).contains("orders-1")
        && String(decoding: table.output, as: UTF8.self).contains("0 to 20"))
    #expect(try scratch.strata("info", "data", "--log", "orders-1", "--json").objects().first?["logs"] == nil)
  }

  @Test func aSnapshotOfAFolderIsAFolderOfLogs() throws {
    let made = try scratch.strata("snapshot", "data", "copy")
    try #expect(made.status == 0 && number(made.objects().first?["logs"]) == 2)
    let object = try #require(try scratch.strata("info", "copy", "--json").objects().first)
    #expect(object["closedCleanly"] as? Bool == true)
    let read = try scratch.strata("read", "copy", "--log", "orders-1")
    #expect(String(decoding: read.output, as: UTF8.self) == (0..<20).map { "orders-1 \($0)\n" }.joined())
    let dump = try scratch.strata("dump", scratch.file("copy/recovery-point-offset-checkpoint"))
    #expect(String(decoding: dump.output, as: UTF8.self) == "orders-0: offset 20\norders-1: offset 20\n")
    let again = try scratch.strata("snapshot", "data", "copy")
    #expect(again.status == 3 && again.errors.contains("copy") && again.errors.contains("new folder"))
  }

  @Test func aSnapshotOfALogIsALog() throws {
    let made = try scratch.strata("snapshot", "data", "single", "--log", "orders-0")
    try #expect(made.status == 0 && number(made.objects().first?["logEndOffset"]) == 20)
    let read = try scratch.strata("read", "single").output
    #expect(String(decoding: read, as: UTF8.self) == (0..<20).map { "orders-0 \($0)\n" }.joined())
    #expect(try scratch.strata("verify", "single").status == 0)
    #expect(try scratch.strata("snapshot", "data", "").status == 2)
    #expect(try scratch.strata("snapshot", "nowhere", "else").status == 3)
  }
}
