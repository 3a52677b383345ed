import Foundation
import Strata
import StrataIO
import Testing

@Suite struct LogRoundTripTests {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent("strata-\(UUID().uuidString)")
    .path

  @Test func whatIsAppendedIsReadBackAlsoAfterReopening() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var configuration = LogConfiguration()
    configuration.segmentBytes = 4000
    configuration.indexIntervalBytes = 200
    var log = try Log.open(directory, configuration: configuration)
    for number in 0..<300 {
      let place = try log.append(
        Record(key: "k\(number)", value: "value \(number)"),
        durability: number % 10 == 9 ? .synced : .buffered)
      #expect(place.baseOffset.rawValue == Int64(number))
    }
    func check(_ log: Log, from: Int) throws {
      var cursor = log.fetch(from: Offset(Int64(from)))
      var next = from
      while let batch = try cursor.next() {
        var records = try batch.records()
        while let record = try records.next() {
          #expect(record.offset.rawValue == Int64(next))
          #expect(String(copying: record.value!) == "value \(next)")
          next += 1
        }
      }
      #expect(next == 300)
    }
    for from in [0, 1, 50, 123, 299, 300] { try check(log, from: from) }
    log.checkInvariants()
    #expect(log.segments.count > 3)
    try log.close()
    log = try Log.open(directory, configuration: configuration)
    #expect(log.recoveryReport.wasClean)
    for from in [0, 1, 50, 123, 299, 300] { try check(log, from: from) }
    let reader = try Log.open(directory, configuration: configuration, access: .readOnly)
    for from in [0, 1, 50, 123, 299, 300] { try check(reader, from: from) }
  }

  @Test func asyncFormsAppendAndTail() async throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let log = try await Log.open(directory)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<20 {
        group.addTask { try await log.append(Record(value: "v\(number)")) }
      }
      try await group.waitForAll()
    }
    var seen = 0
    for try await batch in log.tail(from: .earliest) {
      seen += batch.recordCount
      if seen == 20 { break }
    }
    #expect(seen == 20)
    let place = try await log.append(Record(value: "later"), durability: .buffered)
    try await log.waitUntilDurable(through: place.lastOffset)
    try await log.close()
  }
}
