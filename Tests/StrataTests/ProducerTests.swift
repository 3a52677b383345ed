import Strata
import StrataIO
import StrataSimulation
import Testing

extension Log {
  /// A batch of a producer, as a client of Kafka would send it.
  static func batch(
    _ id: Int64, _ epoch: Int16 = 0, from sequence: Int32, _ values: [String], isTransactional: Bool = false,
    at milliseconds: Int64 = 1_767_225_600_000
  ) throws -> RecordBatch {
    var builder = RecordBatchBuilder()
    builder.producer = Producer(id: id, epoch: epoch, baseSequence: sequence)
    builder.isTransactional = isTransactional
    for value in values {
      try builder.append(value: value.utf8.span, timestamp: Timestamp(milliseconds: milliseconds))
    }
    return try builder.finish()
  }
}

/// Batches that come twice, too early or from an instance whose time is over.
@Suite struct ProducerTests {
  static let now: Int64 = 1_767_225_600_000

  /// A disk whose clock stands at the time of the batches.
  static func disk(at milliseconds: Int64 = now) -> (disk: SimulatedDisk, environment: LogEnvironment) {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var environment = disk.environment
    environment.wallClockMilliseconds = { milliseconds }
    return (disk, environment)
  }

  static func open(
    _ environment: LogEnvironment, _ configuration: LogConfiguration = .small, _ access: LogAccess = .readWrite
  ) throws -> Log {
    try Log.open("log", configuration: configuration, access: access, environment: environment)
  }

  @Test func aBatchThatComesAgainIsAnsweredWithItsFirstOffsets() throws {
    let log = try Self.open(Self.disk().environment)
    var first: [AppendedBatch] = []
    for place in 0..<7 {
      first.append(try log.append(Log.batch(5, from: Int32(place * 2), ["a\(place)", "b\(place)"])))
    }
    // The last five are known again, each with its own offsets.
    for place in 2..<7 {
      let again = try log.append(Log.batch(5, from: Int32(place * 2), ["a\(place)", "b\(place)"]))
      #expect(again.isDuplicate)
      #expect(again.baseOffset == first[place].baseOffset && again.lastOffset == first[place].lastOffset)
    }
    // Those before are only known to be old.
    #expect(code { try log.append(Log.batch(5, from: 2, ["a1", "b1"])) } == .outOfOrderSequence)
    // The same number with another count is no repetition.
    #expect(code { try log.append(Log.batch(5, from: 12, ["a6"])) } == .outOfOrderSequence)
    #expect(try log.values(from: 0).count == 14)
  }

  @Test func aGapIsRefusedAndAnUnknownProducerBeginsAnywhere() throws {
    let log = try Self.open(Self.disk().environment)
    try log.append(Log.batch(5, from: 90, ["a"]))
    #expect(code { try log.append(Log.batch(5, from: 92, ["c"])) } == .outOfOrderSequence)
    try log.append(Log.batch(5, from: 91, ["b"]))
    #expect(try log.values(from: 0) == ["a", "b"])
  }

  @Test func sequenceNumbersBeginAgainBehindTheLargest() throws {
    let log = try Self.open(Self.disk().environment)
    try log.append(Log.batch(5, from: .max - 1, ["a", "b", "c"]))
    #expect(log.producers[5]?.lastSequence == 0)
    let again = try log.append(Log.batch(5, from: .max - 1, ["a", "b", "c"]))
    #expect(again.isDuplicate && again.baseOffset == 0)
    #expect(try !log.append(Log.batch(5, from: 1, ["d"])).isDuplicate)
    try log.append(Log.batch(6, from: .max, ["e"]))
    try log.append(Log.batch(6, from: 0, ["f"]))
    #expect(try log.values(from: 0) == ["a", "b", "c", "d", "e", "f"])
  }

  @Test func aNewEpochBeginsAtZeroAndFencesTheOldOne() throws {
    let log = try Self.open(Self.disk().environment)
    try log.append(Log.batch(5, 3, from: 0, ["a"]))
    #expect(code { try log.append(Log.batch(5, 4, from: 1, ["b"])) } == .outOfOrderSequence)
    try log.append(Log.batch(5, 4, from: 0, ["b"]))
    #expect(code { try log.append(Log.batch(5, 3, from: 1, ["late"])) } == .fencedProducer)
    // What it wrote with its earlier epoch is not known again: it must not write at all.
    #expect(code { try log.append(Log.batch(5, 3, from: 0, ["a"])) } == .fencedProducer)
    #expect(try log.values(from: 0) == ["a", "b"])
  }

  @Test func batchesAreTakenTogetherOrNotAtAll() throws {
    let log = try Self.open(Self.disk().environment)
    let places = try log.append([
      Log.batch(5, from: 0, ["a"]), Log.batch(6, from: 0, ["b", "c"]), Log.batch(5, from: 1, ["d"]),
    ])
    #expect(places.map(\.baseOffset) == [0, 1, 3])
    let code = code {
      try log.append([Log.batch(5, from: 2, ["e"]), Log.batch(6, from: 3, ["gap"])])
    }
    #expect(code == .outOfOrderSequence)
    #expect(log.logEndOffset == 4)
    let again = try log.append([
      Log.batch(6, from: 0, ["b", "c"]), Log.batch(5, from: 2, ["e"]), Log.batch(5, from: 2, ["e"]),
    ])
    #expect(again.map(\.isDuplicate) == [true, false, true])
    #expect(again.map(\.baseOffset) == [1, 4, 4])
    #expect(try log.values(from: 0) == ["a", "b", "c", "d", "e"])
  }

  @Test(arguments: [true, false])
  func producersAreKnownAgainWhenTheLogIsOpened(isClosed: Bool) throws {
    let (disk, environment) = Self.disk()
    var log: Log? = try Self.open(environment)
    // Over several segments.
    for place in 0..<60 {
      try log!.append(
        Log.batch(Int64(place % 3), from: Int32(place / 3), ["value \(place)" + String(repeating: ".", count: 60)]))
    }
    #expect(log!.segments.count > 2)
    let known = log!.producers
    if isClosed { try log!.close() }
    log = nil
    log = try Self.open(environment)
    #expect(log!.recoveryReport.wasClean == isClosed)
    #expect(log!.producers.entries.mapValues(\.lastSequence) == known.entries.mapValues(\.lastSequence))
    #expect(
      try log!.append(
        Log.batch(2, from: 19, ["value 59" + String(repeating: ".", count: 60)])
      ).isDuplicate)
    #expect(code { try log!.append(Log.batch(2, from: 21, ["gap"])) } == .outOfOrderSequence)
    try log!.append(Log.batch(2, from: 20, ["next"]))
    _ = disk
  }

  @Test func aProducerIsForgottenADayAfterItsLastBatch() throws {
    let (disk, environment) = Self.disk()
    var log: Log? = try Self.open(environment)
    try log!.append(Log.batch(5, from: 0, ["a"]))
    try log!.append(Log.batch(6, from: 0, ["b"], at: Self.now + 1))
    try log!.append(Log.batch(7, from: 0, ["open"], isTransactional: true))
    try log!.close()
    var later = disk.environment
    later.wallClockMilliseconds = { Self.now + 24 * 3600 * 1000 }
    // From a snapshot, and from the batches.
    for isClean in [true, false] {
      log = nil
      if !isClean { disk.install("log/" + DurablePoint.fileName, []) }
      log = try Self.open(later)
      #expect(log!.recoveryReport.wasClean == isClean)
      #expect(log!.producers.entries.keys.sorted() == [6, 7])
    }
    #expect(try !log!.append(Log.batch(5, from: 0, ["a"])).isDuplicate)
  }

  @Test func noMoreProducersAreRememberedThanTheConfigurationAllows() throws {
    var configuration = LogConfiguration.small
    configuration.maximumProducers = 2
    let log = try Self.open(Self.disk().environment, configuration)
    try log.append(Log.batch(5, from: 0, ["a"]))
    try log.append(Log.batch(6, from: 0, ["b"]))
    #expect(code { try log.append(Log.batch(7, from: 0, ["c"])) } == .tooManyProducers)
    try log.append(Log.batch(6, from: 1, ["c"]))
    // One that has expired makes room.
    let second = try Self.open(Self.disk(at: Self.now + 24 * 3600 * 1000).environment, configuration)
    for id in 0..<5 { try second.append(Log.batch(Int64(id), from: 0, ["a"])) }
    #expect(second.producers.count <= 2)
  }

  @Test func aWriterAppendsEachRecordOnce() throws {
    let (_, environment) = Self.disk()
    var log: Log? = try Self.open(environment)
    let writer = try log!.makeWriter()
    try writer.append([Record(value: "a"), Record(value: "b")])
    let beforeLast = writer.next
    try writer.append(Record(value: "c"))
    #expect(writer.next.baseSequence == 3)
    log = nil
    _ = consume writer
    log = try Self.open(environment)
    // The acknowledgement of the last one was lost.
    let resumed = try log!.makeWriter(resuming: beforeLast)
    let again = try resumed.append(Record(value: "c"))
    #expect(again.isDuplicate && again.baseOffset == 2)
    try resumed.append(Record(value: "d"))
    #expect(try log!.values(from: 0) == ["a", "b", "c", "d"])
    // A second writer has an id that the first one never had, also behind a crash.
    #expect(try log!.makeWriter().id != resumed.id)
  }

  @Test func anAppendThatFoundNoRoomIsTriedAgain() throws {
    let (disk, environment) = Self.disk()
    var configuration = LogConfiguration.small
    configuration.preparation = .none
    let log = try Self.open(environment, configuration)
    let writer = try log.makeWriter()
    try writer.append(Record(value: "a"))
    disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: ".log"))
    #expect(code { try writer.append(Record(value: "b")) } == .noSpace)
    disk.removeFaults()
    #expect(try !writer.append(Record(value: "b")).isDuplicate)
    #expect(try log.values(from: 0) == ["a", "b"])
  }

  @Test func takingAProducerOverFencesWhoWasBefore() throws {
    let (_, environment) = Self.disk()
    var log: Log? = try Self.open(environment)
    let old = try log!.makeWriter()
    try old.append(Record(value: "a"))
    let new = try log!.makeWriter(takingOver: old.id)
    #expect(new.id == old.id && new.epoch == old.epoch + 1)
    #expect(code { try old.append(Record(value: "late")) } == .fencedProducer)
    try new.append(Record(value: "b"))
    let (id, epoch) = (new.id, old.epoch)
    _ = (consume old, consume new)
    log = nil
    log = try Self.open(environment)
    let resumed = try log!.makeWriter(resuming: Producer(id: id, epoch: epoch, baseSequence: 1))
    #expect(code { try resumed.append(Record(value: "late")) } == .fencedProducer)
    #expect(try log!.values(from: 0, isolation: .committed) == ["a", "b"])
  }

  @Test func everyProducerIDIsGivenOutOnce() throws {
    let (disk, environment) = Self.disk()
    var ids: Set<Int64> = []
    for life in 0..<3 {
      let log = try Self.open(environment)
      for _ in 0..<(life == 1 ? 1100 : 2) {
        let isNew = try ids.insert(log.makeWriter().id).inserted
        try #require(isNew)
      }
    }
    let path = "log/strata.producer-ids"
    disk.flipBit(3, ofByte: 17, in: path)
    let log = try Self.open(environment)
    #expect(code { _ = try log.makeWriter() } == .damaged)
  }
}
