import Foundation
import Strata
import StrataRecords
import Testing

/// Taking records back: what is left, what comes after it, and what readers who had come further are told.
@Suite(.timeLimit(.minutes(5))) struct TruncateTests {
  /// A log of `count` records, one a batch, in segments of a few batches.
  func log(_ count: Int, in scratch: Scratch, durability: Durability = .buffered) throws -> Log {
    let log = try Log.open(scratch("log"), configuration: .small)
    for number in 0..<count {
      try log.append(
        Record(value: "value \(number)", timestamp: Timestamp(milliseconds: Int64(1000 + number))),
        durability: durability)
    }
    return log
  }

  func values(_ range: Range<Int>) -> [String] { range.map { "value \($0)" } }

  @Test func whatIsKeptStaysAndTheNextRecordGetsItsPlace() throws {
    for end in [0, 1, 7, 24, 25, 26, 49, 50, 99] {
      let scratch = Scratch()
      var log = try log(100, in: scratch)
      #expect(log.segments.count > 3)
      #expect(try log.truncate(to: Offset(Int64(end))) == Offset(Int64(end)))
      log.checkInvariants()
      #expect(log.logEndOffset == Offset(Int64(end)) && log.recoveryPoint == log.logEndOffset)
      #expect(try log.values() == values(0..<end))
      for number in 0..<30 { try log.append(Record(value: "new \(number)"), durability: .buffered) }
      let expected = values(0..<end) + (0..<30).map { "new \($0)" }
      #expect(try log.values() == expected)
      for from in expected.indices {
        #expect(try log.values(from: Offset(Int64(from))) == Array(expected[from...]), "\(end), \(from)")
      }
      try log.close()
      log = try Log.open(scratch("log"), configuration: .small)
      #expect(log.recoveryReport.wasClean)
      #expect(try log.values() == expected)
    }
  }

  @Test func aNewLeaderEpochBeginsThere() throws {
    let scratch = Scratch()
    let log = try log(10, in: scratch)
    try log.truncate(to: 6)
    try log.append(Record(value: "second"))
    try log.truncate(to: 6)
    try log.append(Record(value: "third"))
    var cursor = log.fetch(from: 5)
    #expect(try cursor.next()?.header.partitionLeaderEpoch == 0)
    #expect(try cursor.next()?.header.partitionLeaderEpoch == 2)
    let epochs = String(
      decoding: try contents(scratch("log/leader-epoch-checkpoint")), as: UTF8.self)
    #expect(epochs == "0\n2\n0 0\n2 6\n")
  }

  @Test func aBatchIsTakenBackAsAWhole() throws {
    let scratch = Scratch()
    let log = try log(4, in: scratch)
    try log.append((0..<5).map { Record(value: "of five \($0)") })
    #expect(try log.truncate(to: 7) == 4)
    #expect(try log.values() == values(0..<4))
  }

  @Test func atOrBehindTheEndNothingIsTakenBack() throws {
    let scratch = Scratch()
    let log = try log(5, in: scratch)
    #expect(try log.truncate(to: 5) == 5)
    #expect(try log.truncate(to: 5000) == 5)
    try log.append(Record(value: "same epoch"))
    var cursor = log.fetch(from: 5)
    #expect(try cursor.next()?.header.partitionLeaderEpoch == 0)
  }

  @Test func belowTheStartItIsRefused() throws {
    let scratch = Scratch()
    var log = try log(60, in: scratch)
    let second = log.segments[1].baseOffset
    try log.close()
    // Somebody has deleted the oldest segment.
    try FileManager.default.removeItem(atPath: log.segments[0].path)
    log = try Log.open(scratch("log"), configuration: .small)
    #expect(log.logStartOffset == second)
    #expect(code { try log.truncate(to: 0) } == .offsetOutOfRange)
    #expect(log.logEndOffset == 60)
    #expect(try log.truncate(to: second) == second)
    #expect(try log.values().isEmpty && log.logStartOffset == second)
  }

  @Test func aClosedOrReadOnlyLogSaysSo() throws {
    let scratch = Scratch()
    let log = try log(5, in: scratch)
    let reader = try Log.open(scratch("log"), access: .readOnly)
    #expect(code { try reader.truncate(to: 1) } == .readOnly)
    try log.close()
    #expect(code { try log.truncate(to: 1) } == .closed)
  }

  @Test func readersThatCameFurtherAreTold() throws {
    let scratch = Scratch()
    let log = try log(100, in: scratch)
    var behind = log.fetch(from: 0, isolation: .logEnd)
    var before = log.fetch(from: 0, isolation: .logEnd)
    var atTheCut = log.fetch(from: 0, isolation: .logEnd)
    var unread = log.fetch(from: 70, isolation: .logEnd)
    for _ in 0..<60 { _ = try behind.next() }
    for _ in 0..<3 { _ = try before.next() }
    for _ in 0..<40 { _ = try atTheCut.next() }
    try log.truncate(to: 40)
    for number in 0..<100 { try log.append(Record(value: "new \(number)"), durability: .buffered) }
    for _ in 0..<2 {
      do {
        _ = try behind.next()
        Issue.record("a record that has another's offset")
      } catch {
        #expect(error.code == .offsetOutOfRange && error.offsets == 0..<40)
      }
      do {
        _ = try unread.next()
        Issue.record("a record of another history")
      } catch { #expect(error.code == .offsetOutOfRange) }
    }
    #expect(try atTheCut.next()?.baseOffset == 40)
    #expect(atTheCut.position == 41)
    for offset in 3..<140 { #expect(try before.next()?.baseOffset == Offset(Int64(offset))) }
    #expect(try before.next() == nil)
  }

  @Test func whoWaitsForATakenBackRecordIsTold() async throws {
    let scratch = Scratch()
    let log = try log(10, in: scratch, durability: .synced)
    // Behind the end before the truncation and after it, whenever the tail comes to look.
    let tail = log.tail(from: .offset(10))
    let waiting = Task {
      var iterator = tail.makeAsyncIterator()
      return try await iterator.next()?.baseOffset
    }
    let there = log.tail(from: .offset(4))
    var iterator = there.makeAsyncIterator()
    #expect(try await iterator.next()?.baseOffset == 4)
    try await Task.sleep(for: .milliseconds(20))
    try log.truncate(to: 3)
    do {
      _ = try await waiting.value
      Issue.record("the tail went on")
    } catch { #expect((error as? LogError)?.code == .offsetOutOfRange) }
    #expect(code { try log.waitUntilDurable(through: 5) } == .offsetOutOfRange)
  }

  /// The truncation comes while somebody has seen the end, and does not wait yet.
  @Test func nobodyWaitsForWhatWasTakenBackMeanwhile() async throws {
    let scratch = Scratch()
    let log = try log(4, in: scratch, durability: .buffered)
    for round in 0..<300 {
      let (start, end) = (log.logEndOffset, log.logEndOffset.advanced(by: 3))
      try await log.append(["a", "b", "c"].map { Record(value: $0) }, durability: .buffered)
      let follower = Task {
        var iterator = log.tail(from: .offset(end), isolation: .logEnd).makeAsyncIterator()
        return try await iterator.next()?.baseOffset
      }
      let waiter = Task { try await log.waitUntilDurable(through: end.advanced(by: -1)) }
      if round.isMultiple(of: 2) { await Task.yield() }
      _ = Result { try log.truncate(to: start) }
      #expect(log.logEndOffset == start)
      #expect((await follower.result.failure as? LogError)?.code == .offsetOutOfRange)
      // It may have become durable before it was taken back.
      if let failure = await waiter.result.failure as? LogError { #expect(failure.code == .offsetOutOfRange) }
    }
  }

  /// Where sealed segments are read in place, bytes that somebody looks at stay where they are.
  @Test func whatReadersHaveMappedStays() throws {
    let scratch = Scratch()
    var log = try log(100, in: scratch)
    try log.close()
    var configuration = LogConfiguration.small
    configuration.reading = .mapped
    log = try Log.open(scratch("log"), configuration: configuration)
    var held: [RecordBatch] = []
    var cursor = log.fetch(from: 0)
    while held.count < 80, let batch = try cursor.next() { held.append(batch) }
    #expect(log.segments.count > 3)
    #expect(try log.truncate(to: 10) == 10)
    #expect(try log.truncate(to: 5) == 5)
    for number in 0..<40 { try log.append(Record(value: "new \(number)"), durability: .buffered) }
    for (number, batch) in held.enumerated() {
      var records = try batch.records()
      var value = ""
      if let record = try records.next() { value = String(copying: record.value!) }
      #expect(value == "value \(number)")
    }
    #expect(code { _ = try cursor.next() } == .offsetOutOfRange)
    let expected = values(0..<5) + (0..<40).map { "new \($0)" }
    #expect(try log.values() == expected)
    try log.close()
    log = try Log.open(scratch("log"), configuration: configuration)
    #expect(try log.recoveryReport.wasClean && log.values() == expected)
  }

  @Test func timesAreFoundAfterwards() throws {
    let scratch = Scratch()
    let log = try log(100, in: scratch)
    try log.truncate(to: 33)
    #expect(try log.offset(for: Timestamp(milliseconds: 1020), isolation: .logEnd) == 20)
    #expect(try log.offset(for: Timestamp(milliseconds: 1033), isolation: .logEnd) == nil)
  }

  @Test func damageBeforeTheCutIsRefusedAndNothingChanged() throws {
    let scratch = Scratch()
    let log = try log(10, in: scratch, durability: .synced)
    let segment = log.segments[0].path
    var bytes = try contents(segment)
    let fifth = SalvageTests().positions(bytes)[4]
    bytes[fifth + 70] ^= 1
    try write(bytes, to: segment)
    let error = #expect(throws: LogError.self) { try log.truncate(to: 8) }
    #expect(error?.code == .damaged && error?.position == Int64(fifth))
    #expect(try contents(segment) == bytes)
    #expect(log.logEndOffset == 10)
    // In front of the damage it is possible.
    #expect(try log.truncate(to: 4) == 4)
    try log.append(Record(value: "after"))
    #expect(try log.values() == values(0..<4) + ["after"])
  }

  @Test func readersAndATruncatingWriterSideBySide() throws {
    let scratch = Scratch()
    let log = try log(0, in: scratch)
    // Each record says in which round it was written; a reader sees rounds that only grow along the offsets.
    let readers = (0..<2).map { _ in
      Thread {
        while log.segments.count > 0 {
          do {
            var cursor = log.fetch(from: 0, isolation: .logEnd)
            var last = -1
            var next: Int64 = 0
            while let batch = try cursor.next() {
              #expect(batch.baseOffset.rawValue == next)
              next = batch.nextOffset.rawValue
              var records = try batch.records()
              while let record = try records.next() {
                let round = Int(String(copying: record.value!))!
                #expect(round >= last)
                last = round
              }
            }
          } catch {
            guard (error as? LogError)?.code == .offsetOutOfRange else {
              if (error as? LogError)?.code != .closed { Issue.record("\(error)") }
              return
            }
          }
        }
      }
    }
    for reader in readers { reader.start() }
    var random = Random(seed: seed())
    for round in 0..<40 {
      for _ in 0..<40 { try log.append(Record(value: "\(round)"), durability: .buffered) }
      let end = log.logEndOffset.rawValue
      try log.truncate(to: Offset(end - Int64(random.below(min(Int(end), 70)))))
    }
    try log.close()
    for reader in readers { while !reader.isFinished { Thread.sleep(forTimeInterval: 0.001) } }
  }
}
