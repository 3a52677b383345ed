import Foundation
import Strata
import Testing

/// A writer that is killed again and again while it tells another process what it has done.
@Suite struct KillTests {
  /// Every value as the writer makes it.
  private func value(_ offset: Int64) -> String {
    "value \(offset) " + String(repeating: "x", count: Int(offset * 7919 % 900))
  }

  /// Reads everything: offsets go on without a gap, and nothing is wrong.
  private func check(_ log: Log) throws -> Int64 {
    var next: Int64 = 0
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        let (offset, found) = (record.offset.rawValue, Record(copying: record).value ?? [])
        try #require(offset == next)
        try #require(String(decoding: found, as: UTF8.self) == value(offset))
        next += 1
      }
    }
    return next
  }

  @Test func aKilledWriterHasLostNothingThatItAcknowledged() throws {
    let scratch = try Scratch()
    let path = scratch("log")
    var random = SystemRandomNumberGenerator()
    var end: Int64 = 0
    var (acknowledgements, unclean) = (0, 0)
    for round in 0..<24 {
      let writer = try Running(["write", path])
      writer.listen(until: Int.random(in: 1...300, using: &random))
      if round.isMultiple(of: 3) { usleep(UInt32.random(in: 0...3000, using: &random)) }
      writer.end()
      #expect(writer.lines.first == "opened \(end)", "round \(round)")
      let acknowledged = writer.lines.dropFirst().last.flatMap { Int64($0.split(separator: " ")[1]) }
      acknowledgements += writer.lines.count - 1

      // Half of the times the next writer finds it as it was left.
      if round.isMultiple(of: 2) {
        let reader = try Log.open(path, access: .readOnly)
        end = try check(reader)
      } else {
        let log = try Log.open(path)
        unclean += log.recoveryReport.wasClean ? 0 : 1
        end = try check(log)
        try #require(log.logEndOffset.rawValue == end)
        if round % 4 == 1 { try log.close() }
      }
      // At most the batch under way was not acknowledged any more.
      let expected = (acknowledged ?? end - 1) + 1
      try #require(end >= expected && end <= expected + 3, "\(end) records, \(expected) acknowledged")
    }
    #expect(unclean > 0 && acknowledgements > 100)
    print("killed 24 times: \(acknowledgements) acknowledgements, \(end) records, \(unclean) recoveries")
  }

  /// What opening reads again after a kill: at most what lies above the last checkpoint, and the rest.
  @Test func openingAKilledLogReadsABoundedPartOfIt() throws {
    let environment = ProcessInfo.processInfo.environment
    let bytes = environment["STRATA_RECOVERY_BYTES"].flatMap { Int64($0) } ?? 190_000_000
    let scratch = try Scratch()
    let path = scratch("log")
    let writer = try Running(["grow", path, "\(bytes)"])
    writer.listen(until: 1)
    try #require(writer.lines.first?.hasPrefix("ready") == true)
    writer.end()
    let opened = try Programs.run(Programs.helper, ["open", path], in: scratch)
    print("\(bytes) bytes, killed: \(writer.lines[0]); opened: \(opened.output)", terminator: "")
    let words = opened.output.split(whereSeparator: \.isWhitespace)
    try #require(words.count == 10, "\(opened)")
    let scanned = try #require(Int64(words[3]))
    // The unsynced megabyte is read at least, so the figure is one.
    #expect(scanned > 900_000 && scanned <= 64 << 20 + 1_000_000)
    #expect(words[1] == writer.lines[0].split(separator: " ")[1])
    #expect(words[7] == "0")
  }
}
