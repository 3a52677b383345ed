internal import BenchmarkKit
internal import Strata

/// Single records out of a log in the page cache, at random: by their offset, and by their time.
struct LookupWorkload {
  /// What the log knows of the batches that are looked for.
  enum Warmth: String, CaseIterable {
    /// Nothing: it was opened just now, and every look-up meets a batch that no other one has met.
    case fresh
    /// All of it was read before by this process.
    case checked
    /// A few records are looked up again and again.
    case hot

    var words: String {
      switch self {
      case .fresh: "not checked before"
      case .checked: "checked before"
      case .hot: "hot set of \(Warmth.hotSet)"
      }
    }

    static let hotSet = 64
  }

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
    let bytes = bench.options.bytesPerRun / 2
    return try plan.withClosedLog(bench, bytes: bytes) { path, written in
      let setting = Setting(
        plan: plan, path: path, written: written, configuration: bench.configuration(for: bytes))
      var results: [BenchmarkResult] = []
      for warmth in Warmth.allCases where bench.options.extent != .brief || warmth == .checked {
        results.append(try byOffset(setting, warmth))
      }
      results.append(try byTime(setting))
      return results
    }
  }

  /// A log that was closed, and what is in it.
  private struct Setting {
    let plan: ReadPlan
    let path: String
    let written: ReadPlan.Written
    let configuration: LogConfiguration

    func open() throws -> Log { try Log.open(path, configuration: configuration) }

    /// Opens it, and reads all of it.
    func openAndRead() throws -> Log {
      let log = try open()
      guard try plan.fetch(log, written).verified == true else {
        throw BenchmarkError("\(path) does not hold what was written")
      }
      return log
    }
  }

  private func byOffset(_ setting: Setting, _ warmth: Warmth) throws -> BenchmarkResult {
    let lookups = OffsetLookups(values: setting.plan.values)
    let offsets = offsets(warmth, setting)
    guard warmth == .fresh else {
      let log = try setting.openAndRead()
      return try measure("offset", warmth, setting, offsets.count) { try lookups.run(log, offsets) }
    }
    var result = try measure("offset", warmth, setting, nil) {
      let log = try setting.open()
      // Opens the segment's file and index; its batch is looked for by no other look-up.
      _ = try lookups.run(log, [setting.written.records - 1])
      return try lookups.run(log, offsets)
    }
    result.figures = [
      Figure("lookups", "look-ups a round, each of another batch", Double(offsets.count), .count)
    ]
    return result
  }

  /// The records that are looked up.
  private func offsets(_ warmth: Warmth, _ setting: Setting) -> [Int] {
    var random = SplitMix(state: 7)
    let (count, batch, written) = (bench.options.lookups, setting.plan.recordsPerBatch, setting.written)
    switch warmth {
    case .fresh:
      // A batch apiece, and not the last one.
      let batches = (0..<max(1, written.batches - 1)).shuffled(using: &random).prefix(count)
      return batches.map { $0 * batch + Int.random(in: 0..<batch, using: &random) }
    case .checked: return (0..<count).map { _ in Int.random(in: 0..<written.records, using: &random) }
    case .hot:
      let set = (0..<Warmth.hotSet).map { _ in Int.random(in: 0..<written.records, using: &random) }
      return (0..<count).map { set[$0 % set.count] }
    }
  }

  private func byTime(_ setting: Setting) throws -> BenchmarkResult {
    let log = try setting.openAndRead()
    let offsets = offsets(.checked, setting)
    return try measure("time", .checked, setting, offsets.count) { try byTime(log, offsets, setting.plan) }
  }

  /// `allocations`: over how many look-ups of one run they are told; nil where they are not.
  private func measure(
    _ by: String, _ warmth: Warmth, _ setting: Setting, _ allocations: Int?, _ body: () throws -> Sample
  ) throws -> BenchmarkResult {
    let plan = setting.plan
    var label = "by \(by), \(Units.grouped(plan.values.size)) B × \(Units.grouped(plan.recordsPerBatch))"
    if plan.compression != .none { label += ", \(plan.compression.words)" }
    label += ", \(warmth.words)"
    var random = SplitMix(state: 8)
    let positions = (0..<bench.options.lookups).map { _ in
      Int.random(in: 0..<setting.written.bytes - 128, using: &random)
    }
    let file = try RawFolder.names(setting.path).filter { $0.hasSuffix(".log") }.sorted()[0]
    let limit = {
      try BareLimits.randomReads(setting.path + "/" + file, positions: positions, size: 128, memory)
    }
    let rounds = try bench.rounds(label, limits: [limit], body)
    var result = bench.result(
      .lookup, label,
      plan.parameters + [JSON.Member("by", .string(by)), JSON.Member("batches", .string(warmth.rawValue))])
    rounds.fill(&result)
    rounds.limitByLatency("p50 of pread of 128 random bytes of the same file", &result)
    if let allocations {
      result.allocationsPerRecord = try Allocations.perRecord(allocations) { count in
        try Allocations.count { for _ in 0..<count / allocations { _ = try body() } }
      }
    }
    return result
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
    var sample = Sample(records: offsets.count, nanoseconds: last - start, latencies: latencies)
    sample.verified = wrong == 0
    return sample
  }

  /// The number of the first record of this time: of the first batch whose first record has it.
  private func firstRecord(of time: Timestamp, _ plan: ReadPlan) -> Int {
    let first = Int(time.milliseconds - Values.timestamp(of: 0).milliseconds) * 16
    return (first + plan.recordsPerBatch - 1) / plan.recordsPerBatch * plan.recordsPerBatch
  }
}
