internal import BenchmarkKit
internal import Dispatch
internal import Strata

/// One run of appending to a log of its own that others follow.
struct TailRun: Sendable {
  let bench: Bench
  let values: Values
  let recordsPerBatch: Int
  let batches: Int
  var readers: Int
  /// Batches a second; nil is as fast as it goes.
  var rate: Double?

  var records: Int { batches * recordsPerBatch }

  var parameters: [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)),
      JSON.Member("recordsPerBatch", .integer(recordsPerBatch)),
      JSON.Member("source", .string(recordsPerBatch == 1 ? "record" : "builder")),
      JSON.Member("codec", .string("none")), JSON.Member("durability", .string("buffered")),
      JSON.Member("isolation", .string("logEnd")), JSON.Member("readers", .integer(readers)),
      JSON.Member("loop", .string(rate == nil ? "closed" : "open")),
    ]
  }

  /// Appends, and waits until each reader has read everything. The time is the writer's.
  func sample() throws -> Sample {
    try bench.withLog("tail", bytes: records * (values.size + 80)) { log in
      let gathered = Gathered()
      // A moment for the readers to get to where they wait.
      let pacer = rate.map { Pacer(rate: $0, start: Clock.now + 20_000_000) }
      let done = DispatchSemaphore(value: 0)
      let following = Task.detached { [self] in
        await follow(log, pacer, gathered)
        done.signal()
      }
      let began = pacer?.start ?? Clock.now
      do { try append(to: log, pacer) } catch {
        following.cancel()
        done.wait()
        throw error
      }
      let ended = Clock.now
      done.wait()
      try gathered.check()
      var sample = Sample(
        records: records, bytes: Int(log.statistics.appendedBytes), nanoseconds: ended - began,
        latencies: gathered.latencies)
      sample.verified = try values.fill(log, count: records)
      if readers > 0, rate == nil {
        sample.figures = [
          Figure(
            "readBehindNanoseconds", "the last reader ended behind the writer", Double(Clock.now - ended),
            .nanoseconds)
        ]
      }
      return sample
    }
  }

  private func append(to log: Log, _ pacer: Pacer?) throws {
    guard recordsPerBatch > 1 else {
      let records = values.records
      for number in 0..<batches {
        _ = pacer?.wait(for: number)
        try log.append(records[number % Values.count], durability: .buffered)
      }
      return
    }
    var builder = RecordBatchBuilder()
    for number in 0..<batches {
      let batch = try values.build(&builder, count: recordsPerBatch, from: number * recordsPerBatch)
      _ = pacer?.wait(for: number)
      try log.append(batch, durability: .buffered)
    }
  }

  /// Runs the readers to their end.
  private func follow(_ log: Log, _ pacer: Pacer?, _ gathered: Gathered) async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<readers {
        group.addTask { [self] in
          do { try await read(log, pacer, gathered) } catch { gathered.fail(error) }
        }
      }
    }
  }

  /// Reads all records, and compares each with what it has to be.
  private func read(_ log: Log, _ pacer: Pacer?, _ gathered: Gathered) async throws {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var next = 0
    for try await batch in log.tail(from: .earliest, isolation: .logEnd) {
      if let pacer { latencies.record(Clock.now - pacer.moment(of: next / recordsPerBatch)) }
      var records = try batch.records()
      while let record = try records.next() {
        guard record.offset.rawValue == Int64(next), let value = record.value,
          values.begins(value, with: next % Values.count)
        else { throw BenchmarkError("a reader got something else than record \(next)") }
        next += 1
      }
      if next == self.records { break }
    }
    guard next == records else { throw BenchmarkError("a reader ended at record \(next) of \(records)") }
    if pacer != nil { gathered.merge(latencies) }
  }
}
