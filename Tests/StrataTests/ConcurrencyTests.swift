import Foundation
import Strata
import StrataLock
import Testing

/// Many threads at one log. Run under the thread sanitizer as well.
@Suite(.timeLimit(.minutes(10))) struct ConcurrencyTests {
  /// Runs `body` on so many threads at once, and waits for all.
  func threads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failures = Lock<[any Error]>([])
    let group = DispatchGroup()
    for number in 0..<count {
      group.enter()
      Thread.detachNewThread {
        do { try body(number) } catch { failures.withLock { $0.append(error) } }
        group.leave()
      }
    }
    group.wait()
    if let first = failures.withLock({ $0.first }) { throw first }
  }

  @Test func writersThatWaitShareSynchronizations() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    try threads(32) { writer in
      for number in 0..<20 {
        let place = try log.append(Record(key: "\(writer)", value: "\(number)"))
        #expect(log.recoveryPoint > place.lastOffset)
      }
    }
    #expect(log.logEndOffset == 640)
    #expect(log.recoveryPoint == 640)
    #expect(log.statistics.synchronizations < 640)
    var seen: [String: Int] = [:]
    for found in try log.all() {
      let writer = String(decoding: found.record.key!, as: UTF8.self)
      #expect(String(decoding: found.record.value!, as: UTF8.self) == "\(seen[writer, default: 0])")
      seen[writer, default: 0] += 1
    }
    #expect(seen.count == 32 && seen.values.allSatisfy { $0 == 20 })
  }

  @Test func readersFollowWritersAcrossSegments() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    let total = 4 * 300
    try threads(8) { number in
      if number < 4 {
        for value in 0..<300 {
          try log.append(
            [Record(key: "\(number)", value: "\(value)")], durability: value % 50 == 49 ? .synced : .buffered)
        }
        try log.flush()
      } else {
        var next = Offset(0)
        var cursor = log.fetch(from: 0, isolation: number % 2 == 0 ? .logEnd : .durable)
        while next.rawValue < Int64(total) {
          guard let batch = try cursor.next() else {
            usleep(200)
            continue
          }
          #expect(batch.baseOffset == next)
          var records = try batch.records()
          while let record = try records.next() {
            #expect(record.offset == next)
            next = next.advanced(by: 1)
          }
        }
      }
    }
    log.checkInvariants()
    #expect(log.segments.count > 10)
    #expect(try log.all().count == total)
  }

  @Test func lookUpsAndPropertiesMayBeAskedAtAnyTime() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try threads(4) { number in
      for value in 0..<200 {
        switch number {
        case 0:
          try log.append(
            Record(value: "\(value)", timestamp: Timestamp(milliseconds: Int64(value))), durability: .buffered
          )
        case 1: try log.flush()
        case 2:
          let found = try log.offset(for: Timestamp(milliseconds: Int64(value) / 2), isolation: .logEnd)
          if let found { #expect(found.rawValue == Int64(value) / 2) }
        default:
          _ = (log.segments, log.statistics, log.highWatermark)
          log.checkInvariants()
        }
      }
    }
  }

  @Test func manyReadersBuildAnIndexOnce() throws {
    for _ in 0..<5 {
      let scratch = Scratch()
      var configuration = LogConfiguration.small
      configuration.segmentBytes = 60_000
      configuration.indexBytes = 64 << 10
      var log = try Log.open(scratch("log"), configuration: configuration)
      for number in 0..<1500 { try log.append(Record(value: "\(number)"), durability: .buffered) }
      try log.close()
      try FileManager.default.removeItem(atPath: scratch("log/00000000000000000000.index"))
      log = try Log.open(scratch("log"), configuration: configuration)
      let reopened = log
      try threads(8) { number in
        for place in 0..<10 {
          let offset = Offset(Int64(100 + number * 20 + place))
          var cursor = reopened.fetch(from: offset)
          let found = try cursor.next()?.baseOffset
          #expect(found == offset)
        }
      }
    }
  }

  @Test func closingWhileOthersWorkEndsThemWithAnError() throws {
    for _ in 0..<10 {
      let scratch = Scratch()
      let log = try Log.open(scratch("log"), configuration: .small)
      let acknowledged = Lock<[Int64]>([])
      try threads(6) { number in
        do {
          if number == 0 {
            usleep(2000)
            try log.close()
            return
          }
          while true {
            if number < 4 {
              let place = try log.append(Record(value: "x"))
              acknowledged.withLock { $0.append(place.lastOffset.rawValue) }
            } else {
              _ = try log.all()
            }
          }
        } catch let error as LogError {
          guard error.code == .closed else { throw error }
        }
      }
      let again = try Log.open(scratch("log"), configuration: .small)
      #expect(again.recoveryReport.wasClean)
      let count = Int64(try again.all().count)
      #expect(acknowledged.withLock { $0.allSatisfy { $0 < count } })
    }
  }
}
