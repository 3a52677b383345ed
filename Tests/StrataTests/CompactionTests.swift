import Foundation
import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// What a compaction leaves: of each key the newest record, with its offset, in its order, and nothing else that may
/// go; for readers, for the next opening, and for the next compaction.
@Suite struct CompactionTests {
  static var configuration: LogConfiguration {
    var configuration = LogConfiguration.small
    configuration.cleanupPolicy = .compact
    return configuration
  }

  static func record(_ key: String?, _ value: String?) -> Record {
    Record(key: key, value: value, timestamp: Timestamp(milliseconds: 1_700_000_000_000))
  }

  /// Random records of a few keys, in batches. Returns them by offset.
  @discardableResult
  static func fill(
    _ log: Log, _ count: Int, keys: Int, _ random: inout Random, compression: Compression = .none
  ) throws -> [Int64: Record] {
    var written: [Int64: Record] = [:]
    var builder = RecordBatchBuilder(compression: compression)
    while written.count < count {
      var records: [Record] = []
      for _ in 0..<1 + random.below(6) {
        let key: String? = random.below(20) == 0 ? nil : "key \(random.below(keys))"
        let record = record(key, random.below(12) == 0 ? nil : "value \(random.next())")
        records.append(record)
        try builder.append(record)
      }
      let place = try log.append(builder.finish(), durability: .buffered)
      for (index, record) in records.enumerated() {
        written[place.baseOffset.rawValue + Int64(index)] = record
      }
    }
    return written
  }

  /// What has to be left of `written`, of which everything before `end` was compacted.
  static func expected(_ written: [Int64: Record], before end: Offset) -> [Found] {
    var newest: [[UInt8]: Int64] = [:]
    for (offset, record) in written where offset < end.rawValue {
      if let key = record.key { newest[key] = max(newest[key] ?? 0, offset) }
    }
    return written.sorted { $0.key < $1.key }.filter { offset, record in
      offset >= end.rawValue || record.key.map { newest[$0] == offset } ?? false
    }.map { Found($0, $1) }
  }

  static let codecs: [Compression] = [Compression.none, .gzip(), .snappy, .lz4(), .zstd()].filter {
    Compression.isBuilt($0.codec)
  }

  @Test(arguments: codecs) func theNewestRecordOfEachKeyStays(_ compression: Compression) throws {
    let seed = seed()
    var random = Random(seed: seed)
    let scratch = Scratch()
    var log = try Log.open(scratch("log"), configuration: Self.configuration)
    var written = try Self.fill(log, 600, keys: 30, &random, compression: compression)
    for _ in 0..<3 {
      let report = try log.compact()
      log.checkInvariants()
      let end = log.compactedOffset
      #expect(report.isComplete && end == log.segments.last!.baseOffset && report.compactedThrough == end)
      #expect(report.removedRecords > 0 && report.writtenBytes < report.replacedBytes, "\(report)")
      let expected = Self.expected(written, before: end)
      #expect(try log.all(from: 0) == expected, "STRATA_SEED=\(seed)")
      for offset in stride(from: 0, to: log.logEndOffset.rawValue, by: 7) {
        #expect(try log.all(from: Offset(offset)) == expected.filter { $0.offset >= offset })
      }
      // Every batch of the log has the codec that it was written with, and is whole.
      var cursor = log.fetch(from: 0, isolation: .logEnd)
      while let batch = try cursor.next() {
        #expect(batch.recordCount == 0 || batch.codec == compression.codec)
      }
      #expect(try log.verify().damages.isEmpty)
      // Small segments are put together now, and after that nothing is left to do, and nothing is done.
      var rounds = 0
      while case let merging = try log.compact(), merging.replacedSegments > 0 {
        rounds += 1
        #expect(merging.removedRecords == 0 && rounds < 8)
      }
      #expect(try log.all(from: 0) == expected)
      let again = try log.compact()
      #expect(again.replacedSegments == 0 && again.removedRecords == 0 && again.isComplete, "\(again)")
      try log.close()
      log = try Log.open(scratch("log"), configuration: Self.configuration)
      #expect(log.recoveryReport.wasClean && log.compactedOffset == end)
      #expect(try log.all(from: 0) == expected)
      // Only what the written segments make is there.
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
      let bases = Set(names.filter { $0.hasPrefix("0") }.map { $0.prefix(20) })
      #expect(bases.count == log.segments.count && !names.contains { $0.hasSuffix(".deleted") })
      written = Dictionary(uniqueKeysWithValues: expected.map { ($0.offset, $0.record) })
      written.merge(try Self.fill(log, 300, keys: 40, &random, compression: compression)) { $1 }
    }
  }

  @Test(arguments: [1, 5000, 6000, 20_000]) func anyMemoryForKeysWillDo(_ bytes: Int) throws {
    let seed = seed()
    var random = Random(seed: seed)
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: Self.configuration)
    let written = try Self.fill(log, 1500, keys: 400, &random)
    var options = CompactionOptions()
    options.keyMapBytes = bytes
    options.endsActiveSegment = true
    let report = try log.compact(options)
    #expect(report.isComplete && (report.passes > 1) == (bytes < 20_000), "\(report)")
    #expect(log.compactedOffset == log.logEndOffset)
    #expect(try log.all(from: 0) == Self.expected(written, before: log.logEndOffset), "STRATA_SEED=\(seed)")
  }

  /// A key that is larger than the memory for keys takes a pass of its own.
  @Test func keysLargerThanTheirMemoryAreCompactedToo() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: Self.configuration)
    var written: [Int64: Record] = [:]
    for number in 0..<12 {
      let record = Self.record(String(repeating: "\(number % 3)", count: 5000), "\(number)")
      written[try log.append(record, durability: .buffered).baseOffset.rawValue] = record
    }
    var options = CompactionOptions()
    options.keyMapBytes = 1
    options.endsActiveSegment = true
    #expect(try log.compact(options).isComplete)
    #expect(try log.values() == ["9", "10", "11"])
  }

  @Test func tombstonesStayUntilTheirHorizonAndThenGo() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = Self.configuration
    configuration.deleteRetentionMilliseconds = 60_000
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    try log.append([Self.record("a", "1"), Self.record("b", "1"), Self.record("c", "1")])
    try log.append([Self.record("a", nil), Self.record("b", "2")])
    var options = CompactionOptions()
    options.endsActiveSegment = true
    let now = disk.clock.wallClockMilliseconds
    try log.compact(options)
    func offsets() throws -> [Int64] { try log.all(from: 0).map(\.offset) }
    #expect(try offsets() == [2, 3, 4])
    var cursor = log.fetch(from: 3)
    let header = try #require(try cursor.next()).header
    #expect(
      header.attributes.hasDeleteHorizon && header.baseOffset == 3 && header.maxTimestamp.milliseconds > 0)
    let horizon = header.baseTimestamp.milliseconds
    #expect((now + 60_000...now + 60_100).contains(horizon))
    // The times of the records are as they were.
    #expect(try log.all(from: 0).allSatisfy { $0.record.timestamp?.milliseconds == 1_700_000_000_000 })
    disk.clock.advance(by: .seconds(59))
    #expect(try log.compact(options).replacedSegments == 0)
    #expect(try offsets() == [2, 3, 4])
    disk.clock.advance(by: .seconds(2))
    #expect(try log.compact(options).removedRecords == 1)
    #expect(try offsets() == [2, 4])
    #expect(try log.compact(options).replacedSegments == 0)
  }

  @Test func aLogThatIsNotToBeCompactedIsNot() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    #expect(code { try log.compact() } == .cleanupPolicy)
    let reader = try Log.open(scratch("log"), configuration: Self.configuration, access: .readOnly)
    #expect(code { try reader.compact() } == .readOnly)
    try log.close()
    let closed = try Log.open(scratch("log"), configuration: Self.configuration)
    try closed.close()
    #expect(code { try closed.compact() } == .closed)
  }

  @Test func whenItIsNotDueNothingIsDone() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: Self.configuration)
    var random = Random(seed: 7)
    try Self.fill(log, 600, keys: 30, &random)
    var options = CompactionOptions()
    options.trigger = .whenDue
    let report = try log.compact(options)
    #expect(report.passes == 1 && report.dirtyRatio == 1)
    try Self.fill(log, 40, keys: 30, &random)
    options.endsActiveSegment = true
    let before = log.compactedOffset
    let next = try log.compact(options)
    #expect(next.passes == (next.dirtyRatio >= 0.5 ? 1 : 0) && next.dirtyRatio > 0)
    #expect((log.compactedOffset > before) == (next.passes == 1))
    // A log that just grows becomes due.
    try Self.fill(log, 600, keys: 30, &random)
    #expect(try log.compact(options).passes == 1)
  }

  @Test func aTruncationMakesWhatFollowsDirtyAgain() throws {
    let scratch = Scratch()
    var log = try Log.open(scratch("log"), configuration: Self.configuration)
    var random = Random(seed: 3)
    try Self.fill(log, 300, keys: 20, &random)
    var options = CompactionOptions()
    options.endsActiveSegment = true
    try log.compact(options)
    let kept = try log.all(from: 0)
    let cut = try log.truncate(to: Offset(kept[kept.count / 2].offset))
    #expect(log.compactedOffset == cut)
    var written = Dictionary(
      uniqueKeysWithValues: kept.filter { $0.offset < cut.rawValue }.map { ($0.offset, $0.record) })
    written.merge(try Self.fill(log, 300, keys: 20, &random)) { $1 }
    // Opened without a close: the side file still speaks of the offsets from before.
    log = try Log.open(scratch("other"))
    log = try Log.open(scratch("log"), configuration: Self.configuration)
    #expect(log.compactedOffset == cut)
    try log.compact(options)
    #expect(try log.all(from: 0) == Self.expected(written, before: log.logEndOffset))
  }

  /// What was compacted ends within a segment after a truncation; what was appended behind it, in the same segment,
  /// may yet be taken back while it is above the high watermark.
  @Test func recordsAboveTheHighWatermarkTakeNoOlderOnesAlong() throws {
    let scratch = Scratch()
    var configuration = Self.configuration
    configuration.segmentBytes = 1 << 20
    let log = try Log.open(scratch("log"), configuration: configuration)
    var options = CompactionOptions()
    options.endsActiveSegment = true
    let old = ["a", "b", "c"].map { Self.record($0, "old") }
    for record in old { try log.append(record) }
    try log.compact(options)
    #expect(try log.truncate(to: 2) == 2 && log.compactedOffset == 2)
    let new = Self.record("a", "new")
    try log.append(new)
    log.setHighWatermark(1)
    try log.compact(options)
    #expect(try log.all(from: 0, isolation: .logEnd) == [Found(0, old[0]), Found(1, old[1]), Found(2, new)])
    log.setHighWatermark(3)
    try log.compact(options)
    #expect(try log.all(from: 0, isolation: .logEnd) == [Found(1, old[1]), Found(2, new)])
  }

  @Test func readersGoOnInWhatTheyRead() throws {
    let seed = seed()
    var random = Random(seed: seed)
    let scratch = Scratch()
    for mode in [ReadingMode.copied, .mapped] {
      var configuration = Self.configuration
      configuration.reading = mode
      let log = try Log.open(scratch("log \(mode)"), configuration: configuration)
      let written = try Self.fill(log, 900, keys: 25, &random)
      let all = try log.all(from: 0)
      for start in stride(from: 0, to: 900, by: 90) {
        var cursor = log.fetch(from: Offset(Int64(start)), isolation: .logEnd)
        var seen: [Found] = []
        var isCompacted = false
        while let batch = try cursor.next() {
          var records = try batch.records()
          while let record = try records.next() {
            seen.append(Found(record.offset.rawValue, Record(copying: record)))
          }
          if !isCompacted, start == 0 {
            isCompacted = true
            try log.compact()
          }
        }
        // Everything that is still there was seen, in its order, and nothing that was never written.
        let left = Self.expected(written, before: log.compactedOffset).filter { $0.offset >= start }
        #expect(
          seen.map(\.offset) == seen.map(\.offset).sorted() && Set(seen.map(\.offset)).count == seen.count)
        #expect(seen.allSatisfy { written[$0.offset] == $0.record })
        let offsets = Set(seen.map(\.offset))
        #expect(left.allSatisfy { offsets.contains($0.offset) }, "STRATA_SEED=\(seed)")
        // The segment that it was in was read to its end as it had been.
        if start == 0 { #expect(seen.count > left.count && seen[..<4] == all[..<4]) }
      }
    }
  }

  @Test func aReaderInAnotherProcessFindsWhatIsLeft() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: Self.configuration)
    var random = Random(seed: 11)
    let written = try Self.fill(log, 900, keys: 25, &random)
    try log.flush()
    let reader = try Log.open(scratch("log"), access: .readOnly)
    var cursor = reader.fetch(from: 0)
    _ = try cursor.next()
    try log.compact()
    var offsets: Set<Int64> = []
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() { offsets.insert(record.offset.rawValue) }
    }
    let left = Self.expected(written, before: log.compactedOffset)
    let first = left.firstIndex { $0.offset > 6 }!
    #expect(left[first...].allSatisfy { offsets.contains($0.offset) })
    #expect(try reader.all(from: 0, isolation: .durable) == left)
  }

  @Test func damageIsNeverRewritten() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: Self.configuration)
    var random = Random(seed: 5)
    try Self.fill(log, 600, keys: 20, &random)
    try log.flush()
    let segment = log.segments[1]
    for byte in [70, 3, 12] {
      var bytes = try contents(segment.path)
      let place = SalvageTests().positions(bytes)[3] + byte
      bytes[place] ^= 1
      try write(bytes, to: segment.path)
      let reopened = try Log.open(scratch("log"), configuration: Self.configuration, access: .readOnly)
      _ = reopened
      let error = #expect(throws: LogError.self) { try log.compact() }
      #expect(
        error?.code == .damaged && error?.path == segment.path, "byte \(byte): \(String(describing: error))")
      #expect(try contents(segment.path) == bytes)
      bytes[place] ^= 1
      try write(bytes, to: segment.path)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    #expect(!names.contains { $0.hasSuffix(".cleaned") })
    #expect(try log.compact().isComplete)
  }

  @Test func withoutRoomTheLogIsAsItWas() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: Self.configuration, environment: disk.environment)
    var random = Random(seed: 5)
    let written = try Self.fill(log, 600, keys: 20, &random)
    let all = try log.all(from: 0)
    for suffix in [".log.cleaned", ".index.cleaned", ".seal.cleaned"] {
      disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: suffix))
      #expect(code { try log.compact() } == .noSpace)
      disk.removeFaults()
      #expect(!disk.listing().contains { $0.hasSuffix(".cleaned") })
      #expect(try log.all(from: 0) == all)
    }
    #expect(try log.compact().isComplete)
    #expect(try log.all(from: 0) == Self.expected(written, before: log.compactedOffset))
  }

  @Test func closingAndTruncatingStopIt() throws {
    let scratch = Scratch()
    var random = Random(seed: 5)
    for verb in ["close", "truncate"] {
      let log = try Log.open(scratch(verb), configuration: Self.configuration)
      try Self.fill(log, 3000, keys: 100, &random)
      var options = CompactionOptions()
      options.bytesPerSecond = 20_000
      let thread = Thread {
        Thread.sleep(forTimeInterval: 0.3)
        do {
          if verb == "close" { try log.close() } else { try log.truncate(to: 100) }
        } catch { Issue.record("\(error)") }
      }
      thread.start()
      let began = ContinuousClock.now
      do {
        let report = try log.compact(options)
        #expect(!report.isComplete)
      } catch { #expect(error.code == .closed && verb == "close") }
      #expect(ContinuousClock.now - began < .seconds(20))
      while !thread.isFinished { Thread.sleep(forTimeInterval: 0.001) }
      if verb == "truncate" { #expect(log.logEndOffset <= 100) }
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch(verb))
      #expect(!names.contains { $0.hasSuffix(".cleaned") || $0.hasSuffix(".swap") })
    }
  }

  @Test func retentionAndAppendsGoOnBesideIt() throws {
    let scratch = Scratch()
    var configuration = Self.configuration
    configuration.cleanupPolicy = .compactAndDelete
    let log = try Log.open(scratch("log"), configuration: configuration)
    var random = Random(seed: seed())
    try Self.fill(log, 2000, keys: 50, &random)
    let thread = Thread {
      var random = Random(seed: 9)
      do {
        for round in 1...20 {
          try Self.fill(log, 60, keys: 50, &random)
          try log.deleteRecords(before: Offset(Int64(round * 90)))
        }
      } catch { Issue.record("\(error)") }
    }
    thread.start()
    var options = CompactionOptions()
    options.keyMapBytes = 5000
    while !thread.isFinished {
      #expect(try log.compact(options).isComplete)
      log.checkInvariants()
    }
    #expect(log.logStartOffset == 1800)
    let found = try log.all()
    #expect(found.first.map { $0.offset >= 1800 } ?? false)
    options.endsActiveSegment = true
    try log.compact(options)
    let keys = try log.all().compactMap(\.record.key)
    #expect(Set(keys).count == keys.count)
    try log.close()
    let again = try Log.open(scratch("log"), configuration: configuration)
    #expect(try again.all().compactMap(\.record.key) == keys && again.verify().damages.isEmpty)
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    #expect(Set(names.filter { $0.hasPrefix("0") }.map { $0.prefix(20) }).count == again.segments.count)
  }
}
