import Foundation
import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// Single records by their offsets and their times: the same as reading the log from there, however much of it was
/// looked at before.
@Suite struct RecordLookupTests {
  static let codecs: [Compression] = [Compression.none, .lz4()].filter { Compression.isBuilt($0.codec) }

  /// What reading from `offset` on gives first, if that is the record there.
  static func walked(_ log: Log, _ offset: Int64) throws -> Record? {
    var cursor = log.fetch(from: Offset(offset), isolation: .logEnd)
    guard let batch = try cursor.next() else { return nil }
    var records = try batch.records()
    guard let record = try records.next(), record.offset.rawValue == offset else { return nil }
    return Record(copying: record)
  }

  static func fill(_ log: Log, _ batches: Int, _ random: inout Random, _ time: inout Int64) throws {
    var builder = RecordBatchBuilder(compression: log.configuration.compression)
    for _ in 0..<batches {
      for _ in 0..<1 + random.below(random.below(4) == 0 ? 120 : 8) {
        time += Int64(random.below(40)) - 12
        let key = random.below(3) == 0 ? nil : "key \(random.below(50))"
        let size = random.below(20) == 0 ? 3000 : 90
        let headers = random.below(30) == 0 ? [RecordHeader("h", [1, 2, 3] as [UInt8])] : []
        try builder.append(
          Record(
            key: key, value: random.bytes(random.below(size)), timestamp: Timestamp(milliseconds: time),
            headers: headers))
      }
      try log.append(builder.finish(), durability: .buffered)
    }
  }

  @Test(arguments: codecs, [0, 1 << 15, 8 << 20])
  func everyRecordIsFoundByItsOffset(_ compression: Compression, memory: Int) throws {
    let seed = seed()
    var random = Random(seed: seed)
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    configuration.segmentBytes = 30_000
    configuration.compression = compression
    configuration.recordCacheBytes = memory
    configuration.cleanupPolicy = .compact
    for reading in [ReadingMode.copied, .mapped] {
      configuration.reading = reading
      var time: Int64 = 1_700_000_000_000
      let log = try Log.open(scratch("log \(reading)"), configuration: configuration)
      try Self.fill(log, 60, &random, &time)
      func checkAll() throws {
        for _ in 0..<400 {
          let offset = Int64(random.below(Int(log.logEndOffset.rawValue)))
          let found = try log.record(at: Offset(offset), isolation: .logEnd)
          #expect(try found == Self.walked(log, offset), "STRATA_SEED=\(seed) \(offset)")
        }
      }
      try checkAll()
      try Self.fill(log, 60, &random, &time)
      try checkAll()
      try log.compact()
      try checkAll()
      try log.truncate(to: Offset(log.logEndOffset.rawValue / 2))
      try Self.fill(log, 60, &random, &time)
      try checkAll()
    }
  }

  @Test(arguments: [0, 1 << 15, 8 << 20])
  func theFirstRecordNotOlderIsFoundByItsTime(memory: Int) throws {
    let seed = seed()
    var random = Random(seed: seed)
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    configuration.segmentBytes = 30_000
    configuration.recordCacheBytes = memory
    let log = try Log.open(scratch("log"), configuration: configuration)
    var time: Int64 = 1_700_000_000_000
    try Self.fill(log, 200, &random, &time)
    let all = try log.all(from: 0, isolation: .logEnd)
    for _ in 0..<600 {
      let asked = Timestamp(
        milliseconds: 1_700_000_000_000 - 50 + Int64(random.below(Int(time - 1_700_000_000_000) + 100)))
      let expected = all.first { $0.record.timestamp! >= asked }?.offset
      #expect(try log.offset(for: asked, isolation: .logEnd)?.rawValue == expected, "STRATA_SEED=\(seed)")
    }
  }

  @Test func onlyWhatIsVisibleIsFound() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    try log.append((0..<10).map { Record(value: "\($0)") })
    log.setHighWatermark(5)
    for _ in 0..<2 {
      #expect(try log.record(at: 3)?.value == Array("3".utf8))
      // A batch is seen whole or not at all.
      #expect(try log.record(at: 3, isolation: .highWatermark) == nil)
      #expect(try log.record(at: 10) == nil)
      #expect(code { _ = try log.record(at: 11) } == .offsetOutOfRange)
      #expect(code { _ = try log.record(at: -1) } == .offsetOutOfRange)
    }
    try log.deleteRecords(before: 4)
    #expect(code { _ = try log.record(at: 3) } == .offsetOutOfRange)
    #expect(try log.record(at: 4)?.value == Array("4".utf8))
    try log.close()
    #expect(code { _ = try log.record(at: 4) } == .closed)
  }

  /// The seal vouches for base offsets and lengths alone; what a batch in front claims of its last offset hides nothing.
  @Test func aBatchInFrontThatClaimsOtherOffsetsHidesNothing() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    configuration.indexIntervalBytes = 600
    var log = try Log.open(scratch("log"), configuration: configuration)
    var batches: [(base: Int64, position: Int)] = []
    var position = 0
    for number in 0..<12 {
      let place = try log.append((0..<10).map { Record(value: "\(number) \($0)") })
      batches.append((place.baseOffset.rawValue, position))
      position = Int(log.segments[0].bytes)
    }
    try log.close()
    let path = scratch("log/00000000000000000000.log")
    let whole = try contents(path)
    for batch in batches[1...6] {
      // The four bytes of the last offset delta: less, and more than there is.
      for (byte, value) in [(26, UInt8(2)), (26, UInt8(14)), (25, UInt8(1))] {
        var bytes = whole
        bytes[batch.position + byte] = value
        try write(bytes, to: path)
        let access: LogAccess = value == 2 ? .readWrite : .readOnly
        log = try Log.open(scratch("log"), configuration: configuration, access: access)
        for offset in Int64(0)..<120 {
          let isWrong = offset >= batch.base && offset < batch.base + 10
          if isWrong {
            #expect(code { _ = try log.record(at: Offset(offset)) } == .damaged, "\(batch) \(offset)")
          } else {
            let value = try log.record(at: Offset(offset))?.value
            #expect(value == Array("\(offset / 10) \(offset % 10)".utf8), "\(batch) \(byte) \(offset)")
          }
        }
        try log.close()
      }
    }
  }

  /// A reader beside its writer is not told of a truncation, and must not know anything from before.
  @Test func aReaderBesideAWriterThatTruncatesServesNothingStale() throws {
    let scratch = Scratch()
    let log = try Log.open(scratch("log"), configuration: .small)
    for number in 0..<8 { try log.append(Record(value: "old \(number)")) }
    let reader = try Log.open(scratch("log"), configuration: .small, access: .readOnly)
    for _ in 0..<3 { #expect(try reader.record(at: 7)?.value == Array("old 7".utf8)) }
    try log.truncate(to: 5)
    try log.append(Record(value: "a longer one than those from before"))
    for number in 6..<8 { try log.append(Record(value: "new \(number)")) }
    let found: [UInt8]?
    do { found = try reader.record(at: 7)?.value } catch { found = nil }
    #expect(found == nil || found == Array("new 7".utf8))
  }

  /// Where every read checks, what has rotted since the batch was checked is found; else no wrong record is handed out
  /// where the record's frame does not hold.
  @Test func aLogThatChecksEveryReadFindsWhatRotsBetween() throws {
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    configuration.checksEveryRead = true
    let log = try Log.open(scratch("log"), configuration: configuration)
    try log.append((0..<100).map { Record(value: "value \($0)") })
    #expect(try log.record(at: 50)?.value == Array("value 50".utf8))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: log.segments[0].path))
    let place = try #require(bytes.range(of: Data("value 50".utf8))).lowerBound
    let handle = try #require(FileHandle(forWritingAtPath: log.segments[0].path))
    try handle.seek(toOffset: UInt64(place))
    try handle.write(contentsOf: Data("V".utf8))
    try handle.close()
    #expect(code { _ = try log.record(at: 50) } == .damaged)
  }
}
