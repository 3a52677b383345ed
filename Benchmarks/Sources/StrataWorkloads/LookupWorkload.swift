internal import BenchmarkKit
internal import Strata

/// Single records out of a log in the page cache, at random: by their offset, and by their time.
struct LookupWorkload {
  let bench: Bench
  private let memory = Memory(count: 4096)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for size in bench.options.values ?? [100] {
      for batch in bench.options.batches ?? [10, 100, 1000] {
        for compression in bench.options.codecs ?? [.none] {
          let plan = ReadPlan(
            values: Values(size: size), recordsPerBatch: batch, compression: compression)
          results += try measure(plan)
        }
      }
    }
    // Offsets first, times behind them.
    return results.filter { $0.label.contains("offset") } + results.filter { !$0.label.contains("offset") }
  }

  private func measure(_ plan: ReadPlan) throws -> [BenchmarkResult] {
    try plan.withFilledLog(bench, bytes: bench.options.bytesPerRun / 2) { log, written in
      var random = SplitMix(state: 7)
      let offsets = (0..<bench.options.lookups).map { _ in Int.random(in: 0..<written.records, using: &random)
      }
      let positions = offsets.map { _ in Int.random(in: 0..<written.bytes - 128, using: &random) }
      let path = log.segments[0].path
      let limit = { try BareLimits.randomReads(path, positions: positions, size: 128, memory) }
      return [
        try measure("offset", plan, limit) { try byOffset(log, offsets, plan) },
        try measure("time", plan, limit) { try byTime(log, offsets, plan) },
      ]
    }
  }

  private func measure(
    _ by: String, _ plan: ReadPlan, _ limit: @escaping () throws -> Sample, _ body: () throws -> Sample
  ) throws -> BenchmarkResult {
    var label = "by \(by), \(Units.grouped(plan.values.size)) B × \(Units.grouped(plan.recordsPerBatch))"
    if plan.compression != .none { label += ", \(plan.compression.words)" }
    let rounds = try bench.rounds(label, limits: [limit], body)
    var result = bench.result(.lookup, label, plan.parameters + [JSON.Member("by", .string(by))])
    rounds.fill(&result)
    rounds.limitByLatency("p50 of pread of 128 random bytes of the same file", &result)
    result.allocationsPerRecord = try Allocations.perRecord(bench.options.lookups) { count in
      try Allocations.count { for _ in 0..<count / bench.options.lookups { _ = try body() } }
    }
    return result
  }

  private func byOffset(_ log: Log, _ offsets: [Int], _ plan: ReadPlan) throws -> Sample {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var wrong = 0
    let start = Clock.now
    var last = start
    for offset in offsets {
      var cursor = log.fetch(from: Offset(Int64(offset)), isolation: .logEnd)
      if let batch = try cursor.next() {
        var records = try batch.records()
        if let record = try records.next(), record.offset.rawValue == Int64(offset), let value = record.value
        {
          if plan.values.number(of: value) != offset % Values.count { wrong += 1 }
        } else {
          wrong += 1
        }
      } else {
        wrong += 1
      }
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    return sample(offsets.count, last - start, latencies, wrong)
  }

  private func byTime(_ log: Log, _ offsets: [Int], _ plan: ReadPlan) throws -> Sample {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var wrong = 0
    let start = Clock.now
    var last = start
    for offset in offsets {
      // The records of a batch have the time of its first one.
      let first = offset / plan.recordsPerBatch * plan.recordsPerBatch
      let time = Values.timestamp(of: first)
      let found = try log.offset(for: time, isolation: .logEnd)
      if found?.rawValue != Int64(firstRecord(of: time, plan)) { wrong += 1 }
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    return sample(offsets.count, last - start, latencies, wrong)
  }

  /// The number of the first record of this time: of the first batch whose first record has it.
  private func firstRecord(of time: Timestamp, _ plan: ReadPlan) -> Int {
    let first = Int(time.milliseconds - Values.timestamp(of: 0).milliseconds) * 16
    return (first + plan.recordsPerBatch - 1) / plan.recordsPerBatch * plan.recordsPerBatch
  }

  private func sample(_ count: Int, _ time: Int64, _ latencies: LatencyHistogram, _ wrong: Int) -> Sample {
    var sample = Sample(records: count, nanoseconds: time, latencies: latencies)
    sample.verified = wrong == 0
    return sample
  }
}
