import Foundation
import Strata
import StrataIO
import Testing

/// Folders that Apache Kafka wrote, opened: what Strata finds in them is what Kafka says of them, and what it makes
/// again is what Kafka made.
@Suite struct KafkaFolderTests {
  struct Manifest: Decodable {
    var partitions: [Partition]
  }

  struct Partition: Decodable {
    var directory: String
    var logStartOffset: Int64
    var logEndOffset: Int64
    var lastStableOffset: Int64
    var abortedTransactions: [Aborted]
  }

  struct Aborted: Decodable, Hashable {
    var producerId: Int64
    var firstOffset: Int64
    var lastOffset: Int64
    var lastStableOffset: Int64
  }

  struct SegmentManifest: Decodable {
    var baseOffset: Int64
    var batches: [Batch]
    var txnIndex: [Aborted]?
    var producerSnapshot: [Known]?
  }

  struct Batch: Decodable {
    var baseOffset: Int64
    var lastOffset: Int64
    var partitionLeaderEpoch: Int32
    var attributes: Int16
    var producerId: Int64
    var count: Int
    var records: [Entry]
  }

  struct Entry: Decodable {
    var offset: Int64
    var timestamp: Int64
    var key: String?
    var value: String?
    var headers: [[String?]]

    var found: Found {
      func bytes(_ base64: String?) -> [UInt8]? { base64.map { [UInt8](Data(base64Encoded: $0)!) } }
      return Found(
        offset,
        Record(
          key: bytes(key), value: bytes(value),
          timestamp: timestamp == -1 ? nil : Timestamp(milliseconds: timestamp),
          headers: headers.map { RecordHeader($0[0]!, bytes($0[1])) }))
    }
  }

  struct Known: Decodable, Hashable {
    var producerId: Int64
    var producerEpoch: Int16
    var coordinatorEpoch: Int32
    var lastTimestamp: Int64
    var lastSequence: Int32
    var lastOffset: Int64
    var offsetDelta: Int32
    var currentTxnFirstOffset: Int64?

    init(_ entry: ProducerEntry) {
      producerId = entry.id
      producerEpoch = entry.epoch
      coordinatorEpoch = entry.coordinatorEpoch
      lastTimestamp = entry.lastTimestamp.milliseconds
      lastSequence = entry.lastSequence
      lastOffset = entry.batches.last?.lastOffset.rawValue ?? -1
      offsetDelta = entry.batches.last?.offsetDelta ?? 0
      currentTxnFirstOffset = entry.transactionStart?.rawValue
    }
  }

  static let folder = fixtures + "/kafka-dirs"
  static let names = ["golden-0", "compacted-0", "rolled-0"]

  static func partition(_ name: String) throws -> Partition {
    let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/MANIFEST.json"))
    return try #require(
      JSONDecoder().decode(Manifest.self, from: data).partitions.first { $0.directory == name })
  }

  static func segments(_ name: String) throws -> [SegmentManifest] {
    let base = folder + "/manifest-" + name
    return try FileManager.default.contentsOfDirectory(atPath: base).sorted().map {
      try JSONDecoder().decode(
        SegmentManifest.self, from: Data(contentsOf: URL(fileURLWithPath: base + "/" + $0)))
    }
  }

  /// The clock of the day on which the folders were written: later the producers have expired.
  static var environment: LogEnvironment {
    var environment = LogEnvironment.system
    environment.wallClockMilliseconds = { 1_700_000_010_000 }
    return environment
  }

  /// A copy of a folder, without the files whose names end so.
  static func copy(_ name: String, without endings: [String] = []) throws -> (Scratch, [String: [UInt8]]) {
    let scratch = Scratch()
    try FileManager.default.createDirectory(atPath: scratch("log"), withIntermediateDirectories: true)
    var files: [String: [UInt8]] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder + "/" + name) {
      files[file] = try contents(folder + "/\(name)/\(file)")
      guard !endings.contains(where: { file.hasSuffix($0) }) else { continue }
      try write(files[file]!, to: scratch("log/" + file))
    }
    return (scratch, files)
  }

  private func check(_ log: Log, _ name: String) throws {
    let (partition, segments) = (try Self.partition(name), try Self.segments(name))
    #expect(log.logStartOffset.rawValue == partition.logStartOffset)
    #expect(log.logEndOffset.rawValue == partition.logEndOffset)
    #expect(log.lastStableOffset.rawValue == partition.lastStableOffset)
    #expect(log.segments.map(\.baseOffset.rawValue) == segments.map(\.baseOffset))
    let aborted = try log.allAborted()
    #expect(Set(aborted) == Set(partition.abortedTransactions))
    guard buildsAllCodecs else { return }
    let batches = segments.flatMap(\.batches)
    let records = batches.flatMap { $0.records.map(\.found) }
    #expect(try log.all(from: 0) == records)
    let visible = batches.filter { batch in
      batch.lastOffset < partition.lastStableOffset && batch.attributes & 0x20 == 0
        && !(batch.attributes & 0x10 != 0
          && partition.abortedTransactions.contains {
            $0.producerId == batch.producerId && $0.firstOffset <= batch.baseOffset
              && batch.lastOffset <= $0.lastOffset
          })
    }
    let committed = try log.all(from: 0, isolation: .committed)
    #expect(committed == visible.flatMap { $0.records.map(\.found) })
    #expect(name != "golden-0" || committed.count < records.count - 20)
  }

  @Test(arguments: names) func itIsReadAsKafkaLeftIt(_ name: String) throws {
    let (scratch, files) = try Self.copy(name)
    let reader = try Log.open(scratch("log"), access: .readOnly, environment: Self.environment)
    try check(reader, name)
    let after = try FileManager.default.contentsOfDirectory(atPath: scratch("log"))
    #expect(Set(after) == Set(files.keys))
    let log = try Log.open(scratch("log"), environment: Self.environment)
    try check(log, name)
    try log.close()
    for (file, bytes) in files where file.hasSuffix(".log") {
      #expect(try contents(scratch("log/" + file)) == bytes, "\(file)")
    }
  }

  @Test(arguments: names) func itsProducersAndEpochsAreKnown(_ name: String) throws {
    let (scratch, files) = try Self.copy(name)
    let end = try Self.partition(name).logEndOffset
    let log = try Log.open(scratch("log"), environment: Self.environment)
    let last = try #require(files[String(repeating: "0", count: 20 - "\(end)".count) + "\(end).snapshot"])
    let known = ProducerSnapshot.decode(last.span, at: Offset(end))
    #expect(
      known.map { Set($0.entries.values.map(Known.init)) }
        == Set(log.producers.entries.values.map(Known.init)))
    for segment in try Self.segments(name) {
      guard let listed = segment.producerSnapshot else { continue }
      let digits = "\(segment.baseOffset)"
      let bytes = files[String(repeating: "0", count: 20 - digits.count) + digits + ".snapshot"]!
      let decoded = ProducerSnapshot.decode(bytes.span, at: Offset(segment.baseOffset))
      #expect(decoded.map { Set($0.entries.values.map(Known.init)) } == Set(listed))
    }
    #expect(
      LeaderEpochs(parsing: String(decoding: files["leader-epoch-checkpoint"]!, as: UTF8.self))?.entries
        == log.leaderEpochs.entries)
  }

  /// Without anything but the batches.
  @Test(arguments: names) func whatIsMadeAgainIsWhatKafkaMade(_ name: String) throws {
    let endings = ["index", ".snapshot", "leader-epoch-checkpoint"]
    let (scratch, files) = try Self.copy(name, without: endings)
    let log = try Log.open(scratch("log"), environment: Self.environment)
    try check(log, name)
    for segment in log.segments { try log.rebuildIndex(of: segment.baseOffset) }
    try log.close()
    for (file, bytes) in files {
      let made = try? contents(scratch("log/" + file))
      if name == "compacted-0", file == "leader-epoch-checkpoint" {
        // Compaction has taken the first six records: the epoch is first met behind them.
        #expect(made.map { String(decoding: $0, as: UTF8.self) } == "0\n1\n0 6\n")
        continue
      }
      guard file.hasSuffix(".snapshot") else {
        #expect(made == bytes, "\(file)")
        continue
      }
      // Kafka writes producers in the order of its hash map, Strata by growing ids; all else is the same.
      let offset = Offset(Int64(file.prefix(20))!)
      let (theirs, ours) = (
        ProducerSnapshot.decode(bytes.span, at: offset),
        made.flatMap { ProducerSnapshot.decode($0.span, at: offset) }
      )
      #expect(theirs != nil && made?.count == bytes.count, "\(file)")
      #expect(theirs?.entries.mapValues(Known.init) == ours?.entries.mapValues(Known.init), "\(file)")
    }
  }

  /// What Kafka's coordinator would do next: the open transaction is ended, and its records count.
  @Test(.enabled(if: buildsAllCodecs)) func theOpenTransactionIsEnded() throws {
    let (scratch, _) = try Self.copy("golden-0")
    let log = try Log.open(scratch("log"), environment: Self.environment)
    #expect(log.openTransactions.map(\.producerID) == [2006])
    let before = try log.all(from: 1340, isolation: .committed)
    #expect(before.isEmpty)
    try log.endTransaction(.commit, producerID: 2006, producerEpoch: 0, coordinatorEpoch: 20)
    #expect(try log.all(from: 1340, isolation: .committed).count == 23)
    #expect(code { try log.append(Log.batch(1001, 1, from: 9, ["gap"])) } == .outOfOrderSequence)
  }
}

extension Log {
  /// Every entry of every transaction index.
  func allAborted() throws -> [KafkaFolderTests.Aborted] {
    try abortedTransactions().map {
      .init(
        producerId: $0.producerID, firstOffset: $0.firstOffset.rawValue, lastOffset: $0.lastOffset.rawValue,
        lastStableOffset: $0.lastStableOffset.rawValue)
    }
  }
}
