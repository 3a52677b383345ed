internal import BenchmarkKit
internal import Strata

/// Appending, as every engine can: batches by one thread, or single values by several.
struct PeerAppends: Sendable {
  let values: Values
  let recordsPerBatch: Int
  let durability: Durability
  var writers = 1

  var label: String {
    let what = "\(Units.grouped(values.size)) B × \(Units.grouped(recordsPerBatch))"
    guard durability == .synced else { return "\(what), buffered" }
    guard recordsPerBatch == 1 else { return "\(what), synced" }
    return "\(what), synced, \(writers) \(writers == 1 ? "writer" : "writers")"
  }

  var parameters: [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)),
      JSON.Member("recordsPerBatch", .integer(recordsPerBatch)),
      JSON.Member("durability", .string(durability == .synced ? "synced" : "buffered")),
      JSON.Member("writers", .integer(writers)),
    ]
  }

  /// The batches of one run, or the single values of all writers.
  func count(_ bench: Bench) -> Int {
    let options = bench.options
    if recordsPerBatch > 1 {
      // Half of what Strata alone gets: the slowest engine takes ten times as long.
      let count = max(2, options.bytesPerRun / 2 / (recordsPerBatch * values.size))
      return durability == .synced ? min(count, bench.synchronizedOperations) : count
    }
    guard durability == .synced else { return options.singleAppends / 2 }
    return writers * max(2, bench.synchronizedOperations / (writers == 1 ? 1 : writers == 8 ? 2 : 4))
  }

  /// Appends `count` batches or single values, and reads them back.
  func sample(_ engine: any LogEngine, _ count: Int) throws -> Sample {
    let gathered = Gathered()
    if recordsPerBatch == 1 { engine.prepare(values) }
    let time = try Clock.time {
      if recordsPerBatch > 1 {
        try timed(count, gathered) { _ in try engine.append(values, count: recordsPerBatch) }
      } else if writers == 1 {
        try timed(count, gathered) { try engine.append(one: $0 % Values.count, of: values) }
      } else {
        let each = count / writers
        try Threads.run(writers) { _ in
          do {
            try timed(each, gathered) { try engine.append(one: $0 % Values.count, of: values) }
          } catch { gathered.fail(error) }
        }
        try gathered.check()
      }
    }
    let records = count * recordsPerBatch
    var sample = Sample(
      records: records, bytes: records * values.size, nanoseconds: time, latencies: gathered.latencies)
    sample.verified = try engine.holds(values, count: records, writers: writers)
    return sample
  }

  /// Runs `body` so often, with the time of each where an append waits for the disk.
  private func timed(_ count: Int, _ gathered: Gathered, _ body: (Int) throws -> Void) throws {
    guard durability == .synced else {
      for number in 0..<count { try body(number) }
      return
    }
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var last = Clock.now
    for number in 0..<count {
      try body(number)
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    gathered.merge(latencies)
  }
}
