internal import BenchmarkKit
internal import Strata

/// Records into the log: by the builder, built before, one by one; buffered and synchronised.
struct AppendWorkload {
  let bench: Bench
  let memory = Memory(count: 2 << 20)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    let options = bench.options
    for durability in options.durabilities {
      for size in options.values ?? [100, 1024] {
        let values = Values(size: size)
        for batch in options.batches ?? [1, 1000] {
          for compression in options.codecs ?? [.none] {
            let plan = AppendPlan(
              values: values, recordsPerBatch: batch, compression: compression, durability: durability)
            results += try durability == .buffered ? buffered(plan) : synchronized(plan)
          }
        }
        // What a record's size adds to a sync is seen by the batches; the waiting is the same.
        if durability == .synced, size == (options.values ?? [100])[0], options.batches?.contains(1) ?? true {
          results += try singles(values)
        }
      }
    }
    return results
  }

  // MARK: Buffered

  private func buffered(_ plan: AppendPlan) throws -> [BenchmarkResult] {
    if plan.recordsPerBatch == 1 {
      return try [AppendPlan.Source.record, .prebuilt].map { try measure(plan.from($0)) }
    }
    return try [AppendPlan.Source.builder, .prebuilt, .received].map { try measure(plan.from($0)) }
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
      name = "pwrite of the same \(Units.grouped(run.batches)) pieces, allocated"
      limits = [{ try bareWrite(total, batchBytes) }]
    } else {
      name = "pwrite of the same bytes, allocated, in pieces of 64 or 128 KiB, the better"
      limits = [{ try bareWrite(total, 64 << 10) }, { try bareWrite(total, 128 << 10) }]
    }
    let label = plan.label(threads: threads)
    let rounds = try bench.rounds(label, limits: limits) { try run.sample() }
    var result = bench.result(.append, label, plan.parameters(threads: threads))
    rounds.fill(&result)
    rounds.limitByThroughput(name, &result)
    result.allocationsPerRecord = try run.allocationsPerRecord()
    return result
  }

  private func bareWrite(_ total: Int, _ piece: Int) throws -> Sample {
    var sample = try BareLimits.write(
      bench.directory.path("limit"), total: total, piece: piece, .allocated, memory)
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
            bench.directory.path("limit"), count: run.batches, size: batchBytes, .allocated, limitMemory)
        }
      ]
    ) { try run.sample() }
    var result = bench.result(.append, label, plan.parameters(threads: threads))
    rounds.fill(&result)
    rounds.limitByThroughput("pwrite + fdatasync of a batch's bytes, allocated, one after another", &result)
    result.allocationsPerRecord = try run.allocationsPerRecord()
    return [result]
  }

  // MARK: One record synchronised

  private func singles(_ values: Values) throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for writers in [1, 8, 64] {
      results.append(
        try single(SingleAppends(bench: bench, values: values, writers: writers, kind: .threads)))
    }
    results.append(try single(SingleAppends(bench: bench, values: values, writers: 64, kind: .tasks)))
    return results
  }

  private func single(_ run: SingleAppends) throws -> BenchmarkResult {
    let size = try AppendPlan(
      values: run.values, recordsPerBatch: 1, compression: .none, durability: .synced
    ).batchBytes()
    let rounds = try bench.rounds(
      run.label,
      limits: [
        {
          try BareLimits.synchronizedWrites(
            bench.directory.path("limit"), count: bench.synchronizedOperations, size: size,
            .allocated, memory)
        }
      ]
    ) { try run.sample(each: run.appendsPerWriter) }
    var result = bench.result(.append, run.label, run.parameters)
    rounds.fill(&result)
    if run.writers == 1 {
      rounds.limitByLatency("p50 of one pwrite + fdatasync of \(size) B, allocated", &result)
    } else {
      rounds.limitByOperations(
        "p50 of one pwrite + fdatasync of \(size) B, allocated; × how many times as many a second", &result)
    }
    result.allocationsPerRecord = try run.allocationsPerRecord()
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

  func label(threads: Int) -> String {
    var text = "\(Units.grouped(values.size)) B × \(Units.grouped(recordsPerBatch)), \(source.rawValue)"
    if compression != .none { text += ", \(compression.words)" }
    text += durability == .synced ? ", synced" : ", buffered"
    return threads == 1 ? text : text + ", \(threads) threads"
  }

  func parameters(threads: Int) -> [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)),
      JSON.Member("recordsPerBatch", .integer(recordsPerBatch)),
      JSON.Member("source", .string(source.rawValue)), JSON.Member("codec", .string(compression.words)),
      JSON.Member("durability", .string(durability == .synced ? "synced" : "buffered")),
      JSON.Member("preparation", .string("allocated")), JSON.Member("threads", .integer(threads)),
    ]
  }
}

extension Compression {
  /// zstd:3
  var words: String { level.map { "\(codec.name):\($0)" } ?? codec.name }
}
