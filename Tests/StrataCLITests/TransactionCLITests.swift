import Foundation
import Strata
import StrataRecords
import Testing

/// What the commands show of transactions, and of the files about many logs.
@Suite struct TransactionCLITests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Committed, aborted, and one that is under way, in `data/orders-0` and `data/orders-1`.
  private func fill() throws {
    let directory = try LogDirectory.open(scratch.file("data"))
    func write(_ value: String) throws -> DirectoryTransaction {
      let transaction = try directory.beginTransaction()
      for name in ["orders-0", "orders-1"] { try transaction.append(Record(value: value), to: name) }
      return transaction
    }
    try directory.log(for: "orders-0").append(Record(value: "plain"))
    try write("committed").commit()
    try write("aborted").abort()
    try directory.log(for: "orders-0").append(Record(value: "behind"))
    let open = try write("under way")
    for name in ["orders-0", "orders-1"] { try directory.log(for: name).flush() }
    _ = open
  }

  @Test func readersOfWhatIsCommittedSeeNothingElse() throws {
    try fill()
    func read(_ arguments: String...) throws -> [String] {
      let all = ["read", "data", "--log", "orders-0"] + arguments
      return try scratch.shell("$S " + all.joined(separator: " ")).lines
    }
    #expect(try read("--isolation", "committed") == ["plain", "committed", "behind"])
    #expect(try read() == ["plain", "committed", "aborted", "behind", "under way"])
    #expect(try read("--isolation", "committed", "--from", "2", "--count", "1") == ["behind"])
    let json = try read("--isolation", "committed", "--format", "json")
    #expect(json.count == 3 && json[2].hasPrefix(#"{"offset":5,"#))
    // Reading has ended nothing.
    #expect(try read() == ["plain", "committed", "aborted", "behind", "under way"])
  }

  @Test func infoTellsTheLastStableOffset() throws {
    try fill()
    let object = try #require(
      try scratch.strata("info", "data", "--log", "orders-0", "--json").objects().first)
    try #expect(number(object["lastStableOffset"]) == 6 && number(object["logEndOffset"]) == 7)
    let table = try scratch.strata("info", "data", "--log", "orders-0").lines
    #expect(table.contains { $0.hasPrefix("last stable") && $0.hasSuffix("6; 1 transaction under way") })
    // The next opening for writing ends it.
    let input = Data("more\n".utf8)
    #expect(try scratch.strata("append", "data", "--log", "orders-0", input: input).status == 0)
    let after = try #require(
      try scratch.strata("info", "data", "--log", "orders-0", "--json").objects().first)
    try #expect(number(after["lastStableOffset"]) == number(after["logEndOffset"]))
    let values = try scratch.strata("read", "data", "--log", "orders-0", "--isolation", "committed").lines
    #expect(values == ["plain", "committed", "behind", "more"])
  }

  @Test func whatADirectoryDecidedIsShown() throws {
    var decisions = TransactionDecisions(own: (1 << 62)..<(1 << 62 + 1000))
    decisions.committed[.init(producerID: 1 << 62 + 7, epoch: 3)] = ["orders-1", "orders-0"]
    try scratch.write(decisions.bytes, to: "strata.transactions")
    let dump = try scratch.strata("dump", "--json", "strata.transactions")
    #expect(dump.status == 0)
    #expect(
      dump.lines == [
        #"{"producerIds":{"first":4611686018427387904,"behindLast":4611686018427388904}}"#,
        #"{"committedTransaction":{"producerId":4611686018427387911,"producerEpoch":3,"logs":["orders-0","orders-1"]}}"#,
      ])
    let text = try scratch.strata("dump", "strata.transactions").lines
    #expect(
      text.last
        == "committedTransaction: producerId 4611686018427387911: producerEpoch 3: logs orders-0 orders-1")
    var bytes = decisions.bytes
    bytes[37] ^= 1
    try scratch.write(bytes, to: "strata.transactions")
    let damaged = try scratch.strata("dump", "strata.transactions")
    #expect(damaged.status == 1 && damaged.errors.contains("checksum"))
    try fill()
    #expect(try scratch.strata("dump", "data/strata.transactions").status == 0)
  }

  @Test(arguments: [
    ("recovery-point", "golden-0: offset 1363"), ("log-start", "rolled-0: offset 0"),
    ("cleaner", "compacted-0: offset 925"), ("replication", "rolled-0: offset 1350"),
  ])
  func kafkasCheckpointsOfADirectoryAreShown(_ kind: String, _ line: String) throws {
    let path = Fixtures.folder + "/kafka-dirs/\(kind)-offset-checkpoint"
    let dump = try scratch.strata("dump", path)
    let written = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    let expected = written.split(separator: "\n").dropFirst(2).map { line in
      let fields = line.split(separator: " ")
      return "\(fields[0])-\(fields[1]): offset \(fields[2])"
    }
    #expect(dump.status == 0 && dump.lines == expected)
    #expect(expected.contains(line), "\(expected)")
    let json = try scratch.strata("dump", "--json", path)
    #expect(
      json.lines.allSatisfy { $0.hasPrefix(#"{"checkpoint":{"topic":""#) }
        && json.lines.count == expected.count)
    // A line less than it says.
    try scratch.write(Data((written + "more 0\n").utf8), to: "\(kind)-offset-checkpoint")
    #expect(try scratch.strata("dump", "\(kind)-offset-checkpoint").status == 1)
  }

  @Test func aDurablePointIsShown() throws {
    #expect(try scratch.strata("append", "log", input: Data("one\ntwo\n".utf8)).status == 0)
    let dump = try scratch.strata("dump", "--json", "log/strata.durable-point")
    let points = try dump.objects().map { try #require($0["durablePoint"] as? [String: Any]) }
    #expect(dump.status == 0 && (1...2).contains(points.count))
    try #expect(number(points.last?["nextOffset"]) == 2 && number(points.last?["logStartOffset"]) == 0)
    try scratch.write([UInt8](repeating: 7, count: 400), to: "strata.durable-point")
    #expect(try scratch.strata("dump", "strata.durable-point").status == 1)
  }
}
