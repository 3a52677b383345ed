import Foundation
import Testing

/// `verify`, `repair` and `truncate`, as their users run them.
@Suite struct RepairTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A log of 30 batches of 10, with a bit flipped in the twelfth batch; returns the batch's place.
  private func damagedLog() throws -> Int64 {
    let input = Data((0..<300).map { "record \($0) of three hundred\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", "--batch", "10", input: input).status == 0)
    let segment = scratch.file("log/00000000000000000000.log")
    let dump = try DumpTests.take(apart: scratch.strata("dump", "--json", segment))
    let position = try number(dump.batches[11].header["position"])
    try flip(segment, position + 100)
    return position
  }

  private func flip(_ path: String, _ position: Int64) throws {
    let handle = try FileHandle(forUpdating: URL(filePath: path))
    try handle.seek(toOffset: UInt64(position))
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(position))
    try handle.write(contentsOf: [byte ^ 4])
    try handle.close()
  }

  private func contents(_ folder: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.file(folder))
    return Dictionary(
      uniqueKeysWithValues: try names.map {
        ($0, try Data(contentsOf: URL(filePath: scratch.file(folder + "/" + $0))))
      })
  }

  @Test func verifyFindsNothingInAWholeLogAndDamageWhereItIs() throws {
    #expect(try scratch.strata("append", "whole", input: Data("a\nb\n".utf8)).status == 0)
    let whole = try scratch.strata("verify", "whole", "--json")
    let object = try #require(try whole.objects().first)
    #expect(whole.status == 0 && (object["damages"] as? [Any])?.isEmpty == true)
    #expect(object["complete"] as? Bool == true)
    try #expect(number(object["records"]) == 2)

    let position = try damagedLog()
    let before = try contents("log")
    let found = try scratch.strata("verify", "log", "--json")
    let damages = try #require(try found.objects().first?["damages"] as? [[String: Any]])
    #expect(found.status == 1 && damages.count == 1)
    try #expect(number(damages[0]["position"]) == position)
    try #expect(number(damages[0]["firstOffset"]) == 110 && number(damages[0]["lastOffset"]) == 119)
    #expect(damages[0]["kind"] as? String == "batch")
    #expect(found.errors.contains("at byte \(position)"))
    #expect(try scratch.strata("verify", "log").status == 1)
    #expect(try contents("log") == before)
  }

  @Test func verifyTakesItsTime() throws {
    let input = Data((0..<200).map { "record \($0)\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", input: input).status == 0)
    let start = ContinuousClock.now
    #expect(try scratch.strata("verify", "log", "--rate", "20000").status == 0)
    #expect(ContinuousClock.now - start > .milliseconds(150))
    #expect(try scratch.strata("verify", "log", "--rate", "0").status == 2)
  }

  @Test func aDryRunChangesNothing() throws {
    _ = try damagedLog()
    let before = try contents("log")
    let told = try scratch.strata("repair", "log", "--dry-run")
    #expect(told.status == 1 && told.lines.contains { $0.contains("--salvage takes them out") })
    let salvage = try scratch.strata("repair", "log", "--dry-run", "--salvage", "--json")
    let object = try #require(try salvage.objects().first)
    #expect(salvage.status == 1 && object["dryRun"] as? Bool == true)
    #expect(try contents("log") == before)
    #expect(try scratch.strata("repair", "log", "--dry-run", "--to", "copy").status == 2)
  }

  @Test func damageIsLeftWithoutSalvageAndTakenOutWithIt() throws {
    let position = try damagedLog()
    let refused = try scratch.strata("repair", "log")
    #expect(refused.status == 1 && refused.errors.contains("--salvage"))
    #expect(refused.errors.contains("in place"))
    let repaired = try scratch.strata("repair", "log", "--salvage", "--json")
    let object = try #require(try repaired.objects().first)
    #expect(repaired.status == 0)
    let lost = try #require((object["lost"] as? [[String: Any]])?.first)
    try #expect(number(lost["firstOffset"]) == 110 && number(lost["lastOffset"]) == 119)
    let moved = try #require((object["quarantined"] as? [[String: Any]])?.first)
    try #expect(number(moved["position"]) == position)
    #expect(try scratch.strata("verify", "log").status == 0)
    let read = try scratch.strata("read", "log")
    #expect(read.status == 1 && read.lines.count == 110 && read.errors.contains("--from 120"))
    #expect(try scratch.strata("read", "log", "--from", "120").lines.count == 180)
    #expect(try scratch.strata("repair", "log", "--salvage").lines == ["log: whole"])
  }

  @Test func aCopyIsRepairedAndTheLogLeftAsItIs() throws {
    _ = try damagedLog()
    let before = try contents("log")
    let repaired = try scratch.strata("repair", "log", "--salvage", "--to", "copy")
    #expect(repaired.status == 0 && !repaired.errors.contains("in place"))
    #expect(try contents("log") == before)
    #expect(try scratch.strata("verify", "copy").status == 0)
    #expect(try scratch.strata("read", "copy", "--from", "120").lines.count == 180)
    // A folder that is there already is nobody's to overwrite.
    #expect(try scratch.strata("repair", "log", "--salvage", "--to", "copy").status == 3)
  }

  @Test func aTornTailIsCut() throws {
    #expect(try scratch.strata("append", "log", input: Data("a\nb\n".utf8)).status == 0)
    let handle = try FileHandle(forUpdating: URL(filePath: scratch.file("log/00000000000000000000.log")))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(repeating: 7, count: 33))
    try handle.close()
    let told = try scratch.strata("repair", "log", "--dry-run")
    #expect(told.status == 0 && told.lines.contains { $0.hasPrefix("33 bytes") })
    let repaired = try #require(try scratch.strata("repair", "log", "--json").objects().first)
    try #expect(number(repaired["cutBytes"]) == 33)
    #expect(try scratch.strata("repair", "log", "--dry-run").lines == ["nothing to repair"])
  }

  @Test func truncateTakesBack() throws {
    #expect(try scratch.strata("append", "log", "--batch", "1", input: Data("a\nb\nc\n".utf8)).status == 0)
    let truncated = try scratch.strata("truncate", "log", "--to", "1")
    #expect(truncated.status == 0)
    try #expect(number(truncated.objects().first?["logEndOffset"]) == 1)
    #expect(try scratch.strata("read", "log").lines == ["a"])
    #expect(try scratch.strata("truncate", "log").status == 2)
    #expect(try scratch.strata("truncate", "nothing", "--to", "0").status == 3)
  }

  @Test func oldRecordsGo() throws {
    let input = Data((0..<300).map { "record \($0)\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", "--batch", "10", input: input).status == 0)
    let deleted = try scratch.strata("delete-records", "log", "--before", "25")
    #expect(deleted.status == 0)
    try #expect(number(deleted.objects().first?["logStartOffset"]) == 25)
    #expect(try scratch.strata("read", "log").lines.first == "record 25")
    #expect(try scratch.strata("delete-records", "log", "--before", "301").status == 3)
    #expect(try scratch.strata("delete-records", "log").status == 2)
    let kept = try scratch.strata("retain", "log", "--age", "100000000")
    try #expect(number(kept.objects().first?["removedSegments"]) == 0)
    let retained = try scratch.strata("retain", "log", "--bytes", "0")
    try #expect(number(retained.objects().first?["logStartOffset"]) == 300)
    #expect(try scratch.strata("retain", "log").status == 2)
    #expect(try scratch.strata("read", "log").lines.isEmpty)
  }

  @Test func compactKeepsTheNewestOfEachKey() throws {
    #expect(try scratch.strata("append", "log", "--batch", "1", input: Data("a\nb\nc\n".utf8)).status == 0)
    let untouched = try scratch.strata("compact", "log")
    try #expect(number(untouched.objects().first?["removedRecords"]) == 0)
    // Records without a key go.
    let compacted = try scratch.strata("compact", "log", "--active", "--key-memory", "1000")
    #expect(compacted.status == 0)
    try #expect(number(compacted.objects().first?["removedRecords"]) == 3)
    try #expect(number(compacted.objects().first?["compactedThrough"]) == 3)
    #expect(try scratch.strata("read", "log").lines.isEmpty)
    #expect(try scratch.strata("verify", "log").status == 0)
    #expect(try scratch.strata("compact", "nothing").status == 3)
  }
}
