import Foundation
import StrataRecords
import Testing

@Suite struct AppendReadTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Lines of all sorts: text, empty ones, bytes that are no text; the newline alone is not in them.
  static func lines(_ count: Int) -> Data {
    var random = SystemRandomNumberGenerator()
    var bytes = Data()
    for number in 0..<count {
      switch number % 10 {
      case 0: break
      case 1:
        for _ in 0..<Int.random(in: 0...80, using: &random) {
          let byte = UInt8.random(in: 0...255, using: &random)
          bytes.append(byte == 10 ? 0 : byte)
        }
      default: bytes.append(contentsOf: "line \(number) of an order, \(number * 7919)".utf8)
      }
      bytes.append(10)
    }
    return bytes
  }

  @Test(arguments: ["none", "gzip", "gzip:1", "snappy", "lz4", "lz4:9", "zstd", "zstd:-3"])
  func linesComeBack(_ codec: String) throws {
    let kind = try #require(Compression.Codec.allCases.first { $0.name == codec.prefix { $0 != ":" } })
    let lines = Self.lines(20_000)
    let appended = try scratch.strata("append", "log", "--codec", codec, input: lines)
    guard Compression.isBuilt(kind) else {
      #expect(appended.status == 3 && appended.errors.contains("package trait"))
      return
    }
    #expect(appended.status == 0)
    #expect(appended.errors == "")
    var next: Int64 = 0
    for batch in try appended.objects() {
      #expect(try number(batch["baseOffset"]) == next)
      next = try number(batch["lastOffset"]) + 1
    }
    #expect(next == 20_000)
    let read = try scratch.strata("read", "log")
    #expect(read.status == 0 && read.output == lines)
    let info = try #require(try scratch.strata("info", "log", "--json").objects().first)
    let codecs = try #require(info["codecs"] as? [[String: Any]])
    #expect(codecs.map { $0["codec"] as? String } == [kind.name])
    #expect(info["closedCleanly"] as? Bool == true)
    let ratio = try #require(codecs[0]["ratio"] as? NSNumber).doubleValue
    #expect(kind == .none ? ratio == 1 : ratio > 1.5)
  }

  @Test func lastLineNeedsNoNewline() throws {
    #expect(try scratch.strata("append", "log", input: Data("a\n\nb".utf8)).status == 0)
    #expect(
      try scratch.strata("append", "log", input: Data("c\n".utf8)).lines == [
        #"{"baseOffset":3,"lastOffset":3}"#
      ])
    #expect(try scratch.strata("read", "log").lines == ["a", "", "b", "c"])
  }

  @Test func noLinesMakeAnEmptyLog() throws {
    let appended = try scratch.strata("append", "log")
    #expect(appended.status == 0 && appended.output.isEmpty)
    let read = try scratch.strata("read", "log")
    #expect(read.status == 0 && read.output.isEmpty && read.errors == "")
  }

  @Test func batchesHaveTheLinesThatWereAskedFor() throws {
    let file = try scratch.write(Data("1\n2\n3\n4\n5\n".utf8), to: "lines")
    let command = try scratch.strata("append", "log", "--batch=2", "--durability", "buffered", file)
    #expect(
      command.lines == [
        #"{"baseOffset":0,"lastOffset":1}"#, #"{"baseOffset":2,"lastOffset":3}"#,
        #"{"baseOffset":4,"lastOffset":4}"#,
      ])
  }

  @Test func keysStandBeforeTheSeparator() throws {
    let input = Data("k=v=w\nplain\n=\nlong==x\n".utf8)
    #expect(try scratch.strata("append", "log", "--key-separator", "=", input: input).status == 0)
    let records = try scratch.strata("read", "log", "--format", "json").objects()
    let pairs = try records.map { [try bytes($0["key"]), try bytes($0["value"])] }
    let expected: [[String?]] = [["k", "v=w"], [nil, "plain"], ["", ""], ["long", "=x"]]
    #expect(pairs == expected.map { $0.map { $0.map { Data($0.utf8) } } })
    let two = try scratch.strata("append", "two", "--key-separator", "::", input: Data("a:b::c\n".utf8))
    #expect(two.status == 0)
    #expect(try scratch.strata("read", "two").lines == ["c"])
    #expect(try scratch.strata("append", "log", "--key-separator", "").status == 2)
  }

  @Test func longLinesAreTakenUpToTheLargestBatch() throws {
    var bytes = Data("first\n".utf8)
    bytes.append(Data(repeating: 120, count: 3 << 20))
    bytes.append(Data("\nlast\n".utf8))
    #expect(try scratch.strata("append", "log", input: bytes).status == 0)
    #expect(try scratch.strata("read", "log").output == bytes)
    let endless = try scratch.shell("(echo first; head -c 70000000 /dev/zero) | $S append long")
    #expect(endless.status == 3)
    #expect(endless.errors.contains("line 2 has more than"))
    #expect(try scratch.strata("read", "long").lines == ["first"])
  }

  /// Base64 of every length, and offsets, keys and headers in JSON.
  @Test func jsonHasTheBytes() throws {
    var input = Data()
    var values: [Data] = []
    for length in 0..<300 {
      let value = Data((0..<length).map { _ in UInt8.random(in: 11...255) })
      values.append(value)
      input += value + [10]
    }
    #expect(try scratch.strata("append", "log", input: input).status == 0)
    let records = try scratch.strata("read", "log", "--format", "json").objects()
    #expect(try records.map { try bytes($0["value"]) } == values)
    #expect(try records.map { try number($0["offset"]) } == (0..<300).map { Int64($0) })
    #expect(records.allSatisfy { $0["key"] is NSNull && ($0["headers"] as? [Any])?.isEmpty == true })
  }

  @Test func readingBeginsAndEndsWhereItIsTold() throws {
    let input = Data((0..<2500).map { "\($0)\n" }.joined().utf8)
    #expect(try scratch.strata("append", "log", input: input).status == 0)
    #expect(try scratch.strata("read", "log", "--from", "1234", "--count", "2").lines == ["1234", "1235"])
    #expect(try scratch.strata("read", "log", "--from", "earliest", "--count", "1").lines == ["0"])
    #expect(try scratch.strata("read", "log", "--from", "latest").lines == [])
    #expect(try scratch.strata("read", "log", "--from", "2500").status == 0)
    #expect(try scratch.strata("read", "log", "--count", "0").lines == [])
    #expect(try scratch.strata("read", "log", "--isolation", "log-end").output == input)
    #expect(try scratch.strata("read", "log", "--isolation", "high-watermark").output == input)
    let beyond = try scratch.strata("read", "log", "--from", "2501")
    #expect(beyond.status == 3 && beyond.errors.contains("2501") && beyond.errors.contains("2500"))
    Thread.sleep(forTimeInterval: 0.02)
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    #expect(try scratch.strata("append", "log", input: Data("later\n".utf8)).status == 0)
    #expect(try scratch.strata("read", "log", "--from", "@\(now)").lines == ["later"])
    #expect(try scratch.strata("read", "log", "--from", "@99999999999999").lines == [])
    #expect(try scratch.strata("read", "log", "--from", "@0", "--count", "1").lines == ["0"])
  }

  /// Segments by Kafka: offsets with gaps, and markers that no consumer sees.
  @Test(.needsEveryCodec) func controlRecordsAreLeftOut() throws {
    let all = try DumpTests.take(
      apart: scratch.strata("dump", "--json", Fixtures.folder + "/kafka-dirs/golden-0")
    ).batches
    let expected = try all.filter { try number($0.header["attributes"]) & 32 == 0 }.flatMap(\.records)
    #expect(all.flatMap(\.records).count > expected.count)
    let read = try scratch.strata(
      "read", Fixtures.folder + "/kafka-dirs", "--log", "golden-0", "--format", "json")
    #expect(read.status == 0)
    let offsets = try read.objects().map { try number($0["offset"]) }
    #expect(try offsets == expected.map { try number($0["offset"]) })
  }
}
