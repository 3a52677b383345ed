import Foundation
import Strata
import StrataRecords
import Testing

/// Reading everything, and telling of every damage where it is.
@Suite struct VerifyTests {
  func segments(_ scratch: Scratch, _ count: Int = 100) throws -> [SegmentInfo] {
    try SalvageTests().makeLog(count, in: scratch)
  }

  func verify(_ scratch: Scratch, _ access: LogAccess = .readOnly) throws -> VerificationReport {
    try Log.open(scratch("log"), configuration: .small, access: access).verify()
  }

  func files(_ scratch: Scratch) throws -> [String: [UInt8]] {
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    return Dictionary(uniqueKeysWithValues: try names.map { ($0, try contents(scratch("log/" + $0))) })
  }

  @Test func aWholeLogIsFoundWhole() throws {
    let scratch = Scratch()
    let segments = try segments(scratch)
    let before = try files(scratch)
    let report = try verify(scratch)
    #expect(report.damages.isEmpty && report.isComplete && report.lost.isEmpty)
    #expect(report.segments == segments.count && report.batches == 100 && report.records == 100)
    #expect(report.bytes == segments.reduce(0) { $0 + $1.bytes })
    #expect(try files(scratch) == before)
  }

  /// Every bit of every entry of an index, every byte of some batches.
  @Test func everyDamageIsNamedWithItsPlace() throws {
    let scratch = Scratch()
    let segments = try segments(scratch, 60)
    let path = segments[1].path
    let whole = try contents(path)
    let places = SalvageTests().positions(whole)
    for byte in 0..<(places[3] - places[2]) {
      var bytes = whole
      bytes[places[2] + byte] ^= 0x20
      try write(bytes, to: path)
      let report = try verify(scratch)
      let damage = try #require(report.damages.first, "byte \(byte)")
      #expect(damage.path == path && damage.position == Int64(places[2]), "byte \(byte)")
      #expect(damage.length == Int64(places[3] - places[2]), "byte \(byte)")
      #expect(
        damage.offsets == segments[1].baseOffset.advanced(by: 2)..<segments[1].baseOffset.advanced(by: 3))
      #expect(damage.kind == .batch, "byte \(byte)")
      #expect(report.isComplete)
    }
    try write(whole, to: path)
    for (kind, entry) in [("index", 8), ("timeindex", 12)] {
      let path = path.dropLast(3) + kind
      let whole = try contents(String(path))
      #expect(!whole.isEmpty)
      for byte in whole.indices {
        var bytes = whole
        bytes[byte] ^= 0x10
        try write(bytes, to: String(path))
        let damages = try verify(scratch).damages
        // The least that is told is the wrong entry; what a wrong entry hides may be told besides.
        #expect(
          damages.contains { $0.path == path && $0.position / Int64(entry) == Int64(byte / entry) },
          "\(kind) byte \(byte): \(damages)")
      }
      try write(whole, to: String(path))
    }
  }

  /// Its index files are mapped while it is written: what is wrong in them is what readers go by.
  @Test func theIndexesOfTheSegmentThatIsWrittenAreReadToo() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    configuration.segmentBytes = 1 << 20
    configuration.indexIntervalBytes = 100
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<40 {
      try log.append(Record(value: "\(number)", timestamp: Timestamp(milliseconds: 1000 + Int64(number))))
    }
    #expect(try log.verify().damages.isEmpty)
    for (kind, entry) in [("index", 8), ("timeindex", 12)] {
      let path = log.segments[0].path.dropLast(3) + kind
      for byte in [0, 7, 3 * entry + 3] {
        try flip(String(path), byte)
        let damages = try log.verify().damages
        #expect(
          damages.contains { $0.path == path && $0.position / Int64(entry) == Int64(byte / entry) },
          "\(kind) byte \(byte): \(damages)")
        try flip(String(path), byte)
      }
    }
    #expect(try log.verify().damages.isEmpty)
  }

  private func flip(_ path: String, _ place: Int) throws {
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    defer { try? handle.close() }
    try handle.seek(toOffset: UInt64(place))
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(place))
    try handle.write(contentsOf: Data([byte ^ 0x10]))
  }

  /// Where no seal tells, a leader epoch that falls, or that the log has not come to, does.
  @Test func aLeaderEpochThatCannotBeIsNamed() throws {
    let scratch = Scratch()
    let segments = try segments(scratch, 60)
    try FileManager.default.removeItem(atPath: String(segments[1].path.dropLast(3)) + "seal")
    let whole = try contents(segments[1].path)
    let place = SalvageTests().positions(whole)[4]
    for byte in 12..<16 {
      var bytes = whole
      bytes[place + byte] ^= 0x20
      try write(bytes, to: segments[1].path)
      let damages = try verify(scratch).damages
      #expect(damages.map(\.kind) == [.leaderEpoch] && damages.first?.position == Int64(place))
    }
  }

  @Test func recordsThatCannotBeReadAreNamed() throws {
    for fixture in GoldenDamageTests.all where fixture.isWhole {
      let scratch = Scratch()
      try write(fixture.bytes, to: scratch("00000000000000000000.log"))
      let report = try Log.open(scratch.path, access: .readOnly).verify()
      guard report.unreadBatches == 0 else { continue }
      #expect(report.damages.map(\.kind) == [.records], "\(fixture.name)")
      #expect(report.damages.first?.position == fixture.prefix, "\(fixture.name)")
      #expect(report.damages.first?.offsets?.lowerBound == Offset(fixture.next), "\(fixture.name)")
      #expect(report.batches == 5 && report.records >= 19 && report.isComplete)
    }
  }

  @Test func whatWasSalvagedIsNoDamageAnyMore() throws {
    let scratch = Scratch()
    let segments = try segments(scratch)
    var bytes = try contents(segments[0].path)
    for number in [3, 7] { bytes[SalvageTests().positions(bytes)[number] + 70] ^= 1 }
    try write(bytes, to: segments[0].path)
    #expect(try verify(scratch).damages.map(\.offsets) == [3..<4, 7..<8])
    try Log.open(scratch("log"), configuration: SalvageTests.salvage).close()
    let report = try verify(scratch)
    #expect(report.damages.isEmpty && report.lost == [3..<4, 7..<8])
    #expect(report.batches == 98)
  }

  @Test func itGoesOnBesideAWriterThatTruncates() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    let writer = Thread {
      do {
        for round in 0..<30 {
          for _ in 0..<30 { try log.append(Record(value: "round \(round)"), durability: .buffered) }
          try log.truncate(to: Offset(Int64(round * 10)))
        }
        try log.close()
      } catch { Issue.record("\(error)") }
    }
    writer.start()
    var complete = 0
    while !writer.isFinished {
      do {
        let report = try log.verify()
        #expect(report.damages.isEmpty, "\(report.damages)")
        complete += report.isComplete ? 1 : 0
      } catch { #expect(error.code == .closed) }
    }
    #expect(code { _ = try log.verify() } == .closed)
  }

  @Test func itStopsWhenItIsToldTo() throws {
    let scratch = Scratch()
    _ = try segments(scratch)
    let log = try Log.open(scratch("log"), configuration: .small, access: .readOnly)
    var seen: [VerificationProgress] = []
    let report = try log.verify(bytesPerSecond: 20_000) { progress in
      seen.append(progress)
      return progress.bytes < progress.totalBytes / 2
    }
    #expect(!report.isComplete && report.batches < 60 && report.batches > 30)
    #expect(seen.count >= 1 && seen.allSatisfy { $0.totalBytes == seen[0].totalBytes })
    // Half of it at so many bytes a second takes at least this long; how much longer, the machine decides.
    #expect(report.nanoseconds >= report.bytes * 1_000_000_000 / 20_000)
  }
}
