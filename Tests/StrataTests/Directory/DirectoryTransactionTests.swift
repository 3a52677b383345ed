import Foundation
import Strata
import StrataIO
import StrataSimulation
import Testing

/// Transactions over several logs of a directory, as their users see them.
@Suite struct DirectoryTransactionTests {
  static let logs = ["a-0", "b-0", "c-0"]

  static func disk() -> SimulatedDisk { SimulatedDisk(seed: 1, crashAt: .never) }

  static func open(_ disk: SimulatedDisk, awakeLogs: Int = 16) throws -> LogDirectory {
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumAwakeLogs = awakeLogs
    return try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
  }

  static func committed(_ directory: LogDirectory) throws -> [String: [String]] {
    var found: [String: [String]] = [:]
    for name in directory.logs {
      found[name] = try directory.log(for: name).values(from: 0, isolation: .committed)
    }
    return found
  }

  /// One record of each log, named after the transaction.
  static func fill(_ transaction: DirectoryTransaction, _ value: String, _ names: [String] = logs) throws {
    for name in names { try transaction.append(Record(value: value), to: name) }
  }

  @Test func itsRecordsAreSeenInAllLogsOnceItIsCommitted() throws {
    let directory = try Self.open(Self.disk())
    let first = try directory.beginTransaction()
    try Self.fill(first, "one")
    try directory.log(for: "b-0").append(Record(value: "plain"))
    #expect(first.logs == Self.logs)
    #expect(try Self.committed(directory).values.allSatisfy { $0 == [] })
    try first.commit()
    #expect(try Self.committed(directory) == ["a-0": ["one"], "b-0": ["one", "plain"], "c-0": ["one"]])
    #expect(code { try first.append(Record(value: "late"), to: "a-0") } == .invalidTransactionState)
    #expect(code { try first.commit() } == .invalidTransactionState)
    #expect(code { try first.abort() } == .invalidTransactionState)
    // The producer goes on, with the next epoch.
    let second = try directory.beginTransaction()
    #expect(second.producerID == first.producerID && second.producerEpoch == first.producerEpoch + 1)
    try Self.fill(second, "two", ["c-0", "a-0"])
    let third = try directory.beginTransaction()
    #expect(third.producerID != second.producerID)
    try Self.fill(third, "three", ["a-0", "c-0"])
    try second.commit(durability: .buffered)
    try third.abort()
    for name in Self.logs { try directory.log(for: name).flush() }
    let expected = ["a-0": ["one", "two"], "b-0": ["one", "plain"], "c-0": ["one", "two"]]
    #expect(try Self.committed(directory) == expected)
    try directory.beginTransaction().commit()
    try directory.beginTransaction().abort()
    let alone = try directory.beginTransaction()
    try Self.fill(alone, "alone", ["b-0"])
    try alone.commit()
    #expect(try Self.committed(directory)["b-0"] == ["one", "plain", "alone"])
  }

  @Test func aThrowingBodyLeavesNothing() throws {
    struct Stop: Error {}
    let directory = try Self.open(Self.disk())
    try directory.withTransaction { try Self.fill($0, "kept") }
    #expect(throws: Stop.self) {
      try directory.withTransaction {
        try Self.fill($0, "gone")
        throw Stop()
      }
    }
    for name in Self.logs { try directory.log(for: name).flush() }
    #expect(try Self.committed(directory).values.allSatisfy { $0 == ["kept"] })
    #expect(code { try directory.beginTransaction().append(Record(value: "x"), to: "x") } == .invalidName)
  }

  @Test func logsThatSleepTakePart() throws {
    let disk = Self.disk()
    var directory: LogDirectory? = try Self.open(disk, awakeLogs: 1)
    for number in 0..<20 {
      let transaction = try directory!.beginTransaction()
      try Self.fill(transaction, "\(number)")
      try number % 3 == 0 ? transaction.abort() : transaction.commit(durability: .buffered)
    }
    #expect(directory!.statistics.fellAsleep > 20)
    try directory!.close()
    #expect(disk.leaks == nil)
    directory = try Self.open(disk)
    let expected = (0..<20).filter { $0 % 3 != 0 }.map { "\($0)" }
    #expect(try Self.committed(directory!).values.allSatisfy { $0 == expected })
    // All of it is marked, so nothing had to be remembered.
    let bytes = disk.contents(of: "data/strata.transactions") ?? []
    #expect(TransactionDecisions(decoding: bytes.span)?.committed == [:])
  }

  @Test func whatTakesTooLongIsAborted() throws {
    let disk = Self.disk()
    let directory = try Self.open(disk)
    let slow = try directory.beginTransaction()
    try Self.fill(slow, "slow")
    disk.clock.advance(by: .seconds(50))
    let quick = try directory.beginTransaction()
    try Self.fill(quick, "quick")
    disk.clock.advance(by: .seconds(11))
    directory.maintain(.transactions)
    do {
      try slow.commit()
      Issue.record("it was committed")
    } catch { #expect(error.code == .invalidTransactionState && error.detail.contains("60000 ms")) }
    try quick.commit()
    for name in Self.logs { #expect(try directory.log(for: name).openTransactions.isEmpty) }
    #expect(try Self.committed(directory).values.allSatisfy { $0 == ["quick"] })
  }

  @Test func whatNobodyHoldsAnyMoreIsAborted() throws {
    let directory = try Self.open(Self.disk())
    do { try Self.fill(directory.beginTransaction(), "dropped") }
    let held = try directory.beginTransaction()
    try Self.fill(held, "held")
    directory.maintain(.transactions)
    for name in Self.logs {
      #expect(try directory.log(for: name).openTransactions.map(\.producerID) == [held.producerID])
    }
    try held.commit()
    #expect(try Self.committed(directory).values.allSatisfy { $0 == ["held"] })
  }

  @Test func closingAbortsWhatIsUnderWay() throws {
    let disk = Self.disk()
    let directory = try Self.open(disk)
    let transaction = try directory.beginTransaction()
    try Self.fill(transaction, "under way")
    try directory.close()
    #expect(code { try transaction.append(Record(value: "late"), to: "a-0") } == .closed)
    #expect(code { try transaction.commit() } == .invalidTransactionState)
    #expect(code { _ = try directory.beginTransaction() } == .closed)
    let again = try Self.open(disk)
    #expect(again.recoveryReport.wasClean)
    for name in Self.logs {
      let log = try again.log(for: name)
      #expect(log.openTransactions.isEmpty && log.lastStableOffset == 2)
      #expect(try log.values(from: 0, isolation: .committed) == [])
    }
  }

  @Test func aDeletedLogEndsATransactionAndADecidedOneDoesWithoutIt() throws {
    let disk = Self.disk()
    let directory = try Self.open(disk)
    let first = try directory.beginTransaction()
    try Self.fill(first, "first")
    try directory.delete("b-0")
    #expect(code { try first.append(Record(value: "anew"), to: "b-0") } == .invalidTransactionState)
    #expect(code { try first.commit() } == .closed)
    try first.abort()
    let second = try directory.beginTransaction()
    try Self.fill(second, "second")
    try second.commit(durability: .buffered)
    try directory.delete("a-0")
    for name in ["b-0", "c-0"] { try directory.log(for: name).flush() }
    #expect(try Self.committed(directory) == ["b-0": ["second"], "c-0": ["second"]])
    try directory.close()
    let again = try Self.open(disk)
    #expect(try Self.committed(again) == ["b-0": ["second"], "c-0": ["second"]])
  }

  /// A log cannot take its end marker when the transaction is decided already.
  @Test(arguments: [Fault.error(.noSpace), .failedSync(.ext4)])
  func aLogThatCannotTakeItsMarkerGetsItLater(_ fault: Fault) throws {
    let disk = Self.disk()
    let directory = try Self.open(disk)
    try directory.withTransaction { try Self.fill($0, "before") }
    let transaction = try directory.beginTransaction()
    try Self.fill(transaction, "decided")
    for name in Self.logs { try directory.log(for: name).flush() }
    let isSync = fault != .error(.noSpace)
    disk.add(
      FaultRule(fault, on: isSync ? [.synchronize] : [.write], pathSuffix: "b-0/00000000000000000000.log"))
    try transaction.commit()
    #expect(disk.playedFaultCount == 1)
    disk.removeFaults()
    let names = { (value: String) in
      try Self.committed(directory).filter { $0.value.contains(value) }.keys.sorted()
    }
    #expect(try names("decided") == ["a-0", "c-0"])
    #expect(directory.health.failures["b-0"]?.code == (isSync ? .poisoned : .noSpace))
    if isSync {
      // Only opening it anew tells what is there.
      _ = code { try directory.log(for: "b-0").close() }
    } else {
      directory.maintain(.transactions)
      #expect(directory.health.isGood)
    }
    #expect(try names("decided") == Self.logs)
  }

  @Test func aTakenOverProducerIsFenced() throws {
    let directory = try Self.open(Self.disk())
    let transaction = try directory.beginTransaction()
    try Self.fill(transaction, "fenced")
    _ = try directory.log(for: "b-0").makeWriter(takingOver: transaction.producerID)
    #expect(code { try transaction.append(Record(value: "more"), to: "b-0") } == .fencedProducer)
    #expect(code { try transaction.commit() } == .fencedProducer)
    try transaction.abort()
    for name in Self.logs { try directory.log(for: name).flush() }
    #expect(try Self.committed(directory).values.allSatisfy { $0 == [] })
  }

  /// The process ends when one of two logs has the end marker.
  private func half(_ disk: SimulatedDisk) throws {
    let directory = try Self.open(disk)
    let transaction = try directory.beginTransaction()
    try Self.fill(transaction, "half", ["a-0", "b-0"])
    for name in ["a-0", "b-0"] { try directory.log(for: name).flush() }
    disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: "b-0/00000000000000000000.log"))
    try transaction.commit()
    disk.removeFaults()
  }

  @Test func aLogThatWasMovedWaitsForItsOwner() throws {
    let disk = Self.disk()
    try half(disk)
    let fileSystem = disk.environment.fileSystem
    try fileSystem.createDirectory("elsewhere")
    try fileSystem.rename("data/b-0", to: "elsewhere/b-0")
    do {
      let log = try Log.open("elsewhere/b-0", configuration: .small, environment: disk.environment)
      #expect(log.openTransactions.count == 1 && log.lastStableOffset == 0)
    }
    // A directory with transactions of its own knows nothing of it either.
    disk.clock.advance(by: .seconds(1))
    do {
      let other = try LogDirectory.open("elsewhere", configuration: .small, environment: disk.environment)
      try other.withTransaction { try Self.fill($0, "other", ["x-0", "b-0"]) }
      #expect(try other.log(for: "b-0").openTransactions.count == 1)
      #expect(try Self.committed(other) == ["b-0": [], "x-0": ["other"]])
      try other.close()
    }
    try fileSystem.rename("elsewhere/b-0", to: "data/b-0")
    let directory = try Self.open(disk)
    #expect(try Self.committed(directory) == ["a-0": ["half"], "b-0": ["half", "other"]])
  }

  @Test(arguments: [false, true]) func withoutTheDecisionsNothingIsEndedByGuessing(_ isGone: Bool) throws {
    let disk = Self.disk()
    try half(disk)
    let file = "data/strata.transactions"
    if isGone { try disk.environment.fileSystem.remove(file) } else { disk.flipBit(0, ofByte: 37, in: file) }
    do {
      let log = try Log.open("data/b-0", configuration: .small, environment: disk.environment)
      #expect(log.openTransactions.count == 1 && log.lastStableOffset == 0)
    }
    let directory = try Self.open(disk)
    #expect(directory.recoveryReport.transactionFailure?.code == (isGone ? nil : .damaged))
    #expect(directory.health.isGood == isGone)
    #expect(try Self.committed(directory) == ["a-0": ["half"], "b-0": []])
    if !isGone { #expect(code { _ = try directory.beginTransaction() } == .damaged) }
    // Its owner knows.
    let log = try directory.log(for: "b-0")
    let open = try #require(log.openTransactions.first)
    try log.endTransaction(.commit, producerID: open.producerID, producerEpoch: 1)
    try directory.close()
    if !isGone { try disk.environment.fileSystem.remove(file) }
    let again = try Self.open(disk)
    try again.withTransaction { try Self.fill($0, "after", ["a-0", "b-0"]) }
    #expect(try Self.committed(again).values.allSatisfy { $0 == ["half", "after"] })
  }

  @Test func aSnapshotHasAllOfATransactionOrNothing() throws {
    let disk = Self.disk()
    let directory = try Self.open(disk)
    let decided = try directory.beginTransaction()
    try Self.fill(decided, "decided")
    for name in Self.logs { try directory.log(for: name).flush() }
    disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: "b-0/00000000000000000000.log"))
    try decided.commit()
    disk.removeFaults()
    let open = try directory.beginTransaction()
    try Self.fill(open, "open", ["a-0", "c-0"])
    for name in Self.logs { try directory.log(for: name).flush() }
    try directory.snapshot(to: "copy")
    try open.commit()
    let copy = try LogDirectory.open("copy", configuration: .small, environment: disk.environment)
    #expect(copy.recoveryReport.wasClean)
    #expect(try Self.committed(copy).values.allSatisfy { $0 == ["decided"] })
    for name in Self.logs { #expect(try copy.log(for: name).openTransactions.isEmpty) }
    try copy.close()
    directory.maintain(.transactions)
    #expect(try Self.committed(directory)["c-0"] == ["decided", "open"])
  }

  @Test func manyThreadsCommitSideBySide() throws {
    let scratch = Scratch()
    let directory = try LogDirectory.open(scratch("data"), configuration: .small)
    let (threads, rounds) = (4, 12)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      for round in 0..<rounds {
        do {
          let transaction = try directory.beginTransaction()
          try Self.fill(
            transaction, "\(thread) \(round)",
            (thread + round).isMultiple(of: 2) ? Self.logs : ["c-0", "a-0"])
          if round % 4 == 3 { try transaction.abort() } else { try transaction.commit() }
        } catch { Issue.record(error) }
        directory.maintain(.transactions)
      }
    }
    for name in Self.logs { try directory.log(for: name).flush() }
    let all = (0..<threads).flatMap { thread in (0..<rounds).filter { $0 % 4 != 3 }.map { (thread, $0) } }
    let found = try Self.committed(directory)
    for name in Self.logs {
      let expected = all.filter { name != "b-0" || ($0.0 + $0.1).isMultiple(of: 2) }.map { "\($0.0) \($0.1)" }
      #expect(found[name]!.sorted() == expected.sorted())
      let log = try directory.log(for: name)
      #expect(log.openTransactions.isEmpty && log.producers.count <= threads)
    }
    try directory.close()
  }

  @Test func asyncFormsDoTheSame() async throws {
    let scratch = Scratch()
    let directory = try await LogDirectory.open(scratch("data"), configuration: .small)
    let (first, second) = (try directory.beginTransaction(), try directory.beginTransaction())
    try Self.fill(first, "first")
    try Self.fill(second, "second")
    try await second.abort()
    try await first.commit()
    #expect(try Self.committed(directory).values.allSatisfy { $0 == ["first"] })
    try await directory.close()
  }
}

/// The file of decisions.
@Suite struct TransactionDecisionsTests {
  private static var sample: TransactionDecisions {
    var sample = TransactionDecisions(own: (1 << 62)..<(1 << 62 + 1000))
    sample.committed[.init(producerID: 1 << 62 + 7, epoch: 3)] = ["orders-0", "payments-12"]
    sample.committed[.init(producerID: 1 << 62, epoch: .max)] = []
    return sample
  }

  @Test func itIsReadAsItWasWritten() {
    #expect(TransactionDecisions(decoding: Self.sample.bytes.span) == Self.sample)
    #expect(Self.sample.outcome(of: .init(producerID: 1 << 62 + 7, epoch: 3)) == .commit)
    #expect(Self.sample.outcome(of: .init(producerID: 1 << 62 + 7, epoch: 4)) == .abort)
    #expect(Self.sample.outcome(of: .init(producerID: 1 << 62 + 1000, epoch: 0)) == nil)
  }

  @Test func everyOtherBitAndEveryShorterFileIsRefused() {
    let bytes = Self.sample.bytes
    for count in 0..<bytes.count {
      #expect(TransactionDecisions(decoding: Array(bytes.prefix(count)).span) == nil)
    }
    for bit in 0..<bytes.count * 8 {
      var other = bytes
      other[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(TransactionDecisions(decoding: other.span) == nil, "bit \(bit)")
    }
  }
}
