import Strata
import StrataIO
import StrataSimulation
import Testing

/// What readers of `.committed` see.
@Suite struct TransactionTests {
  private static func open(
    _ environment: LogEnvironment, _ configuration: LogConfiguration = .small,
    _ access: LogAccess = .readWrite
  ) throws -> Log {
    try ProducerTests.open(environment, configuration, access)
  }

  private static func committed(_ log: Log) throws -> [String] {
    try log.values(from: 0, isolation: .committed)
  }

  @Test func nothingOfATransactionIsSeenBeforeItIsCommitted() throws {
    let (_, environment) = ProducerTests.disk()
    let log = try Self.open(environment)
    try log.append(Record(value: "before"))
    let transaction = try log.beginTransaction()
    try transaction.append(Record(value: "a"), durability: .synced)
    try log.append(Record(value: "plain"))
    try transaction.append([Record(value: "b"), Record(value: "c")])
    #expect(log.lastStableOffset == 1)
    #expect(try Self.committed(log) == ["before"])
    #expect(log.openTransactions.map(\.firstOffset) == [1])
    try transaction.commit()
    #expect(try Self.committed(log) == ["before", "a", "plain", "b", "c"])
    #expect(log.lastStableOffset == log.logEndOffset)
    #expect(code { try transaction.append(Record(value: "late")) } == .invalidTransactionState)
    #expect(code { try transaction.commit() } == .invalidTransactionState)
    let reader = try Self.open(environment, .small, .readOnly)
    #expect(try Self.committed(reader) == ["before", "a", "plain", "b", "c"])
  }

  @Test func nothingOfAnAbortedTransactionIsSeen() throws {
    let (_, environment) = ProducerTests.disk()
    var log: Log? = try Self.open(environment)
    var expected: [String] = []
    // Interleaved, over several segments.
    for round in 0..<12 {
      let (good, bad) = (try log!.beginTransaction(), try log!.beginTransaction())
      for place in 0..<4 {
        try good.append(Record(value: "good \(round) \(place)" + String(repeating: ".", count: 40)))
        try bad.append(Record(value: "bad \(round) \(place)" + String(repeating: ".", count: 40)))
        expected.append("good \(round) \(place)" + String(repeating: ".", count: 40))
      }
      try round % 2 == 0 ? bad.abort() : good.commit()
      try round % 2 == 0 ? good.commit() : bad.abort()
    }
    #expect(log!.segments.count > 3)
    #expect(try Self.committed(log!) == expected)
    #expect(log!.producers.count == 2)
    for offset in stride(from: Int64(0), to: log!.logEndOffset.rawValue, by: 7) {
      let seen = try log!.all(from: Offset(offset), isolation: .committed).map(\.offset)
      let all = try log!.all(from: 0, isolation: .committed).map(\.offset).filter { $0 >= offset }
      #expect(seen == all)
    }
    log = nil
    log = try Self.open(environment)
    #expect(try Self.committed(log!) == expected)
    let reader = try Self.open(environment, .small, .readOnly)
    #expect(try Self.committed(reader) == expected)
    try log!.close()
    #expect(try Self.committed(try Self.open(environment)) == expected)
  }

  @Test func whatIsCommittedIsSeenOnlyWhenItsMarkerIsDurable() throws {
    let log = try Self.open(ProducerTests.disk().environment)
    let transaction = try log.beginTransaction()
    try transaction.append(Record(value: "a"), durability: .synced)
    try transaction.commit(durability: .buffered)
    #expect(log.lastStableOffset == 0)
    try log.flush()
    #expect(log.lastStableOffset == 2)
    let second = try log.beginTransaction()
    try second.append(Record(value: "b"), durability: .synced)
    try second.commit()
    log.setHighWatermark(3)
    #expect(log.lastStableOffset == 2)
    log.setHighWatermark(nil)
    #expect(log.lastStableOffset == 4)
  }

  @Test func aTransactionThatNobodyEndedIsAbortedByTheNextOpening() throws {
    let (_, environment) = ProducerTests.disk()
    var log: Log? = try Self.open(environment)
    try log!.append(Record(value: "before"))
    let id: Int64
    do {
      let transaction = try log!.beginTransaction()
      try transaction.append(Record(value: "a"))
      id = transaction.producerID
    }
    // Somebody else's is its coordinator's.
    try log!.append(Log.batch(777_777, from: 0, ["foreign"], isTransactional: true))
    log = nil
    log = try Self.open(environment)
    #expect(log!.openTransactions.map(\.producerID) == [777_777])
    #expect(log!.producers[id]?.epoch == 1)
    #expect(try Self.committed(log!) == ["before"])
    try log!.endTransaction(.commit, producerID: 777_777, producerEpoch: 0, coordinatorEpoch: 3)
    #expect(try Self.committed(log!) == ["before", "foreign"])
    #expect(
      code {
        try log!.endTransaction(.abort, producerID: 777_777, producerEpoch: 0, coordinatorEpoch: 2)
      } == .fencedProducer)
  }

  @Test func aBatchOutsideOfItsProducersTransactionIsRefused() throws {
    let log = try Self.open(ProducerTests.disk().environment)
    try log.append(Log.batch(5, from: 0, ["a"], isTransactional: true))
    #expect(code { try log.append(Log.batch(5, from: 1, ["b"])) } == .invalidTransactionState)
    try log.endTransaction(.commit, producerID: 5, producerEpoch: 1)
    // The marker's epoch is the producer's now, and its sequence begins anew.
    #expect(code { try log.append(Log.batch(5, 0, from: 1, ["b"])) } == .fencedProducer)
    try log.append(Log.batch(5, 1, from: 0, ["b"]))
    let marker = try RecordBatch.endMarker(
      ControlRecord(.commit, coordinatorEpoch: 0), producerID: 5, producerEpoch: 1, timestamp: .now)
    #expect(code { try log.append(marker) } == .invalidRecord)
    var builder = RecordBatchBuilder()
    builder.isTransactional = true
    try builder.append(value: "no producer".utf8.span)
    let orphan = try builder.finish()
    #expect(code { try log.append(orphan) } == .invalidTransactionState)
  }

  @Test func aClosureThatThrowsAbortsItsTransaction() throws {
    let log = try Self.open(ProducerTests.disk().environment)
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try log.withTransaction { transaction in
        try transaction.append(Record(value: "no"))
        throw Stop()
      }
    }
    try log.withTransaction { try $0.append(Record(value: "yes")) }
    #expect(try Self.committed(log) == ["yes"])
    #expect(log.openTransactions.isEmpty)
  }

  @Test func truncatingTakesProducersAndTransactionsBack() throws {
    let (disk, environment) = ProducerTests.disk()
    var log: Log? = try Self.open(environment)
    var ends: [(end: Offset, state: [Int64: Int32], committed: [String])] = []
    for place in 0..<40 {
      try log!.append(
        Log.batch(
          Int64(place % 3), from: Int32(place / 3), ["value \(place)" + String(repeating: ".", count: 50)]))
      if place % 5 == 0 {
        let transaction = try log!.beginTransaction()
        try transaction.append(Record(value: "transaction \(place)"))
        try place % 10 == 0 ? transaction.abort() : transaction.commit()
      }
      ends.append(
        (log!.logEndOffset, log!.producers.entries.mapValues(\.lastSequence), try Self.committed(log!)))
    }
    #expect(log!.segments.count >= 3)
    for (place, expected) in ends.enumerated().reversed() where place % 3 == 0 {
      #expect(try log!.truncate(to: expected.end) == expected.end)
      #expect(log!.producers.entries.mapValues(\.lastSequence) == expected.state)
      #expect(try Self.committed(log!) == expected.committed)
      #expect(
        disk.folder("log").files.keys.allSatisfy { name in
          !name.hasSuffix(".snapshot") || Int64(name.prefix(20))! <= expected.end.rawValue
        })
      if place % 2 == 0 {
        log = nil
        log = try Self.open(environment)
        #expect(log!.producers.entries.mapValues(\.lastSequence) == expected.state)
        #expect(try Self.committed(log!) == expected.committed)
      }
    }
  }

  @Test func wrongTransactionIndexesAreMadeAgain() throws {
    let (disk, environment) = ProducerTests.disk()
    var log: Log? = try Self.open(environment)
    for round in 0..<12 {
      let transaction = try log!.beginTransaction()
      try transaction.append(Record(value: "a \(round)" + String(repeating: ".", count: 300)))
      try round % 3 == 0 ? transaction.commit() : transaction.abort()
    }
    let expected = try Self.committed(log!)
    #expect(expected.count == 4)
    try log!.close()
    let files = disk.folder("log").files
    let names = files.keys.filter { $0.hasSuffix(".txnindex") }
    #expect(names.count >= 2)
    for name in names {
      for damage in 0..<4 {
        switch damage {
        case 0: disk.install("log/" + name, [])
        case 1: disk.flipBit(1, ofByte: 9, in: "log/" + name)
        case 2: disk.install("log/" + name, files[name]! + files[name]!)
        default: try disk.environment.fileSystem.remove("log/" + name)
        }
        log = try Self.open(environment)
        #expect(try Self.committed(log!) == expected, "\(name), damage \(damage)")
        try log!.close()
        #expect(disk.contents(of: "log/" + name) == files[name], "\(name), damage \(damage)")
        disk.install("log/" + name, files[name]!)
      }
    }
  }

  @Test func aTailOfWhatIsCommittedWaitsForTheMarker() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    let transaction = try log.beginTransaction()
    try transaction.append(Record(value: "a"), durability: .synced)
    try await log.append(Record(value: "plain"))
    let aborted = try log.beginTransaction()
    try aborted.append(Record(value: "no"), durability: .synced)
    let seen = Task {
      var values: [String] = []
      for try await batch in log.tail(from: .earliest, isolation: .committed) {
        var records = try batch.records()
        while let record = try records.next() { values.append(String(copying: record.value!)) }
        if values.count == 3 { break }
      }
      return values
    }
    try await Task.sleep(for: .milliseconds(30))
    try aborted.abort()
    try transaction.commit()
    try await log.append(Record(value: "behind"))
    #expect(try await seen.value == ["a", "plain", "behind"])
  }

  @Test func aTimeIsFoundInWhatIsCommitted() throws {
    let log = try Self.open(ProducerTests.disk().environment)
    let aborted = try log.beginTransaction()
    try aborted.append(Record(value: "no", timestamp: Timestamp(milliseconds: 500)))
    try aborted.abort()
    try log.append(Record(value: "yes", timestamp: Timestamp(milliseconds: 400)))
    let open = try log.beginTransaction()
    try open.append(Record(value: "open", timestamp: Timestamp(milliseconds: 900)))
    try log.flush()
    #expect(try log.offset(for: Timestamp(milliseconds: 300), isolation: .committed) == 2)
    #expect(try log.offset(for: Timestamp(milliseconds: 300)) == 0)
    #expect(try log.offset(for: Timestamp(milliseconds: 800), isolation: .committed) == nil)
  }
}

extension TransactionTests {
  /// Segments that salvage has rewritten know their aborted transactions.
  @Test func rewrittenSegmentsKeepWhatWasAborted() throws {
    let (disk, environment) = ProducerTests.disk()
    var configuration = LogConfiguration.small
    var log: Log? = try ProducerTests.open(environment, configuration)
    for round in 0..<12 {
      let transaction = try log!.beginTransaction()
      try transaction.append(
        Record(key: "\(round)", value: "a \(round)" + String(repeating: ".", count: 300)))
      try log!.append(Record(key: "plain", value: "plain \(round)"))
      try round % 3 == 0 ? transaction.commit() : transaction.abort()
    }
    let expected = try log!.values(from: 0, isolation: .committed)
    let bases = log!.segments.map(\.baseOffset)
    try #require(bases.count > 2)
    try log!.close()
    // One plain record of the first segment is damaged.
    let name = "00000000000000000000.log"
    let batches = StoredBatch.prefix(of: disk.contents(of: "log/" + name)!)
    let plain = try #require(batches.first { $0.values == ["plain 1"] })
    disk.flipBit(3, ofByte: Int64(plain.position + 66), in: "log/" + name)
    configuration.recovery = .salvage
    log = try ProducerTests.open(environment, configuration)
    #expect(log!.recoveryReport.salvaged == [0])
    var seen: [String] = []
    for start in [Offset(0), Offset(plain.baseOffset + 1)] {
      var cursor = log!.fetch(from: start, isolation: .committed)
      do throws(LogError) {
        while let batch = try cursor.next() {
          var records = try! batch.records()
          while let record = try! records.next() { seen.append(String(copying: record.value!)) }
        }
      } catch { #expect(error.code == .damaged && start == 0) }
    }
    #expect(seen == expected.filter { $0 != "plain 1" })
  }
}
