import Foundation
import Strata
import Testing

/// Many keys, each written ten times: exactly the last value of each is left, whatever the memory for keys.
///
/// `STRATA_COMPACTION_KEYS=1000000 swift test -c release --filter CompactionScaleTests` is the full size.
@Suite struct CompactionScaleTests {
  static let keys: Int = {
    if let text = ProcessInfo.processInfo.environment["STRATA_COMPACTION_KEYS"], let keys = Int(text) {
      return keys
    }
    #if DEBUG
      return 2000
    #else
      return 50_000
    #endif
  }()

  @Test(arguments: [1, 20]) func theLastOfTenValuesOfEachKeyIsLeft(part: Int) throws {
    let scratch = Scratch()
    var configuration = LogConfiguration()
    configuration.cleanupPolicy = .compact
    configuration.segmentBytes = max(20_000, 32 * Self.keys)
    configuration.durability = .buffered
    let log = try Log.open(scratch("log"), configuration: configuration)
    let began = ContinuousClock.now
    var builder = RecordBatchBuilder()
    for round in 0..<10 {
      // In another order each time: 7919 is prime.
      for number in 0..<Self.keys {
        let key = (number * 7919 + round * 31) % Self.keys
        try builder.append(
          key: "key \(key)".utf8.span, value: "value \(round) of \(key)".utf8.span,
          timestamp: Timestamp(milliseconds: 1_700_000_000_000))
        if builder.count == 1000 { try log.append(builder.finish()) }
      }
    }
    if !builder.isEmpty { try log.append(builder.finish()) }
    try log.flush()
    let written = ContinuousClock.now
    var options = CompactionOptions()
    options.endsActiveSegment = true
    if part > 1 {
      // Room for a twentieth of the keys: an entry of about 24 bytes, and its slots while they double.
      options.keyMapBytes = Self.keys / part * 48
    }
    let report = try log.compact(options)
    let compacted = ContinuousClock.now
    #expect(report.isComplete && (report.passes > 1) == (part > 1))
    var found = 0
    var cursor = log.fetch(from: 0)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        found += 1
        let key = String(copying: record.key!).dropFirst(4)
        guard String(copying: record.value!) == "value 9 of \(key)" else {
          Issue.record("offset \(record.offset): \(String(copying: record.value!))")
          return
        }
      }
    }
    // As many records as keys, each the last of its key: offsets in the last tenth.
    #expect(found == Self.keys)
    #expect(report.removedRecords == Int64(9 * Self.keys))
    print(
      "compaction: \(Self.keys) keys written ten times in \(written - began), compacted in "
        + "\(compacted - written) with \(options.keyMapBytes) bytes for keys, \(report.passes) passes, "
        + "\(report.writtenBytes) bytes written")
  }
}
