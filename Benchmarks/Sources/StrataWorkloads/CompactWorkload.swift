internal import BenchmarkKit
internal import Strata

/// Compacting a log in which every key was written ten times, in another order each time.
///
/// The log is made once. Each round compacts a snapshot of it, whose segments are links: compaction never changes a
/// file, it replaces it.
struct CompactWorkload {
  let bench: Bench
  private static let pieceBytes = 256 << 10
  private let memory = Memory(count: CompactWorkload.pieceBytes)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for size in bench.options.values ?? [100] {
      results.append(
        try measure(KeyedLog(bench: bench, values: Values(size: size), keys: bench.amounts.keys)))
    }
    return results
  }

  private func measure(_ plan: KeyedLog) throws -> BenchmarkResult {
    defer { WorkDirectory.removeTree(plan.path) }
    bench.progress.show("writing \(Units.grouped(plan.records)) records")
    let source = try plan.make()
    let bytes = source.segments.reduce(0) { $0 + Int($1.bytes) }
    let label =
      "\(Units.grouped(plan.keys)) keys × \(Amounts.timesWritten), \(Units.grouped(plan.values.size)) B"
    let rounds = try bench.rounds(
      label, limits: [{ try bare(source, records: plan.records, staying: bytes / Amounts.timesWritten) }]
    ) {
      var sample = try plan.compact(source)
      sample.bytes = bytes
      return sample
    }
    var result = bench.result(
      .compact, label,
      [
        JSON.Member("keys", .integer(plan.keys)),
        JSON.Member("timesWritten", .integer(Amounts.timesWritten)),
        JSON.Member("valueBytes", .integer(plan.values.size)),
        JSON.Member("recordsPerBatch", .integer(KeyedLog.recordsPerBatch)),
        JSON.Member("codec", .string("none")), JSON.Member("threads", .integer(1)),
      ])
    rounds.fill(&result)
    rounds.limitByThroughput(
      "pread and CRC32C of the log, pwrite + fdatasync of a tenth as many bytes", &result)
    return result
  }

  /// What has to be done at least: everything is read once, and what stays is written and synchronised.
  private func bare(_ log: Log, records: Int, staying: Int) throws -> Sample {
    let path = bench.directory.path("limit")
    defer { RawFile.remove(path) }
    var sum: UInt32 = 0
    var sample = try BareLimits.read(log.segments.map(\.path), piece: Self.pieceBytes, memory) { bytes in
      sum = CRC32C.update(sum, bytes)
    }
    keep(UInt64(sum))
    let file = try RawFile(creating: path)
    let time = try Clock.time { () throws(BenchmarkError) in
      var position = 0
      while position < staying {
        let count = min(128 << 10, staying - position)
        try file.write(memory, count, at: position)
        position += count
      }
      try file.synchronize()
    }
    sample.nanoseconds += time
    sample.records = records
    return sample
  }
}

/// A log of so many keys, each written `Amounts.timesWritten` times.
private struct KeyedLog {
  static let recordsPerBatch = 1000
  private static let keyBytes = 8

  let bench: Bench
  let values: Values
  let keys: Int
  private let steps: [Int]

  init(bench: Bench, values: Values, keys: Int) {
    self.bench = bench
    self.values = values
    self.keys = keys
    steps = KeyedLog.steps(keys)
  }

  var path: String { bench.directory.path("keyed") }
  private var compactedPath: String { bench.directory.path("compacted") }
  var records: Int { keys * Amounts.timesWritten }

  private var configuration: LogConfiguration {
    var configuration = bench.configuration(for: 0)
    configuration.cleanupPolicy = .compact
    configuration.segmentBytes = bench.options.isQuick ? 64 << 10 : 256 << 20
    return configuration
  }

  /// The key of record `number`: those of each pass over the keys are all keys once, in an order of its own.
  private func key(of number: Int) -> UInt64 {
    let (pass, place) = number.quotientAndRemainder(dividingBy: keys)
    return UInt64(place * steps[pass] % keys)
  }

  /// For each pass a number that has no factor in common with that of the keys.
  private static func steps(_ keys: Int) -> [Int] {
    func hasNoCommonFactor(_ left: Int, _ right: Int) -> Bool {
      var (left, right) = (left, right)
      while right != 0 { (left, right) = (right, left % right) }
      return left == 1
    }
    return (1...Amounts.timesWritten).map { pass in
      var step = keys / 3 + 7919 * pass
      while !hasNoCommonFactor(step, keys) { step += 1 }
      return step
    }
  }

  /// The number of the last record with each key.
  private func newest() -> [Int] {
    var newest = [Int](repeating: 0, count: keys)
    for number in records - keys..<records { newest[Int(key(of: number))] = number }
    return newest
  }

  func make() throws -> Log {
    let log = try Log.open(path, configuration: configuration)
    var builder = RecordBatchBuilder()
    var key = [UInt8](repeating: 0, count: Self.keyBytes)
    var number = 0
    while number < records {
      for _ in 0..<min(Self.recordsPerBatch, records - number) {
        let text = self.key(of: number)
        for place in 0..<Self.keyBytes {
          key[place] = UInt8(truncatingIfNeeded: text >> (56 - 8 * UInt64(place)))
        }
        try builder.append(
          key: key.span, value: values.value(number % Values.count), timestamp: Values.timestamp(of: number))
        number += 1
      }
      try log.append(builder.finish(), durability: .buffered)
    }
    try log.flush()
    return log
  }

  /// Compacts a copy, and reads what is left. The time is that of compacting alone.
  func compact(_ source: Log) throws -> Sample {
    try source.snapshot(to: compactedPath)
    defer { WorkDirectory.removeTree(compactedPath) }
    let log = try Log.open(compactedPath, configuration: configuration)
    var options = CompactionOptions()
    options.endsActiveSegment = true
    var report: CompactionReport?
    let time = try Clock.time { report = try log.compact(options) }
    var sample = Sample(records: records, nanoseconds: time)
    guard let report else { return sample }
    sample.verified =
      try report.isComplete && report.removedRecords == Int64(records - keys) && hasNewestOnly(log)
    sample.figures = [
      Figure("removedBytes", "bytes that went", Double(report.replacedBytes - report.writtenBytes), .bytes),
      Figure("compactNanoseconds", "which took", Double(time), .nanoseconds),
    ]
    return sample
  }

  /// Whether each key has one record, its newest, with the offset and the value that it was written with.
  private func hasNewestOnly(_ log: Log) throws -> Bool {
    let newest = newest()
    var seen = 0
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        guard let key = record.key, key.count == Self.keyBytes, let value = record.value else { return false }
        var number: UInt64 = 0
        for place in key.indices { number = number << 8 | UInt64(key[place]) }
        let offset = Int(record.offset.rawValue)
        guard number < UInt64(keys), newest[Int(number)] == offset,
          values.number(of: value) == offset % Values.count
        else { return false }
        seen += 1
      }
    }
    return seen == keys
  }
}
