internal import BenchmarkKit
internal import Strata
internal import Synchronization

/// One run of appending batches to a log of its own.
struct AppendRun: Sendable {
  let bench: Bench
  let plan: AppendPlan
  let threads: Int
  let batchesPerThread: Int

  var batches: Int { threads * batchesPerThread }

  /// Appends, checks what is there, removes it.
  func sample() throws -> Sample {
    let bytes = try plan.batchBytes() * batches
    return try bench.withLog("append", bytes: bytes, state: plan.state) { log in
      let gathered = Gathered()
      let time = try Clock.time { try append(to: log, batchesPerThread, gathered) }
      let statistics = log.statistics
      var sample = Sample(
        records: batches * plan.recordsPerBatch, bytes: Int(statistics.appendedBytes), nanoseconds: time,
        latencies: gathered.latencies)
      sample.syncs = Int(statistics.synchronizations)
      sample.verified =
        try statistics.appendedRecords == UInt64(sample.records)
        && plan.values.fill(log, count: sample.records, writers: writers)
      // Looking at the clock takes as long as part of such an append: it has a turn of its own.
      if plan.source == .record, threads == 1 { sample.latencies = try latencies(of: log) }
      return sample
    }
  }

  /// The latencies of a quarter as many single appends.
  private func latencies(of log: Log) throws -> LatencyHistogram {
    let records = plan.values.records
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var last = Clock.now
    for place in 0..<max(1, batchesPerThread / 4) {
      try log.append(records[place % Values.count], durability: plan.durability)
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    return latencies
  }

  /// How many times the numbering of the records begins: with each batch where the same one is appended
  /// again and again, with each thread where they are numbered on.
  private var writers: Int {
    switch plan.source {
    case .builder, .record: threads
    case .prebuilt, .received: batches
    }
  }

  func allocationsPerRecord() throws -> Double {
    let count = max(1, min(batchesPerThread / 4, 100_000 / plan.recordsPerBatch))
    return try Allocations.perRecord(count * threads * plan.recordsPerBatch) { records in
      let batches = records / plan.recordsPerBatch
      return try bench.withLog("append", bytes: plan.batchBytes() * batches, state: plan.state) { log in
        let gathered = Gathered()
        return try Allocations.count { try append(to: log, batches / threads, gathered) }
      }
    }
  }

  private func append(to log: Log, _ count: Int, _ gathered: Gathered) throws {
    if threads == 1 {
      try appendOnOne(to: log, count, gathered)
    } else {
      try Threads.run(threads) { _ in
        do { try appendOnOne(to: log, count, gathered) } catch { gathered.fail(error) }
      }
      try gathered.check()
    }
  }

  private func appendOnOne(to log: Log, _ count: Int, _ gathered: Gathered) throws {
    switch plan.source {
    case .builder: try build(into: log, count, gathered)
    case .prebuilt:
      let batch = try plan.batch()
      for _ in 0..<count { try log.append(batch, durability: plan.durability) }
    case .received:
      let batch = try plan.batch()
      for _ in 0..<count {
        try log.append(RecordBatch(copying: batch.bytes), durability: plan.durability)
      }
    case .record:
      let records = plan.values.records
      var number = 0
      for _ in 0..<count {
        try log.append(records[number], durability: plan.durability)
        number = Values.next(number)
      }
    }
  }

  private func build(into log: Log, _ count: Int, _ gathered: Gathered) throws {
    var builder = RecordBatchBuilder(compression: plan.compression)
    guard plan.durability == .synced else {
      for place in 0..<count {
        let batch = try plan.values.build(
          &builder, count: plan.recordsPerBatch, from: place * plan.recordsPerBatch)
        try log.append(batch, durability: .buffered)
      }
      return
    }
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var last = Clock.now
    for place in 0..<count {
      let batch = try plan.values.build(
        &builder, count: plan.recordsPerBatch, from: place * plan.recordsPerBatch)
      try log.append(batch, durability: .synced)
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    gathered.merge(latencies)
  }
}

/// What several threads bring together.
final class Gathered: Sendable {
  private struct State {
    var latencies: LatencyHistogram?
    var failure: (any Error)?
  }

  private let state = Mutex(State())

  var latencies: LatencyHistogram? { state.withLock { $0.latencies } }

  func merge(_ latencies: LatencyHistogram) {
    state.withLock { state in
      if state.latencies == nil { state.latencies = latencies } else { state.latencies!.merge(latencies) }
    }
  }

  func fail(_ error: any Error) {
    state.withLock { $0.failure = $0.failure ?? error }
  }

  /// Throws what one of the threads has met.
  func check() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}
