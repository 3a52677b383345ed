internal import BenchmarkKit
internal import Strata

/// One thread appends while readers follow the log, each of which reads everything.
///
/// Twice: as fast as it goes, beside the same appends without a reader; and at a pace, where what counts is how long a
/// record takes from the moment at which it was to be appended to a reader.
struct TailWorkload {
  /// Single appends a second, where nothing else was asked for.
  static let standardRate = 5_000.0
  static let readers = 4

  let bench: Bench

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for size in bench.options.values ?? [100] {
      let values = Values(size: size)
      for batch in bench.options.batches ?? [1000] where batch > 1 {
        results.append(try throughput(values, batch))
      }
      results.append(try latency(values))
    }
    return results
  }

  private func throughput(_ values: Values, _ batch: Int) throws -> BenchmarkResult {
    let size = try batchBytes(values, batch)
    let count = max(4, bench.options.bytesPerRun / bench.amounts.part / size)
    let label =
      "\(Units.grouped(values.size)) B × \(Units.grouped(batch)), \(Self.readers) readers follow"
    let alone = TailRun(bench: bench, values: values, recordsPerBatch: batch, batches: count, readers: 0)
    var followed = alone
    followed.readers = Self.readers
    let rounds = try bench.rounds(label, limits: [{ try alone.sample() }]) { try followed.sample() }
    var result = bench.result(.tail, label, followed.parameters)
    rounds.fill(&result)
    rounds.limitByThroughput("the same appends without a reader", &result)
    return result
  }

  private func latency(_ values: Values) throws -> BenchmarkResult {
    let rate = bench.options.rate ?? Self.standardRate
    let count = bench.options.isQuick ? 100 : max(200, Int(rate * min(bench.options.seconds, 1)))
    let label =
      "\(Units.grouped(values.size)) B × 1, \(Units.rate(rate)) a second, to \(Self.readers) readers"
    var run = TailRun(bench: bench, values: values, recordsPerBatch: 1, batches: count, readers: Self.readers)
    run.rate = rate
    let rounds = try bench.rounds(
      label, limits: [{ try Wakeups.sample(readers: Self.readers, count: count, rate: rate) }]
    ) { try run.sample() }
    var result = bench.result(.tail, label, run.parameters)
    rounds.fill(&result)
    rounds.limitByLatency("p50 from one thread to \(Self.readers) that sleep, by futex", &result)
    result.loop = .open(perSecond: rate)
    return result
  }

  private func batchBytes(_ values: Values, _ count: Int) throws -> Int {
    var builder = RecordBatchBuilder()
    return try values.build(&builder, count: count, from: 0).sizeInBytes
  }
}
