import Foundation
import Testing

@Suite struct DamageTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A log of 30 batches of 10, with one bit of the twelfth's bytes flipped.
  private func damagedLog() throws -> (segment: String, position: Int64) {
    let input = Data((0..<300).map { "record \($0) of three hundred\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", "--batch", "10", input: input).status == 0)
    let segment = scratch.file("log/00000000000000000000.log")
    let dump = try DumpTests.take(apart: scratch.strata("dump", "--json", segment))
    let position = try number(dump.batches[11].header["position"])
    let handle = try FileHandle(forUpdating: URL(filePath: segment))
    try handle.seek(toOffset: UInt64(position) + 100)
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(position) + 100)
    try handle.write(contentsOf: [byte ^ 4])
    try handle.close()
    return (segment, position)
  }

  @Test func readPrintsWhatCameBeforeAndNamesWhatIsLost() throws {
    let (_, position) = try damagedLog()
    let read = try scratch.strata("read", "log")
    #expect(read.status == 1)
    #expect(read.lines == (0..<110).map { "record \($0) of three hundred" })
    #expect(read.errors.split(separator: "\n").count == 1)
    #expect(read.errors.contains("at byte \(position)") && read.errors.contains("offsets 110 to "))
    let words = read.errors.split(separator: " ")
    let next = try #require(words.last.flatMap { Int($0.trimmingCharacters(in: .newlines)) })
    let rest = try scratch.strata("read", "log", "--from", "\(next)")
    #expect(next > 110)
    #expect(rest.lines == (next..<300).map { "record \($0) of three hundred" })
  }

  @Test func dumpGoesOnBehindIt() throws {
    let (segment, position) = try damagedLog()
    let dump = try scratch.strata("dump", "--json", segment)
    let (batches, damages) = try DumpTests.take(apart: dump)
    #expect(dump.status == 1 && batches.count == 29 && damages.count == 1)
    try #expect(number(damages[0]["position"]) == position)
    try #expect(number(damages[0]["firstOffset"]) == 110 && number(damages[0]["lastOffset"]) == 119)
    let offsets = try batches.flatMap(\.records).map { try number($0["offset"]) }
    #expect(offsets == Array(0..<110) + Array(120..<300))
  }

  /// A whole batch behind damage does not count where its leader epoch falls.
  @Test func dumpStopsWhereTheEpochFalls() throws {
    let (segment, _) = try damagedLog()
    let before = try DumpTests.take(apart: scratch.strata("dump", "--json", segment)).batches[10]
    let handle = try FileHandle(forUpdating: URL(filePath: segment))
    try handle.seek(toOffset: UInt64(number(before.header["position"])) + 12)
    try handle.write(contentsOf: [0, 0, 0, 5])
    try handle.close()
    let (batches, damages) = try DumpTests.take(apart: scratch.strata("dump", "--json", segment))
    #expect(batches.count == 11 && damages.count == 1)
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: segment)[.size] as? NSNumber
    ).int64Value
    try #expect(number(damages[0]["position"]) + number(damages[0]["length"]) == size)
    #expect(damages[0]["lastOffset"] is NSNull)
  }

  /// Nor where its offsets are those of the next segment.
  @Test func dumpStopsWhereTheNextSegmentBegins() throws {
    _ = try damagedLog()
    try scratch.write(Data(), to: "log/00000000000000000115.log")
    let (batches, damages) = try DumpTests.take(apart: scratch.strata("dump", "--json", "log"))
    #expect(batches.count == 11 && damages.count == 1)
    try #expect(number(damages[0]["firstOffset"]) == 110 && number(damages[0]["lastOffset"]) == 114)
  }

  @Test func infoTellsOfIt() throws {
    _ = try damagedLog()
    let info = try scratch.strata("info", "log", "--json")
    #expect(info.status == 1)
    let object = try #require(try info.objects().first)
    try #expect(number(object["damages"]) == 1 && number(object["records"]) == 290)
    #expect(object["closedCleanly"] as? Bool == false)
  }

  /// A batch whose checksum fits and whose records cannot be read: none of them is shown.
  @Test(
    .needsEveryCodec, arguments: ["count-less", "record-length-over", "varint-endless", "zstd-broken-inside"])
  func readShowsNoRecordOfABrokenBatch(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: scratch.file("log"), withIntermediateDirectories: true)
    let bytes = try Data(contentsOf: URL(filePath: Fixtures.path("corrupt/" + name + ".log")))
    try scratch.write(bytes, to: "log/00000000000000000000.log")
    let read = try scratch.strata("read", "log", "--format", "json")
    #expect(read.status == 1)
    #expect(read.errors.contains("offsets 19 to ") && read.errors.contains("--from "))
    let offsets = try read.objects().map { try number($0["offset"]) }
    #expect(offsets == Array(0..<19))
  }

  /// Bytes behind the last batch that nobody has promised are no damage: a crash leaves them.
  @Test func aTornTailIsNoDamage() throws {
    #expect(try scratch.strata("append", "log", input: Data("a\nb\n".utf8)).status == 0)
    let handle = try FileHandle(forUpdating: URL(filePath: scratch.file("log/00000000000000000000.log")))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(repeating: 7, count: 33))
    try handle.close()
    let info = try #require(try scratch.strata("info", "log", "--json").objects().first)
    try #expect(number(info["unfinishedBytes"]) == 33 && number(info["damages"]) == 0)
    #expect(info["closedCleanly"] as? Bool == false)
    let read = try scratch.strata("read", "log")
    #expect(read.status == 0 && read.lines == ["a", "b"])
    #expect(try scratch.strata("append", "log", input: Data("c\n".utf8)).status == 0)
    #expect(try scratch.strata("read", "log").lines == ["a", "b", "c"])
  }
}
