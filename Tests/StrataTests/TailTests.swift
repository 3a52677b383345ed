import Foundation
import Strata
import StrataIO
import Synchronization
import Testing

/// Waiting for records, and for them to be durable, without blocking.
@Suite(.timeLimit(.minutes(5))) struct TailTests {
  @Test func aTailHandsOutWhatIsThereAndWhatComes() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"), configuration: .small)
    for number in 0..<50 { try await log.append(Record(value: "\(number)")) }
    async let seen: [String] = {
      var values: [String] = []
      for try await batch in log.tail(from: .earliest) {
        var records = try batch.records()
        while let record = try records.next() { values.append(String(copying: record.value!)) }
        if values.count == 120 { break }
      }
      return values
    }()
    for number in 50..<120 { try await log.append(Record(value: "\(number)")) }
    #expect(try await seen == (0..<120).map { "\($0)" })
    try await log.close()
  }

  @Test func aDurableTailWaitsForTheSync() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    try await log.append(Record(value: "a"), durability: .buffered)
    var all = log.tail(from: .earliest, isolation: .logEnd).makeAsyncIterator()
    #expect(try await all.next()?.baseOffset == 0)
    let waiting = Task {
      var durable = log.tail(from: .earliest).makeAsyncIterator()
      return try await durable.next()?.baseOffset
    }
    try await Task.sleep(for: .milliseconds(30))
    #expect(log.recoveryPoint == 0)
    try await log.flush()
    #expect(try await waiting.value == 0)
  }

  @Test func tailsBeginWhereTheyAreAskedTo() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"), configuration: .small)
    for number in 0..<60 {
      try await log.append(Record(value: "\(number)", timestamp: Timestamp(milliseconds: Int64(number) * 10)))
    }
    func first(_ start: LogStart) async throws -> Int64? {
      var tail = log.tail(from: start).makeAsyncIterator()
      guard let batch = try await tail.next() else { return nil }
      var records = try batch.records()
      return try records.next()?.offset.rawValue
    }
    #expect(try await first(.earliest) == 0)
    #expect(try await first(.offset(17)) == 17)
    #expect(try await first(.timestamp(Timestamp(milliseconds: 205))) == 21)
    // Nobody knows when the tail looks where the log ends: records come until it has seen one.
    let found = Atomic(false)
    async let latest = {
      defer { found.store(true, ordering: .relaxed) }
      return try await first(.latest)
    }()
    while !found.load(ordering: .relaxed) {
      try await log.append(Record(value: "new"))
      try await Task.sleep(for: .milliseconds(5))
    }
    let begin = try #require(try await latest)
    #expect(begin >= 60 && begin < log.logEndOffset.rawValue)
  }

  @Test func cancellationEndsATailAndAWait() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    let tail = Task {
      var count = 0
      for try await _ in log.tail(from: .earliest) { count += 1 }
      return count
    }
    let place = try await log.append(Record(value: "a"), durability: .buffered)
    try await Task.sleep(for: .milliseconds(20))
    tail.cancel()
    #expect(try await tail.value == 0)
    let wait = Task {
      try? await Task.sleep(for: .seconds(60))
      try await log.waitUntilDurable(through: place.lastOffset)
    }
    wait.cancel()
    let result = await wait.result
    #expect((result.failure as? LogError)?.code == .cancelled)
    #expect(try log.values() == ["a"])
  }

  @Test func closingEndsATail() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    let tail = Task {
      for try await _ in log.tail(from: .earliest) {}
      return true
    }
    try await Task.sleep(for: .milliseconds(20))
    try await log.close()
    #expect(try await tail.value)
  }

  @Test func manyTasksShareSynchronizations() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    let offsets = try await withThrowingTaskGroup(of: Int64.self) { group in
      for number in 0..<500 {
        group.addTask { try await log.append(Record(value: "\(number)")).baseOffset.rawValue }
      }
      var offsets: [Int64] = []
      for try await offset in group { offsets.append(offset) }
      return offsets
    }
    #expect(offsets.sorted() == (0..<500).map { Int64($0) })
    #expect(log.recoveryPoint == 500)
    #expect(log.statistics.synchronizations < 400)
  }

  @Test func aTailBesideAWriterSeesWhatItAppends() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"), configuration: .small)
    try await log.append(Record(value: "0"))
    let reader = try await Log.open(scratch("log"), configuration: .small, access: .readOnly)
    async let seen: Int = {
      var seen = 0
      for try await batch in reader.tail(from: .earliest) {
        seen += batch.recordCount
        if seen == 60 { break }
      }
      return seen
    }()
    for number in 1..<60 { try await log.append(Record(value: "\(number)")) }
    #expect(try await seen == 60)
  }

  @Test func smallBatchesAreHeldBackUntilTheyAreEnough() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    let size = try await log.append(Record(value: "0")).baseOffset == 0 ? log.segments[0].bytes : 0
    // Nobody waits half an hour: the fourth record ends the wait.
    let tail = log.tail(from: .earliest, minimumBytes: Int(size) * 4, maximumWait: .seconds(1800))
    let reader = Task {
      var iterator = tail.makeAsyncIterator()
      let first = try await iterator.next()?.baseOffset
      return (first, log.logEndOffset)
    }
    for number in 1..<4 {
      try await Task.sleep(for: .milliseconds(10))
      try await log.append(Record(value: "\(number)"))
    }
    let (first, end) = try await reader.value
    #expect(first == 0 && end == 4)
  }

  @Test func whatIsThereIsHeldBackForAWhileOnly() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    try await log.append(Record(value: "0"))
    var tail = log.tail(from: .earliest, minimumBytes: 1 << 20, maximumWait: .milliseconds(50))
      .makeAsyncIterator()
    let start = ContinuousClock.now
    #expect(try await tail.next()?.baseOffset == 0)
    #expect(ContinuousClock.now - start >= .milliseconds(50))
    // Beside a writer in another process it is the same.
    let reader = try await Log.open(scratch("log"), access: .readOnly)
    var other = reader.tail(from: .earliest, minimumBytes: 1 << 20, maximumWait: .milliseconds(50))
      .makeAsyncIterator()
    #expect(try await other.next()?.baseOffset == 0)
    #expect(ContinuousClock.now - start >= .milliseconds(100))
  }

  /// Counts what a log asks of its I/O thread.
  final class CountingIOThread: IOThread {
    let jobs = Atomic<Int>(0)
    private let base = LogEnvironment.system.ioThread

    func enqueue(_ job: @escaping @Sendable () -> Void) {
      jobs.wrappingAdd(1, ordering: .relaxed)
      base.enqueue(job)
    }
  }

  @Test func aTailSleepsWhereTheHighWatermarkLiesInsideABatch() async throws {
    let scratch = Scratch()
    let thread = CountingIOThread()
    var environment = LogEnvironment.system
    environment.ioThread = thread
    let log = try await Log.open(scratch("log"), environment: environment)
    try await log.append((0..<10).map { Record(value: "\($0)") })
    log.setHighWatermark(5)
    let tail = Task {
      for try await batch in log.tail(from: .earliest, isolation: .highWatermark) { return batch.recordCount }
      return 0
    }
    try await Task.sleep(for: .milliseconds(300))
    #expect(thread.jobs.load(ordering: .relaxed) < 20)
    log.setHighWatermark(nil)
    #expect(try await tail.value == 10)
  }

  @Test func aReaderBehindTheEndIsToldWhatThereIs() async throws {
    let scratch = Scratch()
    let log = try await Log.open(scratch("log"))
    try await log.append(Record(value: "a"))
    var tail = log.tail(from: .offset(7)).makeAsyncIterator()
    do {
      _ = try await tail.next()
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.code == .offsetOutOfRange)
      #expect(error.offsets == 0..<1)
    }
  }
}

extension Result {
  var failure: Failure? {
    if case .failure(let error) = self { return error }
    return nil
  }
}
