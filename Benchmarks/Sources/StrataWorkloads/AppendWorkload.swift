internal import BenchmarkKit
internal import Strata

/// Records into the log: by the builder, built before, one by one; buffered and synchronised.
struct AppendWorkload {
  let bench: Bench
  let memory = Memory(count: 2 << 20)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    let options = bench.options
    var results: [BenchmarkResult] = []
    for durability in options.durabilities {
      for state in SegmentState.chosen(options) {
        for size in options.values ?? [100, 1024] {
          let values = Values(size: size)
          for batch in options.batches ?? [1, 1000] {
            for compression in options.codecs ?? [.none] {
              var plan = AppendPlan(
                values: values, recordsPerBatch: batch, compression: compression, durability: durability)
              plan.state = state
              results += try durability == .buffered ? buffered(plan) : synchronized(plan)
            }
          }
          // What a record's size adds to a sync is seen by the batches; the waiting is the same.
          if size == (options.values ?? [100])[0], options.batches?.contains(1) ?? true {
            results += try singles(values, durability, state)
          }
        }
      }
    }
    return results
  }

  // MARK: Buffered

  private func buffered(_ plan: AppendPlan) throws -> [BenchmarkResult] {
    var sources: [AppendPlan.Source] =
      plan.recordsPerBatch == 1 ? [.record, .prebuilt] : [.builder, .prebuilt, .received]
    // How bytes are looked at does not depend on what is below them.
    if plan.state != .standard { sources.removeLast() }
    return try sources.map { try measure(plan.from($0)) }
  }

  private func measure(_ plan: AppendPlan) throws -> BenchmarkResult {
    let threads = plan.source == .record ? 1 : bench.options.threads
    let batchBytes = try plan.batchBytes()
    // Each thread appends as many.
    let perThread =
      plan.recordsPerBatch == 1
      ? bench.options.singleAppends / threads : max(4, bench.options.bytesPerRun / batchBytes / threads)
    let run = AppendRun(bench: bench, plan: plan, threads: threads, batchesPerThread: max(perThread, 1))
    let total = run.batches * batchBytes
    let limits: [() throws -> Sample]
    let name: String
    if plan.recordsPerBatch == 1 {
      name = "pwrite of the same \(Units.grouped(run.batches)) pieces, \(plan.state.limit.words)"
      limits = [{ try bareWrite(total, batchBytes, plan.state) }]
    } else {
      name = "pwrite of the same bytes, \(plan.state.limit.words), in pieces of 64 or 128 KiB, the better"
      limits = [
        { try bareWrite(total, 64 << 10, plan.state) }, { try bareWrite(total, 128 << 10, plan.state) },
      ]
    }
    let label = plan.label(threads: threads)
    let rounds = try bench.rounds(label, limits: limits) { try run.sample() }
    var result = bench.result(.append, label, plan.parameters(threads: threads))
    rounds.fill(&result)
    rounds.limitByThroughput(name, &result)
    result.allocationsPerRecord = try run.allocationsPerRecord()
    return result
  }

  private func bareWrite(_ total: Int, _ piece: Int, _ state: SegmentState) throws -> Sample {
    var sample = try BareLimits.write(
      bench.directory.path("limit"), total: total, piece: piece, state.limit, memory)
    sample.records = total / piece
    return sample
  }

  // MARK: Each batch synchronised

  private func synchronized(_ plan: AppendPlan) throws -> [BenchmarkResult] {
    guard plan.recordsPerBatch > 1 else { return [] }
    let plan = plan.from(.builder)
    let threads = bench.options.threads
    let batchBytes = try plan.batchBytes()
    let count = max(
      4, min(bench.synchronizedOperations, bench.options.bytesPerRun / batchBytes) / threads)
    let run = AppendRun(bench: bench, plan: plan, threads: threads, batchesPerThread: count)
    let label = plan.label(threads: threads)
    let limitMemory = Memory(count: batchBytes)
    let rounds = try bench.rounds(
      label,
      limits: [
        {
          try BareLimits.synchronizedWrites(
            bench.directory.path("limit"), count: run.batches, size: batchBytes, plan.state.limit, limitMemory
          )
        }
      ]
    ) { try run.sample() }
    var result = bench.result(.append, label, plan.parameters(threads: threads))
    rounds.fill(&result)
    rounds.limitByThroughput(
      "pwrite + fdatasync of a batch's bytes, \(plan.state.limit.words), one after another", &result)
    result.allocationsPerRecord = try run.allocationsPerRecord()
    return [result]
  }

  // MARK: One record at a time

  private func singles(
    _ values: Values, _ durability: Durability, _ state: SegmentState
  ) throws -> [BenchmarkResult] {
    var runs: [SingleAppends] = []
    if durability == .synced {
      // How many share a sync depends on what is below the bytes only as far as the sync itself does.
      let isShared = state == .standard || state == .written
      for writers in isShared ? [1, 8, 64] : [1] {
        runs.append(
          SingleAppends(bench: bench, values: values, writers: writers, kind: .threads, state: state))
      }
      if isShared {
        runs.append(
          SingleAppends(bench: bench, values: values, writers: 64, kind: .tasks, state: state))
      }
    }
    if let rate = bench.options.rate {
      runs.append(
        SingleAppends(
          bench: bench, values: values, writers: bench.options.threads, kind: .threads, state: state,
          durability: durability, rate: rate))
    }
    return try runs.map { try single($0) }
  }

  /// The limit is what a disk can do at best: writes over bytes that are there already.
  private func single(_ run: SingleAppends) throws -> BenchmarkResult {
    let size = try AppendPlan(
      values: run.values, recordsPerBatch: 1, compression: .none, durability: .synced
    ).batchBytes()
    let isSynced = run.durability == .synced
    let rounds = try bench.rounds(
      run.label,
      limits: [
        {
          try BareLimits.singleWrites(
            bench.directory.path("limit"), count: bench.synchronizedOperations, size: size, .existing, memory,
            synchronizing: isSynced)
        }
      ]
    ) { try run.sample(each: run.appendsPerWriter) }
    var result = bench.result(.append, run.label, run.parameters)
    rounds.fill(&result)
    let call = "p50 of one pwrite\(isSynced ? " + fdatasync" : "") of \(size) B over existing bytes"
    if run.writers == 1 || run.rate != nil {
      rounds.limitByLatency(call, &result)
    } else {
      rounds.limitByOperations(call + "; × how many times as many a second", &result)
    }
    if let rate = run.rate { result.loop = .open(perSecond: rate) }
    if run.rate == nil { result.allocationsPerRecord = try run.allocationsPerRecord() }
    return result
  }
}

/// What an append is made of.
struct AppendPlan: Sendable {
  enum Source: String {
    /// Values into a builder, the batch into the log: building is part of the time.
    case builder
    /// Batches that were built before.
    case prebuilt
    /// Bytes of batches as they come over a wire: copied, and their checksum compared.
    case received
    /// One owned record, by `Log.append(_: Record)`.
    case record
  }

  let values: Values
  let recordsPerBatch: Int
  let compression: Compression
  let durability: Durability
  var source = Source.builder
  var state = SegmentState.standard

  func from(_ source: Source) -> AppendPlan {
    var plan = self
    plan.source = source
    return plan
  }

  /// A batch that begins with the first value.
  func batch() throws -> RecordBatch {
    var builder = RecordBatchBuilder(compression: compression)
    return try values.build(&builder, count: recordsPerBatch, from: 0)
  }

  /// The bytes of one batch in the log.
  func batchBytes() throws -> Int { try batch().sizeInBytes }

  /// Not synced, and built where it is synced, unless it says otherwise.
  func label(threads: Int) -> String {
    var parts = ["\(Units.size(values.size)) × \(Units.grouped(recordsPerBatch))"]
    if source != .builder || durability != .synced { parts.append(source.rawValue) }
    if compression != .none { parts.append(compression.words) }
    if durability == .synced { parts.append("synced") }
    if state != .standard { parts.append(state.name) }
    if threads > 1 { parts.append("\(threads) threads") }
    return parts.joined(separator: ", ")
  }

  func parameters(threads: Int) -> [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)),
      JSON.Member("recordsPerBatch", .integer(recordsPerBatch)),
      JSON.Member("source", .string(source.rawValue)), JSON.Member("codec", .string(compression.words)),
      JSON.Member("durability", .string(durability == .synced ? "synced" : "buffered")),
      JSON.Member("preparation", .string(state.name)), JSON.Member("threads", .integer(threads)),
    ]
  }
}

extension Compression {
  /// zstd:3
  var words: String { level.map { "\(codec.name):\($0)" } ?? codec.name }
}
