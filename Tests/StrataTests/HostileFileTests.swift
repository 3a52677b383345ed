import Foundation
import Strata
import StrataRecords
import Testing

/// Files that nobody would write: none of them stops the process, or makes a reader miss a record silently.
@Suite struct HostileFileTests {
  func log(_ count: Int, in scratch: Scratch, _ configuration: LogConfiguration) throws -> String {
    let log = try Log.open(scratch("log"), configuration: configuration)
    for number in 0..<count {
      try log.append(
        Record(value: "value \(100 + number)", timestamp: Timestamp(milliseconds: 5)), durability: .buffered)
    }
    try log.close()
    return log.segments[0].path
  }

  func resize(_ path: String, to size: UInt64) throws {
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: size)
    try handle.close()
  }

  @Test func theLargestEpochIsNoReasonToStop() throws {
    let scratch = Scratch()
    let segment = try log(3, in: scratch, LogConfiguration())
    try write(Array("0\n1\n2147483647 0\n".utf8), to: scratch("log/leader-epoch-checkpoint"))
    try write(try contents(segment) + [1, 2, 3], to: segment)
    let again = try Log.open(scratch("log"))
    #expect(try again.values().count == 3)
    #expect(again.recoveryReport.quarantined.count == 1)
  }

  private func encode(_ point: DurablePoint, into bytes: inout [UInt8]) {
    var span = bytes.mutableSpan
    point.encode(into: &span)
  }

  @Test func theLargestNumberOfADurablePointIsNoReasonToStop() throws {
    let scratch = Scratch()
    _ = try log(3, in: scratch, LogConfiguration())
    let side = scratch("log/" + DurablePoint.fileName)
    let stored = try contents(side)
    let slots = DurablePoint.slots(of: stored.span)
    var point = try #require(slots.first { $0 != nil } ?? nil)
    point.sequence = .max
    var bytes = [UInt8](repeating: 0, count: 2 * DurablePoint.slotBytes)
    encode(point, into: &bytes)
    try write(bytes, to: side)
    let again = try Log.open(scratch("log"))
    #expect(try again.values().count == 3)
    #expect(!again.recoveryReport.wasClean)
    try again.close()
  }

  @Test(arguments: [LogAccess.readOnly, .readWrite])
  func aFileThatIsTooLargeForASegmentIsRefused(access: LogAccess) throws {
    let scratch = Scratch()
    let path = scratch("00000000000000000000.log")
    try write([], to: path)
    try resize(path, to: 1 << 43)
    #expect(code { _ = try Log.open(scratch.path, access: access) } == .io)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == 1 << 43)
  }

  @Test func anIndexThatIsTooLargeIsMadeAnew() throws {
    let scratch = Scratch()
    _ = try log(50, in: scratch, .small)
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    for name in names where name.hasSuffix("index") {
      try resize(scratch("log/" + name), to: 1 << 42)
    }
    let again = try Log.open(scratch("log"), configuration: .small)
    #expect(try again.values().count == 50)
    try again.append(Record(value: "more"))
    try again.close()
  }

  @Test func aLengthThatHidesABatchFromASeekIsFound() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.indexIntervalBytes = 200
    let segment = try log(40, in: scratch, configuration)
    let whole = try contents(segment)
    let one = whole.count / 40
    for batch in 2..<20 {
      var bytes = whole
      // A length of two batches: the header behind lies where a whole batch lies.
      let length = UInt8(2 * one - 12)
      bytes[batch * one + 11] = length
      try write(bytes, to: segment)
      let again = try Log.open(scratch("log"), configuration: configuration, access: .readOnly)
      for from in max(0, batch - 3)...batch + 1 {
        var cursor = again.fetch(from: Offset(Int64(from)), isolation: .logEnd)
        do {
          let found = try cursor.next()?.baseOffset
          #expect(found == Offset(Int64(from)), "batch \(batch), from \(from)")
        } catch { #expect(error.code == .damaged) }
      }
    }
  }

  @Test func aReadWithoutABoundTakesNoMemoryWithoutABound() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"))
    var cursor = log.fetch(from: 0, maximumBytes: .max, isolation: .logEnd)
    var seen = 0
    for _ in 0..<80 {
      try log.append(Record(value: "v"), durability: .buffered)
      while try cursor.next() != nil { seen += 1 }
    }
    #expect(seen == 80)
  }

  @Test func aLogThatSomebodyHasCutBeginsANewEpoch() throws {
    let scratch = Scratch()
    let segment = try log(10, in: scratch, LogConfiguration())
    let whole = try contents(segment)
    try write(whole.prefix(whole.count / 2), to: segment)
    let again = try Log.open(scratch("log"))
    #expect(again.logEndOffset == 5)
    #expect(again.recoveryReport.cutReason?.contains("somebody has cut it") == true)
    try again.append(Record(value: "new"))
    var cursor = again.fetch(from: 5)
    #expect(try cursor.next()?.header.partitionLeaderEpoch == 1)
  }
}
