import Foundation
import Strata
import StrataIO
import StrataLock
import StrataSimulation
import Testing

/// What is made ready in front of the appends, and what is left of it.
@Suite struct PreparationTests {
  private func size(_ path: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as! Int
  }

  @Test func anAppendWritesTheFileUpToTheNextBoundary() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    let segment = log.segments[0].path
    for number in 0..<400 {
      try log.append(Record(value: "\(number)"), durability: .buffered)
      let bytes = Int(log.segments[0].bytes)
      #expect(try size(segment) == (bytes + 16383) / 16384 * 16384)
    }
    let bytes = Int(log.segments[0].bytes)
    #expect(bytes > 16384)
    try log.close()
    #expect(try size(segment) == bytes)
    let again = try Log.open(scratch("log"))
    #expect(again.recoveryReport.wasClean)
    #expect(try again.values() == (0..<400).map { "\($0)" })
  }

  @Test func nothingIsWrittenAheadWithoutPreparation() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.preparation = .none
    let log = try Log.open(scratch("log"), configuration: configuration)
    try log.append(Record(value: "one"), durability: .buffered)
    #expect(try size(log.segments[0].path) == Int(log.segments[0].bytes))
  }

  @Test func aSegmentThatEndsIsCutToItsBatches() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 40_000
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<100 {
      try log.append(Record(value: [UInt8](repeating: UInt8(number), count: 1000)), durability: .buffered)
    }
    let sealed = log.segments.filter(\.isSealed)
    #expect(sealed.count >= 2)
    for segment in sealed { #expect(try size(segment.path) == Int(segment.bytes)) }
  }

  /// A process that was killed leaves zeros behind the last batch; nothing of them is reported as lost.
  @Test func zerosWrittenAheadAreNoLoss() throws {
    let disk = SimulatedDisk(seed: 4)
    do {
      let log = try Log.open("log", environment: disk.environment)
      for number in 0..<20 { try log.append(Record(value: "\(number)")) }
    }
    let log = try Log.open("log", environment: disk.afterCrash())
    #expect(!log.recoveryReport.wasClean)
    #expect(log.recoveryReport.cutBytes == 0 && log.recoveryReport.cutReason == nil)
    #expect(try log.values() == (0..<20).map { "\($0)" })
  }
}

/// What is decided of what is written ahead.
@Suite struct PreparationPlanTests {
  typealias Facts = PreparationPlan.Facts

  @Test func theLeadIsWrittenInTheActiveSegmentFirst() {
    let facts = Facts(position: 100, writtenEnd: 150, nextBytes: 0, segmentBytes: 1000)
    let plan = PreparationPlan(facts, lead: 500)
    #expect(plan.activeEnd == 600 && plan.nextBytes == 0 && plan.missingBytes == 450)
  }

  @Test func whatDoesNotFitGoesIntoTheNextSegment() {
    let facts = Facts(position: 800, writtenEnd: 900, nextBytes: 50, segmentBytes: 1000)
    let plan = PreparationPlan(facts, lead: 500)
    #expect(plan.activeEnd == 1000 && plan.nextBytes == 300 && plan.missingBytes == 350)
  }

  @Test func atMostOneSegmentIsPrepared() {
    let facts = Facts(position: 800, writtenEnd: 800, nextBytes: 0, segmentBytes: 1000)
    #expect(PreparationPlan(facts, lead: 1 << 40).nextBytes == 1000)
  }

  @Test func whatIsReadyIsNotTakenBack() {
    let facts = Facts(position: 1200, writtenEnd: 1200, nextBytes: 700, segmentBytes: 1000)
    let plan = PreparationPlan(facts, lead: 10)
    #expect(plan.activeEnd == 1200 && plan.nextBytes == 700 && plan.missingBytes == 0)
  }

  @Test func theLeadGrowsWithTheSegmentAndStays() {
    #expect(PreparationPlan.lead(at: 0, earlier: 0) == 1 << 20)
    #expect(PreparationPlan.lead(at: 5 << 20, earlier: 1 << 20) == 5 << 20)
    #expect(PreparationPlan.lead(at: 0, earlier: 5 << 20) == 5 << 20)
    #expect(PreparationPlan.lead(at: 1 << 30, earlier: 0) == 64 << 20)
  }

  @Test func moreIsDueWhenHalfOfTheLeadIsUsedUp() {
    var facts = Facts(position: 0, writtenEnd: 600, nextBytes: 400, segmentBytes: 1000)
    #expect(PreparationPlan.due(facts, lead: 500) == 350)
    facts.writtenEnd = 1000
    #expect(PreparationPlan.due(facts, lead: 500) == 1150)
    facts.nextBytes = 1000
    #expect(PreparationPlan.due(facts, lead: 5000) == .max)
  }
}

/// Zeros that are written ahead of the appends.
@Suite struct WrittenAheadTests {
  static let ways: [(SegmentPreparation, WritingMode)] = [
    (.written, .copied), (.written, .mapped), (.allocated, .mapped),
  ]

  private func disk(capacity: Int64? = nil) -> SimulatedDisk {
    var options = SimulatedDisk.Options()
    options.ioThread = .stepped
    options.capacity = capacity
    return SimulatedDisk(seed: 1, crashAt: .never, options: options)
  }

  private func configuration(
    _ preparation: SegmentPreparation, _ writing: WritingMode = .copied, segmentBytes: Int = 100_000
  ) -> LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = segmentBytes
    configuration.indexBytes = 16 << 10
    configuration.preparation = preparation
    configuration.writing = writing
    return configuration
  }

  /// What a synced append does to the disk: the batch, the sync, the note of how far the log is durable.
  @Test(arguments: [WritingMode.copied, .mapped])
  func aSyncedAppendOverPreparedBytesChangesNoSize(_ writing: WritingMode) throws {
    let disk = disk()
    let log = try Log.open(
      "log", configuration: configuration(.written, writing), environment: disk.environment)
    try log.append(Record(value: "first"))
    try log.prepare()
    let path = log.segments[0].path
    #expect(disk.contents(of: path)?.count == 100_000)
    let before = disk.calls.count
    for number in 0..<50 { try log.append(Record(value: [UInt8](repeating: UInt8(number), count: 1000))) }
    let calls = disk.calls[before...].filter { $0.path.hasSuffix(".log") }.map(\.operation)
    let expected: [Call.Operation] =
      writing == .mapped ? [.store, .synchronize] : [.write, .synchronize]
    #expect(calls == Array(Array(repeating: expected, count: 50).joined()))
    #expect(disk.contents(of: path)?.count == 100_000)
    let values = try log.all().count
    #expect(values == 51)
  }

  /// The thread of the log's own does it, as soon as there is something to write ahead of.
  @Test func itIsDoneWithoutBeingAskedFor() throws {
    let disk = disk()
    let log = try Log.open("log", configuration: configuration(.written), environment: disk.environment)
    #expect(disk.pendingJobCount == 0)
    try log.append(Record(value: "first"))
    #expect(disk.pendingJobCount == 1)
    disk.runPendingJobs()
    #expect(disk.contents(of: log.segments[0].path)?.count == 100_000)
    #expect(disk.contents(of: "log/strata.prepared")?.count == 100_000)
    try log.append(Record(value: "second"))
    #expect(disk.pendingJobCount == 0)
    #expect(try log.values() == ["first", "second"])
  }

  @Test func aJobThatComesAfterTheLogIsClosedDoesNothing() throws {
    let disk = disk()
    var log: Log? = try Log.open("log", configuration: configuration(.written), environment: disk.environment)
    try log!.append(Record(value: "first"))
    try log!.close()
    let before = disk.calls.count
    disk.runPendingJobs()
    #expect(disk.calls.count == before)
    log = nil
    #expect(disk.leaks == nil)
  }

  @Test(arguments: ways)
  func aRollTakesWhatWasPreparedAndCutsWhatItLeaves(
    _ preparation: SegmentPreparation, _ writing: WritingMode
  ) throws {
    let disk = disk()
    let log = try Log.open(
      "log", configuration: configuration(preparation, writing), environment: disk.environment)
    var values: [[UInt8]] = []
    for number in 0..<60 {
      values.append([UInt8](repeating: UInt8(number), count: 100 + number * 317 % 20_000))
      try log.append(Record(value: values[number]), durability: .buffered)
      if number % 3 == 0 { try log.prepare() }
    }
    #expect(log.segments.count > 4)
    for segment in log.segments where segment.isSealed {
      #expect(disk.contents(of: segment.path)?.count == Int(segment.bytes))
    }
    let renamed = disk.calls.filter { $0.operation == .rename && $0.path == "log/strata.prepared" }
    #expect(renamed.count == log.segments.count - 1)
    #expect(try log.all().map { $0.record.value } == values)
    let last = try #require(log.segments.last)
    try log.close()
    #expect(disk.contents(of: last.path)?.count == Int(last.bytes))
    #expect(disk.leaks == nil)
    let again = try Log.open("log", environment: disk.environment)
    #expect(again.recoveryReport.wasClean)
    #expect(try again.all().map { $0.record.value } == values)
  }

  /// What was made ready never keeps a record out: as many fit as without it.
  @Test(arguments: ways)
  func aFullDiskTakesTheSpaceBack(_ preparation: SegmentPreparation, _ writing: WritingMode) throws {
    func fill(_ configuration: LogConfiguration, prepares: Bool) throws -> Int {
      let disk = disk(capacity: 1 << 20)
      let log = try Log.open("log", configuration: configuration, environment: disk.environment)
      var count = 0
      while true {
        if prepares, code({ try log.prepare() }) == .poisoned { Issue.record("preparing poisoned the log") }
        let failure = code { try log.append(Record(value: [UInt8](repeating: 7, count: 3000))) }
        guard failure == nil else {
          #expect(failure == .noSpace)
          break
        }
        count += 1
      }
      #expect(try log.all().count == count)
      // With room it goes on.
      try log.deleteRecords(before: log.segments[1].baseOffset)
      try log.append(Record(value: "more"))
      try log.close()
      return count
    }
    let without = try fill(configuration(.none), prepares: false)
    let with = try fill(configuration(preparation, writing), prepares: true)
    #expect(without > 200)
    #expect(with >= without - 1, "\(with) records instead of \(without)")
  }

  /// Also where somebody is making it ready at that very moment.
  @Test func aFullDiskTakesBackWhatIsJustBeingPrepared() throws {
    func fill(_ preparation: SegmentPreparation) throws -> Int {
      let disk = disk(capacity: 2 << 20)
      let log = try Log.open(
        "log", configuration: configuration(preparation, segmentBytes: 600_000),
        environment: disk.environment)
      let count = Lock(0)
      let isFull = Lock(false)
      try ConcurrencyTests().threads(2) { number in
        while !isFull.withLock({ $0 }) {
          if number == 0 {
            if preparation == .written { try? log.prepare(bytes: 600_000) }
            continue
          }
          let failure = code { try log.append(Record(value: [UInt8](repeating: 7, count: 3000))) }
          guard failure == nil else {
            isFull.withLock { $0 = true }
            #expect(failure == .noSpace)
            break
          }
          count.withLock { $0 += 1 }
        }
      }
      return count.withLock { $0 }
    }
    let without = try fill(.none)
    for _ in 0..<10 {
      let with = try fill(.written)
      #expect(with >= without - 1, "\(with) records instead of \(without)")
    }
  }

  /// A reader beside the writer, and Kafka's loader, take the zeros for the end.
  @Test func everybodyElseTakesTheZerosForTheEnd() throws {
    let disk = disk()
    let log = try Log.open(
      "log", configuration: configuration(.written, .mapped), environment: disk.environment)
    func check(_ count: Int) throws {
      let reader = try Log.open("log", access: .readOnly, environment: disk.environment)
      #expect(try reader.values() == (0..<count).map { "\($0)" })
      #expect(KafkaLoader(disk.folder("log")).records.map(\.value) == (0..<count).map { "\($0)" })
    }
    try log.prepare()
    try check(0)
    for number in 0..<40 {
      try log.append(Record(value: "\(number)"))
      if number % 10 == 0 { try log.prepare() }
      try check(number + 1)
    }
    try log.append(Record(value: [UInt8](repeating: 1, count: 99_500)), durability: .buffered)
    #expect(log.segments.count == 2 && disk.contents(of: log.segments[1].path)?.count == 100_000)
    let reader = try Log.open("log", access: .readOnly, environment: disk.environment)
    #expect(reader.logEndOffset >= 40)
  }

  @Test func aLogThatWasKilledOpensWithWhatItHas() throws {
    let disk = disk()
    do {
      let log = try Log.open(
        "log", configuration: configuration(.written, .mapped), environment: disk.environment)
      try log.prepare()
      for number in 0..<10 { try log.append(Record(value: "\(number)"), durability: .buffered) }
    }
    let log = try Log.open("log", configuration: configuration(.written), environment: disk.environment)
    #expect(log.recoveryReport.cutBytes == 0 && log.recoveryReport.cutReason == nil)
    #expect(try log.values() == (0..<10).map { "\($0)" })
    #expect(disk.contents(of: "log/strata.prepared") == nil)
    #expect(disk.contents(of: log.segments[0].path)?.count == Int(log.segments[0].bytes))
  }

  /// Real files, real threads: writers, readers, and the log's own thread at work all the time.
  @Test(arguments: ways)
  func manyWritersAreNeverOverwritten(_ preparation: SegmentPreparation, _ writing: WritingMode) throws {
    let scratch = Scratch()
    let log = try Log.open(
      scratch("log"), configuration: configuration(preparation, writing, segmentBytes: 1_500_000))
    try ConcurrencyTests().threads(5) { writer in
      guard writer < 4 else {
        for _ in 0..<40 { try log.prepare(bytes: 200_000) }
        return
      }
      for number in 0..<400 {
        let value = "\(writer) \(number) " + String(repeating: "x", count: (writer * 7 + number) * 37 % 3000)
        try log.append(Record(value: value), durability: number % 8 == 0 ? .synced : .buffered)
      }
    }
    log.checkInvariants()
    func check(_ log: Log) throws {
      var next = [0, 0, 0, 0]
      for value in try log.values() {
        let words = value.split(separator: " ", omittingEmptySubsequences: false)
        let (writer, number) = (Int(words[0])!, Int(words[1])!)
        #expect(number == next[writer] && words[2].count == (writer * 7 + number) * 37 % 3000)
        next[writer] += 1
      }
      #expect(next == [400, 400, 400, 400])
    }
    try check(log)
    #expect(log.segments.count > 1)
    try log.close()
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    #expect(!files.contains("strata.prepared"))
    let again = try Log.open(scratch("log"))
    #expect(again.recoveryReport.wasClean)
    try check(again)
  }
}

/// Reading sealed segments where they lie.
@Suite struct MappedReadingTests {
  @Test func bothWaysOfReadingSeeTheSame() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 30_000
    configuration.reading = .mapped
    let log = try Log.open(scratch("log"), configuration: configuration)
    var held: [RecordBatch] = []
    for number in 0..<300 {
      try log.append(
        Record(value: "\(number) " + String(repeating: "x", count: number)), durability: .buffered)
    }
    #expect(log.segments.count > 2)
    let expected = (0..<300).map { "\($0) " + String(repeating: "x", count: $0) }
    #expect(try log.values() == expected)
    #expect(try log.values() == expected)
    for start in stride(from: 0, to: 300, by: 7) {
      var cursor = log.fetch(from: Offset(Int64(start)), isolation: .logEnd)
      let batch = try #require(try cursor.next())
      #expect(batch.baseOffset == Offset(Int64(start)))
      held.append(batch)
    }
    try log.close()
    // What is held stays readable when the log is gone.
    for (place, batch) in held.enumerated() {
      var records = try batch.records()
      var value: [UInt8]?
      if let record = try records.next() { value = Record(copying: record).value }
      #expect(value == Array(expected[place * 7].utf8))
    }
  }

  @Test func damageIsFoundInPlace() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.segmentBytes = 10_000
    configuration.reading = .mapped
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<60 { try log.append(Record(value: [UInt8](repeating: UInt8(number), count: 500))) }
    let segment = try #require(log.segments.first)
    try log.close()
    var bytes = try contents(segment.path)
    bytes[bytes.count / 2] ^= 1
    try write(bytes, to: segment.path)
    let again = try Log.open(scratch("log"), configuration: configuration)
    let error = #expect(throws: LogError.self) { _ = try again.all() }
    #expect(error?.code == .damaged)
    let offsets = try #require(error?.offsets)
    #expect(offsets.count == 1)
    var rest = again.fetch(from: offsets.upperBound)
    var count = 0
    while let batch = try rest.next() { count += batch.recordCount }
    #expect(count == 60 - Int(offsets.upperBound.rawValue))
  }
}
