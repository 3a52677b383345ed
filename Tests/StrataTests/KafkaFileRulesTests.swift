import Strata
import StrataRecords
import StrataSimulation
import Testing

/// Kafka's rules for the files beside a segment, one by one, on files that Strata wrote. They are computed here from
/// the bytes of the batches alone.
@Suite struct KafkaFileRulesTests {
  /// What a batch says of its producer, taken from its bytes.
  private struct Head {
    var base: Int64
    var last: Int64
    var attributes: Int
    var maxTimestamp: Int64
    var producer: Int64
    var epoch: Int64
    var sequence: Int64
    var isAbort: Bool

    init(_ bytes: ArraySlice<UInt8>) {
      let bytes = Array(bytes)
      func number(_ place: Int, _ count: Int) -> Int64 {
        let value = bytes[place..<place + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(bitPattern: value << UInt64(64 - 8 * count)) >> Int64(64 - 8 * count)
      }
      base = number(0, 8)
      last = base + number(23, 4)
      attributes = Int(number(21, 2))
      maxTimestamp = number(35, 8)
      (producer, epoch, sequence) = (number(43, 8), number(51, 2), number(53, 4))
      // The key of a marker: version and type, behind the record's five bytes and the key's length.
      isAbort = attributes & 0x20 != 0 && bytes[61 + 5 + 3] == 0
    }
  }

  private struct Known: Equatable {
    var epoch: Int64
    var sequence: Int64 = -1
    var offset: Int64 = -1
    var delta: Int64 = 0
    var timestamp: Int64 = -1
    var coordinator: Int64 = -1
    var start: Int64 = -1
  }

  private static func number(_ value: Int64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> Int64(8 * (count - 1 - $0))) }
  }

  private static func fill(_ disk: SimulatedDisk) throws {
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    var random = Random(seed: 5)
    var open: [Transaction] = []
    let writers = try (0..<3).map { _ in try log.makeWriter() }
    for place in 0..<160 {
      let records = (0...random.below(3)).map {
        Record(value: "\(place) \($0)" + String(repeating: ".", count: 30))
      }
      switch random.below(6) {
      case 0: open.append(try log.beginTransaction())
      case 1 where !open.isEmpty:
        let ending = open.remove(at: random.below(open.count))
        try random.below(3) == 0 ? ending.commit() : ending.abort()
      case 2...3 where !open.isEmpty: try open[random.below(open.count)].append(records)
      case 4: try writers[random.below(3)].append(records, durability: .buffered)
      default: try log.append(records, durability: .buffered)
      }
    }
    try log.close()
  }

  @Test func everyFileIsAsKafkaWritesIt() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    try Self.fill(disk)
    let folder = disk.folder("log")
    #expect(folder.segments.count > 4)
    var known: [Int64: Known] = [:]
    var aborted = 0
    for segment in folder.segments {
      let name = String(segment.name.dropLast(4))
      // .snapshot: at every segment's base, once there is a producer.
      try checkSnapshot(folder.files[name + ".snapshot"], known)
      checkIndexes(segment, folder)
      var entries: [UInt8] = []
      for batch in StoredBatch.prefix(of: segment.bytes) {
        let head = Head(segment.bytes[batch.position..<batch.end])
        guard head.producer >= 0 else { continue }
        var entry = known[head.producer] ?? Known(epoch: head.epoch)
        if entry.epoch != head.epoch { (entry.sequence, entry.offset, entry.delta) = (-1, -1, 0) }
        entry.epoch = head.epoch
        entry.timestamp = head.maxTimestamp
        if head.attributes & 0x20 != 0 {
          let start = entry.start
          (entry.start, entry.coordinator) = (-1, 0)
          known[head.producer] = entry
          guard head.isAbort, start >= 0 else { continue }
          // .txnindex: an entry for each abort marker with data, in the order of the markers.
          let stable = known.values.map(\.start).filter { $0 >= 0 }.min() ?? head.base + 1
          entries += Self.number(0, 2) + Self.number(head.producer, 8) + Self.number(start, 8)
          entries += Self.number(head.base, 8) + Self.number(stable, 8)
          aborted += 1
          continue
        }
        (entry.offset, entry.delta) = (head.last, head.last - head.base)
        entry.sequence = head.sequence + entry.delta
        if head.attributes & 0x10 != 0, entry.start < 0 { entry.start = head.base }
        known[head.producer] = entry
      }
      #expect(folder.files[name + ".txnindex"] == (entries.isEmpty ? nil : entries), "\(name)")
    }
    #expect(aborted > 5)
    let last = folder.files.keys.filter { $0.hasSuffix(".snapshot") }.max()!
    try checkSnapshot(folder.files[last], known)
  }

  /// The cleaner appends what it keeps to a new segment, batch by batch, so the same rules hold for its indexes.
  @Test func theIndexesOfCompactedSegmentsAreAsKafkaWritesThem() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = LogConfiguration.small
    configuration.cleanupPolicy = .compact
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    var random = Random(seed: 6)
    let writer = try log.makeWriter()
    for place in 0..<300 {
      let records = (0...random.below(3)).map { _ in
        Record(
          key: "\(random.below(80))", value: random.below(9) == 0 ? nil : "\(place)",
          timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(random.below(100_000))))
      }
      switch random.below(4) {
      case 0: try writer.append(records, durability: .buffered)
      case 1:
        let transaction = try log.beginTransaction()
        try transaction.append(records)
        try random.below(3) == 0 ? transaction.abort() : transaction.commit(durability: .buffered)
      default: try log.append(records, durability: .buffered)
      }
    }
    let report = try log.compact()
    #expect(report.removedRecords > 200)
    let aborted = try log.allAborted()
    try log.close()
    let folder = disk.folder("log")
    #expect(folder.segments.count > 1)
    var entries: [UInt8] = []
    for segment in folder.segments {
      checkIndexes(segment, folder)
      entries += folder.files[segment.name.dropLast(4) + ".txnindex"] ?? []
    }
    // What is left of the aborted ones is in the order of their markers, and nothing else.
    #expect(entries.count == 34 * aborted.count)
    let lasts = stride(from: 0, to: entries.count, by: 34).map { Array(entries[$0 + 18..<$0 + 26]) }
    #expect(lasts == lasts.sorted { $0.lexicographicallyPrecedes($1) })
    // A snapshot at the end, and none where no segment begins.
    let bases = Set(folder.segments.map { String($0.name.dropLast(4)) })
    let snapshots = folder.files.keys.filter { $0.hasSuffix(".snapshot") }.map { String($0.dropLast(9)) }
    #expect(snapshots.filter { !bases.contains($0) }.count <= 1)
  }

  /// .index and .timeindex by the rules of `LogSegment.append`: an entry for the batch before which more than the
  /// interval was written since the last one, and at a segment's end one more time.
  private func checkIndexes(
    _ segment: (baseOffset: Int64, name: String, bytes: [UInt8]), _ folder: StoredFolder
  ) {
    var (offsets, times): ([UInt8], [UInt8]) = ([], [])
    var (since, largest, ofLargest, indexed) = (0, Int64(-1), segment.baseOffset, Int64(-1))
    func addTime() {
      guard largest > indexed else { return }
      indexed = largest
      times += Self.number(largest, 8) + Self.number(ofLargest - segment.baseOffset, 4)
    }
    for batch in StoredBatch.prefix(of: segment.bytes) {
      let head = Head(segment.bytes[batch.position..<batch.end])
      if head.maxTimestamp > largest { (largest, ofLargest) = (head.maxTimestamp, head.last) }
      if since > LogConfiguration.small.indexIntervalBytes {
        offsets += Self.number(head.last - segment.baseOffset, 4) + Self.number(Int64(batch.position), 4)
        addTime()
        since = 0
      }
      since += batch.size
    }
    addTime()
    let name = segment.name.dropLast(4)
    #expect(folder.files[name + ".index"] == offsets, "\(name)")
    #expect(folder.files[name + ".timeindex"] == times, "\(name)")
  }

  private func checkSnapshot(_ bytes: [UInt8]?, _ known: [Int64: Known]) throws {
    guard !known.isEmpty else {
      #expect(bytes == nil)
      return
    }
    let bytes = try #require(bytes)
    var expected = Self.number(Int64(known.count), 4)
    for (id, entry) in known.sorted(by: { $0.key < $1.key }) {
      expected += Self.number(id, 8) + Self.number(entry.epoch, 2) + Self.number(entry.sequence, 4)
      expected += Self.number(entry.offset, 8) + Self.number(entry.delta, 4)
      expected += Self.number(entry.timestamp, 8) + Self.number(entry.coordinator, 4)
      expected += Self.number(entry.start, 8)
    }
    #expect(Array(bytes[6...]) == expected)
    #expect(Array(bytes[..<6]) == Self.number(1, 2) + Self.number(Int64(CRC32C.checksum(expected.span)), 4))
  }
}
