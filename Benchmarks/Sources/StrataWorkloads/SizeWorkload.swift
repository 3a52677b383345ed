internal import BenchmarkKit
internal import Strata

/// What appending and looking up cost in a large log, beside the same in a small one.
///
/// Look-ups are over the same number of bytes in both, so that the page cache and the processor's caches hold as much
/// of either: what differs is the log around them.
struct SizeWorkload {
  let bench: Bench

  func run() throws -> [BenchmarkResult] {
    guard bench.options.extent != .brief else { return [] }
    let amounts = bench.amounts
    let values = Values(size: 100)
    let small = SizedLog(bench: bench, name: "small", values: values, segments: amounts.smallSegments)
    let large = SizedLog(bench: bench, name: "large", values: values, segments: amounts.largeSegments)
    for log in [small, large] {
      guard Machine.freeBytes(bench.directory.path) > log.bytes + log.bytes / 4 + (64 << 20) else {
        throw BenchmarkError(
          "\(bench.directory.path): \(Units.bytes(Double(log.bytes))) of room are needed for `size`; take less --large"
        )
      }
      try log.fill()
    }
    defer {
      small.remove()
      large.remove()
    }
    let results = [try append(small, large), try lookup(small, large)]
    let isRight = try small.isRight() && large.isRight()
    return results.map { result in
      var result = result
      result.verified = isRight && result.verified != false
      return result
    }
  }

  private func append(_ small: SizedLog, _ large: SizedLog) throws -> BenchmarkResult {
    let label = "append, 100 B × 1,000, \(Units.bytes(Double(large.bytes))) before"
    let bytes = bench.options.isQuick ? 1 << 17 : 32 << 20
    let rounds = try bench.rounds(label, limits: [{ try small.append(bytes) }]) { try large.append(bytes) }
    var result = bench.result(.size, label, parameters(large, "append"))
    rounds.fill(&result)
    rounds.limitByThroughput("the same with \(Units.bytes(Double(small.bytes))) before", &result)
    return result
  }

  private func lookup(_ small: SizedLog, _ large: SizedLog) throws -> BenchmarkResult {
    let label = "look-up by offset, \(Units.bytes(Double(large.bytes)))"
    var random = SplitMix(state: 11)
    let records = small.segmentRecords * small.segments
    let offsets = (0..<bench.options.lookups).map { _ in Int.random(in: 0..<records, using: &random) }
    let rounds = try bench.rounds(label, limits: [{ try small.lookUp(offsets) }]) {
      try large.lookUp(offsets)
    }
    var result = bench.result(.size, label, parameters(large, "lookup"))
    rounds.fill(&result)
    rounds.limitByLatency("p50 of the same in \(Units.bytes(Double(small.bytes)))", &result)
    return result
  }

  private func parameters(_ log: SizedLog, _ work: String) -> [JSON.Member] {
    [
      JSON.Member("work", .string(work)), JSON.Member("segments", .integer(log.segments)),
      JSON.Member("segmentBytes", .integer(bench.amounts.segmentBytes)),
      JSON.Member("valueBytes", .integer(100)), JSON.Member("recordsPerBatch", .integer(1000)),
      JSON.Member("codec", .string("none")), JSON.Member("durability", .string("buffered")),
    ]
  }
}

/// A log of so many full segments, which is appended to.
private final class SizedLog {
  let segments: Int
  private let bench: Bench
  private let values: Values
  private let path: String
  private var log: Log?
  private var appended = 0

  private static let recordsPerBatch = 1000

  init(bench: Bench, name: String, values: Values, segments: Int) {
    self.bench = bench
    self.values = values
    self.segments = segments
    path = bench.directory.path(name)
  }

  /// The bytes that it begins with.
  var bytes: Int { segments * bench.amounts.segmentBytes }

  /// How many records a segment has, about.
  private(set) var segmentRecords = 0

  private func batch() throws -> RecordBatch {
    var builder = RecordBatchBuilder()
    return try values.build(&builder, count: Self.recordsPerBatch, from: 0)
  }

  func fill() throws {
    bench.progress.show("filling a log of \(Units.bytes(Double(bytes)))")
    var configuration = bench.configuration(for: 0)
    configuration.segmentBytes = bench.amounts.segmentBytes
    let log = try Log.open(path, configuration: configuration)
    self.log = log
    let batch = try batch()
    let perSegment = bench.amounts.segmentBytes / batch.sizeInBytes
    segmentRecords = perSegment * Self.recordsPerBatch
    // One more, so that the last one begins a segment of its own.
    for _ in 0...perSegment * segments {
      try log.append(batch, durability: .buffered)
      appended += 1
    }
    try log.flush()
  }

  func remove() {
    log = nil
    WorkDirectory.removeTree(path)
  }

  /// Appends about so many bytes.
  func append(_ bytes: Int) throws -> Sample {
    guard let log else { throw BenchmarkError("\(path) is not there") }
    let batch = try batch()
    let count = max(1, bytes / batch.sizeInBytes)
    let time = try Clock.time { for _ in 0..<count { try log.append(batch, durability: .buffered) } }
    appended += count
    return Sample(records: count * Self.recordsPerBatch, bytes: count * batch.sizeInBytes, nanoseconds: time)
  }

  /// Reads each of the records at these offsets.
  func lookUp(_ offsets: [Int]) throws -> Sample {
    guard let log else { throw BenchmarkError("\(path) is not there") }
    return try OffsetLookups(values: values).run(log, offsets)
  }

  /// Whether it holds what was appended, byte for byte.
  func isRight() throws -> Bool {
    guard let log else { return false }
    return try values.fill(log, count: appended * Self.recordsPerBatch, writers: appended)
  }
}
