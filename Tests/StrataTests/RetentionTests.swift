import Foundation
import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// What goes by age and by size, and what a log is afterwards whose oldest records are gone.
@Suite struct RetentionTests {
  typealias Fact = RetentionPlan.SegmentFact

  static func facts(
    _ segments: [(next: Int64, bytes: Int64, timestamp: Int64, written: Int64)], start: Int64 = 0,
    end: Int64 = .max, now: Int64 = 10_000, age: Int64? = nil, bytes: Int64? = nil
  ) -> RetentionPlan.Facts {
    var base: Int64 = 0
    let facts = segments.map { segment in
      defer { base = segment.next }
      return Fact(
        baseOffset: Offset(base), nextOffset: Offset(segment.next), bytes: segment.bytes,
        largestTimestamp: Timestamp(milliseconds: segment.timestamp), modificationTime: segment.written)
    }
    return RetentionPlan.Facts(
      segments: facts, logStart: Offset(start), removableEnd: Offset(end), now: now, milliseconds: age,
      bytes: bytes)
  }

  @Test func thePlanStopsAtTheFirstSegmentThatMayStay() {
    // The third is old too, and lies behind one that is not.
    let plan = RetentionPlan(
      Self.facts(
        [(10, 100, 8000, 9999), (20, 100, 9500, 9999), (30, 100, 8000, 9999), (31, 10, 9999, 9999)],
        age: 1000))
    #expect(plan.logStart == 10 && plan.removals == [.init(baseOffset: 0, reason: .age)])
  }

  @Test func aTimestampFromTheFutureCountsAsTheFileDoes() {
    let segments: [(Int64, Int64, Int64, Int64)] = [(10, 100, 99_999, 8000), (20, 100, -1, 8500)]
    #expect(RetentionPlan(Self.facts(segments, now: 9000, age: 1000)).removals.isEmpty)
    #expect(RetentionPlan(Self.facts(segments, now: 9001, age: 1000)).logStart == 10)
    // The last one has no timestamp at all, and goes by its file too.
    #expect(RetentionPlan(Self.facts(segments, now: 9501, age: 1000)).logStart == 20)
  }

  @Test func bySizeThatManyBytesStayAtLeast() {
    let segments: [(Int64, Int64, Int64, Int64)] = [
      (10, 100, 0, 0), (20, 100, 0, 0), (30, 100, 0, 0), (35, 50, 0, 0),
    ]
    func plan(_ bytes: Int64, start: Int64 = 0, end: Int64 = .max) -> RetentionPlan {
      RetentionPlan(Self.facts(segments, start: start, end: end, bytes: bytes))
    }
    #expect(plan(251).removals.isEmpty)
    #expect(plan(250).removals == [.init(baseOffset: 0, reason: .size)])
    #expect(plan(51).logStart == 20)
    #expect(plan(0).logStart == 35)
    // What is below the start counts no more, and the end bounds it.
    #expect(plan(150, start: 12).logStart == 20)
    #expect(plan(0, end: 29).logStart == 20)
  }

  @Test func aLastSegmentWithoutRecordsStays() {
    let plan = RetentionPlan(Self.facts([(10, 100, 0, 0), (10, 0, -1, 0)], age: 0, bytes: 0))
    #expect(plan.logStart == 10 && plan.removals.count == 1)
  }

  @Test func anAgeThatOverflowsIsNoTrap() {
    let plan = RetentionPlan(
      Self.facts([(10, 100, 5, .min), (20, 100, .max, .max)], now: .max, age: 1))
    #expect(plan.logStart == 10)
  }

  /// A log on a simulated disk whose clock the test moves.
  static func log(
    _ disk: SimulatedDisk, _ change: (inout LogConfiguration) -> Void = { _ in }
  ) throws -> Log {
    var configuration = LogConfiguration.crash
    configuration.segmentBytes = 400
    change(&configuration)
    return try Log.open("log", configuration: configuration, environment: disk.environment)
  }

  static func fill(_ log: Log, _ range: Range<Int>, at time: Int64? = nil) throws {
    for number in range {
      let record = Record(
        value: "value \(number)", timestamp: time.map { Timestamp(milliseconds: $0) })
      try log.append(record, durability: .buffered)
    }
  }

  @Test func oldSegmentsGoAndTheLastOneRollsFirst() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Self.log(disk) { $0.retentionMilliseconds = 60_000 }
    try Self.fill(log, 0..<12)
    #expect(log.segments.map(\.baseOffset) == [0, 5, 10])
    #expect(try log.applyRetention().expiredSegments == 0)
    disk.clock.advance(by: .seconds(40))
    try Self.fill(log, 12..<13)
    disk.clock.advance(by: .seconds(30))
    // The last segment has a record that is not old enough.
    let report = try log.applyRetention()
    #expect(report.expiredSegments == 2 && report.logStartOffset == 10 && report.bytes == 750)
    #expect(log.logStartOffset == 10 && log.segments.map(\.baseOffset) == [10])
    disk.clock.advance(by: .seconds(60))
    #expect(try log.applyRetention().logStartOffset == 13)
    #expect(log.segments.map(\.baseOffset) == [13] && log.logEndOffset == 13)
    #expect(try log.applyRetention().expiredSegments == 0)
    let files = disk.folder("log").files.keys.filter { $0.hasPrefix("0") }.sorted()
    #expect(files == ["index", "log", "seal", "timeindex"].map { "00000000000000000013." + $0 })
    #expect(try log.append(Record(value: "next")).baseOffset == 13)
    #expect(try log.values() == ["next"])
    log.checkInvariants()
  }

  @Test func aProducersClockAheadDoesNotKeepALogForEver() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Self.log(disk) { $0.retentionMilliseconds = 60_000 }
    try Self.fill(log, 0..<12, at: 9_000_000_000_000)
    disk.clock.advance(by: .seconds(50))
    #expect(try log.applyRetention().expiredSegments == 0)
    disk.clock.advance(by: .seconds(20))
    #expect(try log.applyRetention().logStartOffset == 12)
  }

  @Test func bySizeTheOldestGo() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Self.log(disk) { $0.retentionBytes = 460 }
    try Self.fill(log, 0..<21)
    let bytes: Int64 = log.segments.reduce(0) { $0 + $1.bytes }
    #expect(bytes == Int64(10 * 75 + 11 * 76))
    let report = try log.applyRetention()
    #expect(report.excessSegments == 2 && log.logStartOffset == 10)
    #expect(try log.values() == (10..<21).map { "value \($0)" })
    // A policy that only compacts removes nothing.
    try log.close()
    let other = try Self.log(disk) {
      $0.retentionBytes = 0
      $0.cleanupPolicy = .compact
    }
    #expect(try other.applyRetention().excessSegments == 0)
  }

  @Test func theStartMayLieInsideABatch() throws {
    let scratch = Scratch()
    var log = try Log.open(scratch("log"), configuration: .small)
    for batch in 0..<40 {
      try log.append((0..<5).map { Record(value: "value \(batch * 5 + $0)") }, durability: .buffered)
    }
    let bases = log.segments.map(\.baseOffset)
    #expect(bases.count == 3)
    #expect(try log.deleteRecords(before: 103) == 103)
    for _ in 0..<2 {
      #expect(log.logStartOffset == 103)
      #expect(log.segments.map(\.baseOffset) == Array(bases[bases.lastIndex { $0 <= 103 }!...]))
      #expect(try log.values() == (103..<200).map { "value \($0)" })
      var cursor = log.fetch(from: 103)
      let batch = try cursor.next()
      #expect(batch?.baseOffset == 100 && batch?.lastOffset == 104)
      for offset in [Offset(0), 99, 100, 102] {
        do {
          _ = try log.values(from: offset)
          Issue.record("offset \(offset) was read")
        } catch let error as LogError {
          #expect(error.code == .offsetOutOfRange && error.offsets == 103..<200)
        }
      }
      #expect(try log.deleteRecords(before: 50) == 103)
      try log.close()
      log = try Log.open(scratch("log"), configuration: .small)
      #expect(log.recoveryReport.wasClean)
    }
  }

  @Test func allOfALogCanGoAndItGoesOnAtItsEnd() throws {
    let scratch = Scratch()
    var log = try Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<100)
    #expect(try log.deleteRecords(before: 100) == 100)
    #expect(log.segments.map(\.baseOffset) == [100] && log.segments[0].bytes == 0)
    #expect(try log.values().isEmpty)
    log = try Log.open(scratch("other"))
    log = try Log.open(scratch("log"), configuration: .small)
    #expect(log.logStartOffset == 100 && log.logEndOffset == 100)
    #expect(try log.append(Record(value: "next")).baseOffset == 100)
  }

  @Test func aboveTheHighWatermarkNothingIsDeleted() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<100)
    #expect(code { try log.deleteRecords(before: 101) } == .offsetOutOfRange)
    log.setHighWatermark(40)
    #expect(code { try log.deleteRecords(before: 41) } == .offsetOutOfRange)
    #expect(try log.deleteRecords(before: 40) == 40)
    let reader = try Log.open(scratch("log"), access: .readOnly)
    #expect(reader.logStartOffset == 40)
    #expect(code { try reader.deleteRecords(before: 50) } == .readOnly)
    #expect(code { try reader.applyRetention() } == .readOnly)
    try log.close()
    #expect(code { try log.applyRetention() } == .closed)
  }

  @Test func whoReadsARemovedSegmentReadsItToItsEndAndIsTold() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<100)
    let second = log.segments[1].baseOffset
    var inside = log.fetch(from: 0, isolation: .logEnd)
    _ = try inside.next()
    var before = log.fetch(from: 0, isolation: .logEnd)
    var atTheEnd = log.fetch(from: 99, isolation: .logEnd)
    _ = try atTheEnd.next()
    try log.deleteRecords(before: 90)
    for offset in 1..<second.rawValue { #expect(try inside.next()?.baseOffset.rawValue == offset) }
    for _ in 0..<2 {
      do {
        _ = try inside.next()
        Issue.record("it went on")
      } catch { #expect(error.code == .offsetOutOfRange && error.offsets == 90..<100) }
    }
    #expect(code { _ = try before.next() } == .offsetOutOfRange)
    try log.deleteRecords(before: 100)
    try log.append(Record(value: "next"), durability: .buffered)
    #expect(try atTheEnd.next()?.baseOffset == 100)
  }

  @Test func aTailBehindTheStartIsTold() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<100)
    try await log.flush()
    var tail = log.tail(from: .offset(10)).makeAsyncIterator()
    try log.deleteRecords(before: 50)
    do {
      _ = try await tail.next()
      Issue.record("the tail went on")
    } catch { #expect(error.code == .offsetOutOfRange && error.offsets?.lowerBound == 50) }
  }

  @Test func aReaderInAnotherProcessIsToldToo() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<100)
    try log.flush()
    let reader = try Log.open(scratch("log"), access: .readOnly)
    var cursor = reader.fetch(from: 0)
    _ = try cursor.next()
    try log.deleteRecords(before: 60)
    var last = Offset(0)
    var failure: LogError?
    do { while let batch = try cursor.next() { last = batch.baseOffset } } catch { failure = error }
    #expect(failure?.code == .offsetOutOfRange && last < 60, "\(last), \(String(describing: failure))")
    #expect(reader.logStartOffset > last)
  }

  @Test func itWorksOnAFullDisk() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Self.log(disk) { $0.retentionBytes = 0 }
    try Self.fill(log, 0..<12)
    try log.flush()
    disk.add(FaultRule(.error(.noSpace), on: [.write, .open, .rename], pathSuffix: ".log", .every))
    disk.add(FaultRule(.error(.noSpace), on: [.preallocate, .rename], .every))
    #expect(try log.deleteRecords(before: 11) == 11)
    #expect(log.segments.map(\.baseOffset) == [10])
    #expect(try log.applyRetention().logStartOffset == 12 && log.segments.map(\.baseOffset) == [10])
    #expect(!disk.folder("log").files.keys.contains { $0.hasPrefix("00000000000000000005") })
    disk.removeFaults()
    #expect(try log.append(Record(value: "next")).baseOffset == 12)
    #expect(try log.values() == ["next"])
    #expect(try log.applyRetention().logStartOffset == 13 && log.segments.map(\.baseOffset) == [13])
  }

  @Test func whatIsLeftOfARemovalGoesWithTheNextOpening() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log: Log? = try Self.log(disk)
    try Self.fill(log!, 0..<22)
    disk.add(FaultRule(.error(.device), on: [.rename], .every))
    #expect(code { try log!.deleteRecords(before: 17) } == .io)
    disk.removeFaults()
    #expect(log!.logStartOffset == 17)
    #expect(try log!.values() == (17..<22).map { "value \($0)" })
    #expect(disk.contents(of: "log/00000000000000000000.log") != nil)
    log = nil
    log = try Self.log(disk)
    let bases = Set(disk.folder("log").files.keys.filter { $0.hasPrefix("0") }.map { $0.prefix(20) })
    #expect(bases.sorted() == ["00000000000000000015", "00000000000000000020"])
    #expect(try log!.values() == (17..<22).map { "value \($0)" })
    #expect(!log!.recoveryReport.wasClean && log!.recoveryReport.cutBytes == 0)
  }

  @Test func lostOffsetsBelowTheStartAreForgotten() throws {
    let scratch = Scratch()
    let path = try SalvageTests().makeLog(60, in: scratch)[0].path
    var bytes = try contents(path)
    bytes[SalvageTests().positions(bytes)[3] + 70] ^= 1
    try write(bytes, to: path)
    var log = try Log.open(scratch("log"), configuration: SalvageTests.salvage)
    let lost = try #require(log.lostOffsets.first)
    #expect(lost == 3..<4)
    try log.deleteRecords(before: 3)
    #expect(log.lostOffsets == [3..<4])
    try log.deleteRecords(before: 4)
    #expect(log.lostOffsets.isEmpty)
    try log.close()
    log = try Log.open(scratch("log"), configuration: .small)
    #expect(log.lostOffsets.isEmpty && log.logStartOffset == 4)
  }

  @Test func verificationAndLookUpsGoOnBesideIt() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try Self.fill(log, 0..<200)
    try log.flush()
    var isFirst = true
    let report = try log.verify { _ in
      if isFirst { _ = try? log.deleteRecords(before: 150) }
      isFirst = false
      return true
    }
    #expect(report.damages.isEmpty && report.isComplete, "\(report)")
  }
}
