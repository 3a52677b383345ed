import Foundation
import Strata
import StrataRecords
import Testing

/// Damage in what was durable, taken out of the log: what is left is right, what is gone is named exactly.
@Suite struct SalvageTests {
  static var salvage: LogConfiguration {
    var configuration = LogConfiguration.small
    configuration.recovery = .salvage
    return configuration
  }

  /// A closed log of `count` records, one a batch, in its folder. Returns the paths of its segments.
  func makeLog(_ count: Int, in scratch: Scratch) throws -> [SegmentInfo] {
    let log = try Log.open(scratch("log"), configuration: .small)
    for number in 0..<count {
      try log.append(
        Record(value: "value \(number)", timestamp: Timestamp(milliseconds: Int64(1000 + number))),
        durability: .buffered)
    }
    try log.close()
    return log.segments
  }

  /// The batches of a segment: where each begins.
  func positions(_ bytes: [UInt8]) -> [Int] {
    var places: [Int] = []
    var place = 0
    while place + 61 <= bytes.count {
      if bytes[place + 16] != 2 { break }
      places.append(place)
      place += 12 + bytes[place + 8..<place + 12].reduce(0) { $0 << 8 | Int($1) }
    }
    return places
  }

  /// Any bit anywhere in a batch that was durable: at most that batch is lost, and the report says so.
  @Test func oneBitCostsOneBatchAtMostAndTheReportIsTheTruth() throws {
    let scratch = Scratch()
    let segments = try makeLog(60, in: scratch)
    #expect(segments.count > 2)
    try FileManager.default.moveItem(atPath: scratch("log"), toPath: scratch("whole"))
    let seed = seed()
    var random = Random(seed: seed)
    // Every byte of a header once, and some of the rest; in the first, a middle and the last segment.
    for (turn, segment) in [segments[0], segments[1], segments.last!].enumerated() {
      let name = segment.path.split(separator: "/").last!
      let whole = try contents(scratch("whole/\(name)"))
      let batches = positions(whole)
      for byte in Array(0..<61) + [62, 70] {
        #if DEBUG
          // Unoptimised code takes twenty times as long.
          guard byte % 3 == turn else { continue }
        #endif
        // The last batch too: nothing behind it says what it was.
        let number = byte % 2 == 0 ? batches.count - 1 : random.below(batches.count)
        let bit = random.below(8)
        var bytes = whole
        bytes[batches[number] + byte] ^= 1 << UInt8(bit)
        try? FileManager.default.removeItem(atPath: scratch("log"))
        try FileManager.default.copyItem(atPath: scratch("whole"), toPath: scratch("log"))
        try write(bytes, to: scratch("log/\(name)"))
        let what = "STRATA_SEED=\(seed) segment \(turn) batch \(number) byte \(byte) bit \(bit)"
        let first = segment.baseOffset.rawValue + Int64(number)
        let log = try Log.open(scratch("log"), configuration: Self.salvage)
        let (found, lost) = try log.readOver()
        let expected = [Offset(first)..<Offset(first + 1)]
        try #require(lost == expected, "\(what)")
        try #require(log.recoveryReport.lost == expected && log.lostOffsets == expected, "\(what)")
        try #require(log.logEndOffset == 60, "\(what)")
        for offset in Int64(0)..<60 {
          let value = expected.contains { $0.contains(Offset(offset)) } ? nil : "value \(offset)"
          try #require(found[offset] == value, "\(what) offset \(offset)")
        }
        for quarantine in log.recoveryReport.quarantined {
          let range = Int(quarantine.position)..<Int(quarantine.position + quarantine.bytes)
          try #require(contents(quarantine.path) == Array(bytes[range]), "\(what)")
        }
        try #require(log.recoveryReport.quarantined.count == expected.count, "\(what)")
        // Once more, and as a log like any other.
        try log.append(Record(value: "after"))
        try log.close()
        let again = try Log.open(scratch("log"), configuration: Self.salvage)
        try #require(again.recoveryReport.wasClean && again.recoveryReport.salvaged.isEmpty, "\(what)")
        try #require(again.lostOffsets == expected, "\(what)")
        try again.close()
        let refusing = try Log.open(scratch("log"), configuration: .small)
        try #require(refusing.readOver().lost == expected, "\(what)")
        try #require(refusing.readOver().found[60] == "after", "\(what)")
        try refusing.close()
        let reader = try Log.open(scratch("log"), configuration: .small, access: .readOnly)
        try #require(reader.readOver().lost == expected, "\(what)")
      }
    }
  }

  @Test func severalDamagesInSeveralSegmentsAndAGapOnPurpose() throws {
    let scratch = Scratch()
    let segments = try makeLog(100, in: scratch)
    var lost: [Range<Offset>] = []
    for segment in segments.prefix(3) {
      var bytes = try contents(segment.path)
      let batches = positions(bytes)
      for number in [2, 3, 6] { bytes[batches[number] + 65] ^= 1 }
      try write(bytes, to: segment.path)
      let base = segment.baseOffset
      lost += [base.advanced(by: 2)..<base.advanced(by: 4), base.advanced(by: 6)..<base.advanced(by: 7)]
    }
    let log = try Log.open(scratch("log"), configuration: Self.salvage)
    #expect(log.lostOffsets == lost)
    #expect(try log.readOver().lost == lost)
    #expect(log.recoveryReport.salvaged == segments.prefix(3).map(\.baseOffset))
    let expected = (0..<100).filter { number in !lost.contains { $0.contains(Offset(Int64(number))) } }
    #expect(try log.readOver().found.keys.sorted() == expected.map(Int64.init))
    // A reader who begins inside of what is lost is told exactly what lies before it.
    var cursor = log.fetch(from: 3)
    for _ in 0..<2 {
      do {
        _ = try cursor.next()
        Issue.record("a lost record")
      } catch { #expect(error.offsets == 3..<4) }
    }
  }

  /// A page of zeros, with several batches and the borders between them: the index tells where it goes on.
  @Test func aWholePageOfZerosCostsWhatLaysOnItUpToTheNextIndexEntry() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.indexIntervalBytes = 300
    var log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<200 { try log.append(Record(value: "value \(number)"), durability: .buffered) }
    try log.close()
    let path = log.segments[0].path
    var bytes = try contents(path)
    let batches = positions(bytes)
    let page = 4096..<8192
    for place in page { bytes[place] = 0 }
    try write(bytes, to: path)
    configuration.recovery = .salvage
    log = try Log.open(scratch("log"), configuration: configuration)
    let (found, lost) = try log.readOver()
    let first = Int64(batches.lastIndex { $0 <= page.lowerBound }!)
    let behind = Int64(batches.firstIndex { $0 >= page.upperBound }!)
    #expect(lost.count == 1 && lost[0].lowerBound == Offset(first))
    #expect(lost[0].upperBound >= Offset(behind) && lost[0].upperBound <= Offset(behind + 6))
    for offset in Int64(0)..<200 {
      #expect(found[offset] == (lost[0].contains(Offset(offset)) ? nil : "value \(offset)"))
    }
    #expect(log.logEndOffset == 200)
  }

  /// Nobody else gets the offsets of records that were promised.
  @Test func whereTheLastRecordsAreLostTheLogGoesOnBehindThem() throws {
    let scratch = Scratch()
    let segments = try makeLog(10, in: scratch)
    var bytes = try contents(segments[0].path)
    let batches = positions(bytes)
    for place in (batches[7] + 3)..<bytes.count { bytes[place] = 0xAB }
    try write(bytes, to: segments[0].path)
    let log = try Log.open(scratch("log"), configuration: Self.salvage)
    #expect(log.lostOffsets == [7..<10] && log.logEndOffset == 10)
    #expect(try log.append(Record(value: "after")).baseOffset == 10)
    let (found, lost) = try log.readOver()
    #expect(lost == [7..<10])
    #expect(found.keys.sorted() == [0, 1, 2, 3, 4, 5, 6, 10])
  }

  @Test func quarantinedBytesAreNeverOverwritten() throws {
    let scratch = Scratch()
    let segments = try makeLog(10, in: scratch)
    var quarantined: [String: [UInt8]] = [:]
    // Always the third batch that is left, at the same position.
    for _ in 0..<3 {
      var bytes = try contents(segments[0].path)
      let batch = positions(bytes)[2]
      bytes[batch + 66] ^= 1
      let broken = Array(bytes[batch..<positions(bytes)[3]])
      try write(bytes, to: segments[0].path)
      let log = try Log.open(scratch("log"), configuration: Self.salvage)
      quarantined[try #require(log.recoveryReport.quarantined.first?.path)] = broken
      try log.close()
    }
    #expect(quarantined.count == 3)
    for (path, broken) in quarantined { #expect(try contents(path) == broken) }
    #expect(try Log.open(scratch("log"), configuration: .small).readOver().lost == [2..<5])
  }

  @Test func truncatingForgetsWhatIsLostBehind() throws {
    let scratch = Scratch()
    let segments = try makeLog(20, in: scratch)
    var bytes = try contents(segments[0].path)
    for number in [3, 8] { bytes[positions(bytes)[number] + 66] ^= 1 }
    try write(bytes, to: segments[0].path)
    var log = try Log.open(scratch("log"), configuration: Self.salvage)
    #expect(log.lostOffsets == [3..<4, 8..<9])
    // Offset 8 is lost, so the log ends behind 7.
    #expect(try log.truncate(to: 9) == 8)
    #expect(log.lostOffsets == [3..<4])
    for number in 0..<5 { try log.append(Record(value: "new \(number)")) }
    #expect(try log.readOver().lost == [3..<4])
    try log.close()
    log = try Log.open(scratch("log"), configuration: .small)
    #expect(log.lostOffsets == [3..<4])
    #expect(try log.readOver().found[8] == "new 0")
  }

  /// Whoever cannot read what is lost takes every gap for it.
  @Test func aListOfLostOffsetsThatIsDamagedHidesNothing() throws {
    let scratch = Scratch()
    let segments = try makeLog(20, in: scratch)
    var bytes = try contents(segments[0].path)
    bytes[positions(bytes)[3] + 66] ^= 1
    try write(bytes, to: segments[0].path)
    try Log.open(scratch("log"), configuration: Self.salvage).close()
    let list = scratch("log/strata.lost")
    let whole = try contents(list)
    for byte in whole.indices {
      var broken = whole
      broken[byte] ^= 1
      try write(broken, to: list)
      let log = try Log.open(scratch("log"), configuration: .small)
      #expect(try log.readOver().lost == [3..<4])
      try log.close()
    }
  }
}
