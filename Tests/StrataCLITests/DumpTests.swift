import Foundation
import Testing

/// A batch of a dump, with its records.
struct DumpedBatch {
  var header: [String: Any]
  var records: [[String: Any]] = []
}

@Suite struct DumpTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func thereAreFixtures() {
    #expect(Fixtures.names().count >= 30)
    #expect(Fixtures.names(in: "corrupt").count >= 25)
  }

  /// Segments by other implementations: every field of every batch, every record.
  @Test(.needsEveryCodec, arguments: Fixtures.names())
  func dumpEqualsTheManifest(_ name: String) throws {
    let command = try scratch.strata("dump", "--json", Fixtures.path(name + ".log"))
    #expect(command.status == 0)
    #expect(command.errors == "")
    let (batches, damages) = try Self.take(apart: command)
    #expect(damages.isEmpty)
    let expected = try #require(Fixtures.manifest(name)["batches"] as? [[String: Any]])
    #expect(batches.count == expected.count)
    for (batch, expected) in zip(batches, expected) {
      #expect(batch.header.count == 14)
      for (field, value) in batch.header { try #expect(number(value) == number(expected[field]), "\(field)") }
      #expect(try Self.digest(batch.records) == expected["recordsSha256"] as? String)
      let records = try #require(expected["records"] as? [[String: Any]])
      if expected["recordsComplete"] as? Bool == true { #expect(records.count == batch.records.count) }
      let found = Dictionary(uniqueKeysWithValues: try batch.records.map { (try number($0["offset"]), $0) })
      for record in records { try check(#require(found[number(record["offset"])]), record) }
    }
  }

  /// Whatever is broken: what lies before it is shown, nothing wrong is, and the place is named.
  @Test(.needsEveryCodec, arguments: Fixtures.names(in: "corrupt"))
  func dumpOfDamageShowsNoWrongRecord(_ name: String) throws {
    let manifest = try Fixtures.manifest("corrupt/" + name)
    let command = try scratch.strata("dump", "--json", Fixtures.path("corrupt/" + name + ".log"))
    let (batches, damages) = try Self.take(apart: command)
    let prefix = try number(manifest["validPrefixBytes"])
    let valid = Int(try number(manifest["validBatches"]))
    guard name != "empty", name != "leader-epoch-changed" else {
      #expect(command.status == 0 && damages.isEmpty && batches.count == valid)
      return
    }
    #expect(command.status == 1)
    #expect(command.errors.contains("at byte \(prefix)") && command.errors.split(separator: "\n").count == 1)
    #expect(damages.count == 1)
    let damage = try #require(damages.first)
    try #expect(number(damage["position"]) == prefix)
    // crc-middle: whole batches follow the broken one.
    let behind = name == "crc-middle" ? 2 : 0
    if behind == 0 {
      try #expect(prefix + number(damage["length"]) == number(manifest["sizeBytes"]))
    } else {
      try #expect(number(damage["firstOffset"]) == 5 && number(damage["lastOffset"]) == 9)
    }
    #expect(batches.filter { !$0.records.isEmpty }.count == valid + behind)
    let isWhole = (manifest["expect"] as? String ?? "").contains("the batch CRC is VALID")
    #expect(batches.count == valid + behind + (isWhole ? 1 : 0))
    for batch in batches where !batch.records.isEmpty {
      #expect(Int64(batch.records.count) == (try number(batch.header["recordCount"])))
    }
  }

  @Test func theMagicIsNamed() throws {
    for (name, words) in [("magic-1", "magic 1"), ("magic-3", "magic 3")] {
      let command = try scratch.strata("dump", Fixtures.path("corrupt/" + name + ".log"))
      #expect(command.status == 1)
      #expect(command.errors.contains(words))
    }
  }

  @Test(.needsEveryCodec) func aFolderIsDumpedInOrder() throws {
    let command = try scratch.strata("dump", "--json", Fixtures.folder + "/kafka-dirs", "--log", "golden-0")
    #expect(command.status == 0)
    let (batches, _) = try Self.take(apart: command)
    let offsets = try batches.flatMap(\.records).map { try number($0["offset"]) }
    #expect(offsets == offsets.sorted() && offsets.first == 0 && offsets.last == 1362)
    let text = try scratch.strata("dump", Fixtures.folder + "/kafka-dirs/golden-0")
    #expect(text.status == 0)
    #expect(text.lines.filter { $0.hasPrefix("segment ") }.count == 3)
    let bare = try scratch.strata("dump", "--no-records", Fixtures.folder + "/kafka-dirs/golden-0")
    #expect(bare.lines.count == batches.count + 3)
  }

  /// Zeros behind a segment that was ended are padding where the next one goes on, and damage elsewhere.
  @Test func zerosBetweenSegmentsArePadding() throws {
    let source = Fixtures.folder + "/kafka-dirs/rolled-0/"
    try FileManager.default.createDirectory(atPath: scratch.file("log"), withIntermediateDirectories: true)
    for base in ["00000000000000000000", "00000000000000000455"] {
      var bytes = try Data(contentsOf: URL(filePath: source + base + ".log"))
      bytes.append(Data(count: 5000))
      try scratch.write(bytes, to: "log/\(base).log")
    }
    let command = try scratch.strata("dump", "--json", "log")
    let (_, damages) = try Self.take(apart: command)
    #expect(command.status == 1)
    #expect(damages.count == 1)
    #expect((damages.first?["file"] as? String)?.hasSuffix("455.log") == true)
    #expect(damages.first?["kind"] as? String == "zeros")
  }

  @Test func indexesAndCheckpointsAreShown() throws {
    let folder = Fixtures.folder + "/kafka-dirs/rolled-0/"
    func last(_ name: String) throws -> String? {
      let command = try scratch.strata("dump", "--json", folder + name)
      #expect(command.status == 0)
      return command.lines.last
    }
    #expect(
      try last("00000000000000000455.index") == #"{"offsetIndexEntry":{"offset":874,"position":43820}}"#)
    let time = #"{"timeIndexEntry":{"timestamp":1700000051422,"offset":899}}"#
    #expect(try last("00000000000000000455.timeindex") == time)
    #expect(try last("leader-epoch-checkpoint") == #"{"leaderEpoch":{"epoch":2,"startOffset":1170}}"#)
    #expect(try last("00000000000000000455.snapshot")?.contains(#""producerId":4001"#) == true)
    var bytes = try Data(contentsOf: URL(filePath: folder + "00000000000000000455.index"))
    bytes[9] = 0xFF
    try scratch.write(bytes, to: "00000000000000000455.index")
    #expect(try scratch.strata("dump", "00000000000000000455.index").status == 1)
  }

  @Test func sealsAreShown() throws {
    let lines = (0..<300).map { "line \($0) of many" }.joined(separator: "\n")
    #expect(try scratch.strata("append", "log", "--batch", "1", input: Data(lines.utf8)).status == 0)
    let path = "log/00000000000000000000.seal"
    let dump = try scratch.strata("dump", "--json", path)
    #expect(dump.status == 0)
    #expect(dump.lines.first?.hasPrefix(#"{"seal":{"baseOffset":0,"size":"#) == true)
    #expect(dump.lines.dropFirst().allSatisfy { $0.hasPrefix(#"{"sealPoint":{"position":"#) })
    #expect(dump.lines.count > 3)
    var bytes = try Data(contentsOf: URL(filePath: scratch.path + "/" + path))
    bytes[70] ^= 1
    try scratch.write(bytes, to: "1.seal")
    #expect(try scratch.strata("dump", "1.seal").status == 1)
  }
}

extension DumpTests {
  static func take(apart command: Command) throws -> (batches: [DumpedBatch], damages: [[String: Any]]) {
    var batches: [DumpedBatch] = []
    var damages: [[String: Any]] = []
    for object in try command.objects() {
      if let header = object["batch"] as? [String: Any] {
        batches.append(DumpedBatch(header: header))
      } else if let damage = object["damage"] as? [String: Any] {
        damages.append(damage)
      } else {
        try #require(!batches.isEmpty)
        batches[batches.count - 1].records.append(object)
      }
    }
    return (batches, damages)
  }

  /// The digest that the manifests have of a batch's records.
  static func digest(_ records: [[String: Any]]) throws -> String {
    var digest = SHA256()
    func add(_ bytes: Data?) {
      digest.update(Int32(bytes?.count ?? -1))
      if let bytes { digest.update([UInt8](bytes)) }
    }
    for record in records {
      digest.update(try number(record["offset"]))
      digest.update(try number(record["timestamp"]))
      add(try bytes(record["key"]))
      add(try bytes(record["value"]))
      let headers = try #require(record["headers"] as? [[Any]])
      digest.update(Int32(headers.count))
      for header in headers {
        add(Data(try #require(header[0] as? String).utf8))
        add(try bytes(header[1]))
      }
    }
    return digest.finish()
  }

  private func check(_ found: [String: Any], _ expected: [String: Any]) throws {
    #expect(found.count == 5)
    try #expect(number(found["timestamp"]) == number(expected["timestamp"]))
    for field in ["key", "value"] { try #expect(same(found[field], expected[field])) }
    let names = try #require(found["headers"] as? [[Any]])
    let expectedNames = try #require(expected["headers"] as? [[Any]])
    #expect(names.count == expectedNames.count)
    for (header, expected) in zip(names, expectedNames) {
      #expect(header[0] as? String == expected[0] as? String)
      try #expect(same(header[1], expected[1]))
    }
  }

  private func same(_ found: Any?, _ expected: Any?) throws -> Bool {
    guard let expected = expected as? [String: Any] else { return found is NSNull }
    let value = try bytes(found)
    let bytes = try #require(value)
    if let text = expected["b64"] as? String { return Data(base64Encoded: text) == bytes }
    var digest = SHA256()
    digest.update([UInt8](bytes))
    return digest.finish() == expected["sha256"] as? String
  }
}

/// A JSON number that is whole, of up to 64 bits.
func number(_ value: Any?) throws -> Int64 { try #require(value as? NSNumber).int64Value }

/// `null` or `{"b64": …}`.
func bytes(_ value: Any?) throws -> Data? {
  guard let object = value as? [String: String] else {
    try #require(value is NSNull)
    return nil
  }
  let text = try #require(object["b64"])
  let data = Data(base64Encoded: text)
  #expect(data != nil, "\(text) is no base64")
  return data
}
