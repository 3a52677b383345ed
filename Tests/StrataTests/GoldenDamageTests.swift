import Foundation
import Strata
import StrataRecords
import Testing

/// Each of the damaged segments as the only one of a log, under both policies, with the log known to be durable
/// up to the damage, or beyond it.
@Suite(.enabled(if: buildsAllCodecs)) struct GoldenDamageTests {
  struct Fixture: CustomTestStringConvertible {
    var name: String
    var bytes: [UInt8]
    /// What is whole, and the offset behind it.
    var prefix: Int64
    var next: Int64
    /// Whether the checksum fits and only the records cannot be read.
    var isWhole: Bool
    var testDescription: String { name }

    init(_ name: String) throws {
      self.name = name
      bytes = try contents(fixtures + "/corrupt/\(name).log")
      let data = try Data(contentsOf: URL(fileURLWithPath: fixtures + "/corrupt/\(name).json"))
      let manifest = try JSONSerialization.jsonObject(with: data) as! [String: Any]
      prefix = (manifest["validPrefixBytes"] as! NSNumber).int64Value
      next = (manifest["nextOffsetAfterRecovery"] as! NSNumber).int64Value
      isWhole = (manifest["expect"] as! String).contains("CRC is VALID")
    }
  }

  static let all: [Fixture] = {
    let names = try! FileManager.default.contentsOfDirectory(atPath: fixtures + "/corrupt")
    return try! names.filter { $0.hasSuffix(".log") }.sorted().map { try Fixture(String($0.dropLast(4))) }
  }()

  static var damaged: [Fixture] { all.filter { !$0.isWhole && $0.prefix < $0.bytes.count } }
  static var policies: [RecoveryPolicy] { [.refuse, .salvage] }

  /// The durable end of a log that held what the fixture was made from: five records in its last batch, or
  /// fifteen in the batches behind the first.
  static func durableEnd(_ fixture: Fixture) -> Int64 { fixture.name == "crc-middle" ? 19 : 24 }

  func open(
    _ fixture: Fixture, _ policy: RecoveryPolicy, durable: (position: Int64, offset: Int64)?,
    in scratch: Scratch
  ) throws -> Log {
    try write(fixture.bytes, to: scratch("00000000000000000000.log"))
    if let durable {
      try write(
        durablePointFile(position: durable.position, nextOffset: durable.offset),
        to: scratch("strata.durable-point"))
    }
    var configuration = LogConfiguration()
    configuration.recovery = policy
    return try Log.open(scratch.path, configuration: configuration)
  }

  @Test func thereAreAsManyAsThereShouldBe() {
    #expect(Self.all.count == 29)
    #expect(Self.all.filter(\.isWhole).count == 8)
    #expect(Self.damaged.count == 19)
  }

  /// Above the durable point a tail that is no batch may be torn: whatever the policy, it is moved aside.
  @Test(arguments: damaged, policies)
  func aboveTheDurablePointItIsMovedAside(_ fixture: Fixture, _ policy: RecoveryPolicy) throws {
    for durable in [nil, (position: fixture.prefix, offset: fixture.next)] {
      let scratch = Scratch()
      if fixture.name == "magic-1" {
        #expect(code { _ = try open(fixture, policy, durable: durable, in: scratch) } == .damaged)
        #expect(try contents(scratch("00000000000000000000.log")) == fixture.bytes)
        continue
      }
      let log = try open(fixture, policy, durable: durable, in: scratch)
      #expect(log.logEndOffset.rawValue == fixture.next)
      #expect(try log.values().count == Int(fixture.next))
      #expect(log.recoveryReport.lost.isEmpty && log.recoveryReport.salvaged.isEmpty)
      let tail = Array(fixture.bytes[Int(fixture.prefix)...])
      let isZero = tail.allSatisfy { $0 == 0 }
      let content = tail.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
      #expect(log.recoveryReport.cutBytes == Int64(content))
      #expect(log.recoveryReport.quarantined.count == (isZero ? 0 : 1))
      for quarantine in log.recoveryReport.quarantined {
        #expect(try contents(quarantine.path) == Array(tail.prefix(content)))
      }
      #expect(
        try contents(scratch("00000000000000000000.log")) == Array(fixture.bytes.prefix(Int(fixture.prefix))))
    }
  }

  @Test(arguments: damaged)
  func belowTheDurablePointItIsRefusedAndNothingChanged(_ fixture: Fixture) throws {
    let scratch = Scratch()
    let end = Self.durableEnd(fixture)
    let error = #expect(throws: LogError.self) {
      _ = try open(fixture, .refuse, durable: (Int64(fixture.bytes.count), end), in: scratch)
    }
    #expect(error?.code == .damaged && error?.position == fixture.prefix)
    #expect(error?.path == scratch("00000000000000000000.log"))
    if fixture.name == "magic-1" {
      #expect(error?.detail.contains("magic 1") == true)
    } else {
      // Behind one of them a whole batch tells where the damage ends.
      let upper = fixture.name == "crc-middle" ? 10 : end
      #expect(error?.offsets == Offset(fixture.next)..<Offset(upper))
    }
    #expect(try contents(scratch("00000000000000000000.log")) == fixture.bytes)
  }

  @Test(arguments: damaged.filter { $0.name != "magic-1" })
  func belowTheDurablePointItIsSalvaged(_ fixture: Fixture) throws {
    let scratch = Scratch()
    let end = Self.durableEnd(fixture)
    let whole = try whole(fixture)
    for turn in 0..<2 {
      let log =
        turn == 0
        ? try open(fixture, .salvage, durable: (Int64(fixture.bytes.count), end), in: scratch)
        : try Log.open(scratch.path)
      let lost = log.lostOffsets
      #expect(lost.count == 1 && lost[0].lowerBound == Offset(fixture.next))
      // Behind a batch in the middle whose length still leads to the next one, all is there.
      #expect(lost[0].upperBound == (fixture.name == "crc-middle" ? 10 : Offset(end)))
      #expect(log.recoveryReport.lost == (turn == 0 ? lost : []))
      #expect(log.logEndOffset == Offset(end + Int64(turn)))
      var found: [Int64] = []
      var from = Offset(0)
      do {
        var cursor = log.fetch(from: from)
        while let batch = try cursor.next() { found += try offsets(batch) }
        Issue.record("the lost offsets were passed over")
      } catch {
        #expect((error as? LogError)?.offsets == lost[0])
        from = lost[0].upperBound
      }
      var cursor = log.fetch(from: from)
      while let batch = try cursor.next() { found += try offsets(batch) }
      #expect(found == (0..<end + Int64(turn)).filter { !lost[0].contains(Offset($0)) })
      if turn == 0 {
        #expect(try log.all(from: 0, upTo: fixture.next) == whole)
        let quarantine = try #require(log.recoveryReport.quarantined.first)
        let range = Int(quarantine.position)..<Int(quarantine.position + quarantine.bytes)
        #expect(range.lowerBound == fixture.prefix)
        #expect(try contents(quarantine.path) == Array(fixture.bytes[range]))
        try log.append(Record(value: "after"))
        try log.close()
      }
    }
  }

  /// The checksum fits: recovery keeps the batch, and only reading it says what is wrong.
  @Test(arguments: all.filter(\.isWhole), policies)
  func aBatchWhoseRecordsCannotBeReadIsKept(_ fixture: Fixture, _ policy: RecoveryPolicy) throws {
    for position in [fixture.prefix, Int64(fixture.bytes.count)] {
      let scratch = Scratch()
      // The last batch's own offsets: its checksum fits.
      var end: Int64 = 0
      for byte in fixture.bytes[Int(fixture.prefix) + 23..<Int(fixture.prefix) + 27] {
        end = end << 8 | Int64(byte)
      }
      end += fixture.next + 1
      let log = try open(
        fixture, policy, durable: (position, position == fixture.prefix ? 19 : end), in: scratch)
      #expect(log.logEndOffset == Offset(end) && log.lostOffsets.isEmpty)
      #expect(log.recoveryReport.quarantined.isEmpty)
      var cursor = log.fetch(from: 0)
      var found: [Int64] = []
      var failed: Offset?
      while let batch = try cursor.next() {
        do { found += try offsets(batch) } catch { failed = batch.baseOffset }
      }
      #expect(found == Array(0..<19) && failed == 19)
      #expect(try contents(scratch("00000000000000000000.log")) == fixture.bytes)
    }
  }

  @Test(arguments: ["empty", "leader-epoch-changed"], policies)
  func whatIsNoDamageIsLeftAlone(_ name: String, _ policy: RecoveryPolicy) throws {
    let fixture = try Fixture(name)
    let scratch = Scratch()
    let log = try open(fixture, policy, durable: (fixture.prefix, fixture.next), in: scratch)
    #expect(log.logEndOffset == Offset(fixture.next))
    #expect(try log.values().count == Int(fixture.next))
    #expect(log.recoveryReport.quarantined.isEmpty && log.lostOffsets.isEmpty)
    #expect(try contents(scratch("00000000000000000000.log")) == fixture.bytes)
  }

  /// The records of the file that the damaged ones were made from, as far as they are whole.
  private func whole(_ fixture: Fixture) throws -> [Found] {
    let scratch = Scratch()
    try write(
      fixture.bytes.prefix(Int(fixture.prefix)), to: scratch("00000000000000000000.log"))
    return try Log.open(scratch.path).all()
  }

  private func offsets(_ batch: RecordBatch) throws -> [Int64] {
    var offsets: [Int64] = []
    var records = try batch.records()
    while let record = try records.next() { offsets.append(record.offset.rawValue) }
    return offsets
  }
}

extension Log {
  /// Everything before `end`.
  fileprivate func all(from offset: Offset, upTo end: Int64) throws -> [Found] {
    var found: [Found] = []
    var cursor = fetch(from: offset)
    while cursor.position.rawValue < end, let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        found.append(Found(record.offset.rawValue, Record(copying: record)))
      }
    }
    return found
  }
}
