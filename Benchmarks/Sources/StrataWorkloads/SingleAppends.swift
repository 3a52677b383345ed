internal import BenchmarkKit
internal import Dispatch
internal import Strata

/// Many writers, each of which appends one record, waits until it is on the disk, and goes on with the next; or, with a
/// `rate`, begins the next one when its time has come.
struct SingleAppends: Sendable {
  enum Kind: String {
    /// Blocking calls, each writer on a thread of its own.
    case threads
    /// `async` calls, each writer a task.
    case tasks
  }

  let bench: Bench
  let values: Values
  let writers: Int
  let kind: Kind
  var state = SegmentState.standard
  var durability = Durability.synced
  /// Appends a second, of all writers together; nil is as fast as they go.
  var rate: Double?

  /// With many writers there are more appends a second, and fewer are needed of each.
  var appendsPerWriter: Int {
    if let rate { return max(2, Int(rate * bench.options.seconds) / writers) }
    return max(2, bench.synchronizedOperations / (writers == 1 ? 1 : writers == 8 ? 2 : 4))
  }

  var label: String {
    var parts = ["\(Units.size(values.size)) × 1"]
    if durability == .synced { parts.append("synced") }
    if state != .standard { parts.append(state.name) }
    if let rate { parts.append("\(Units.rate(rate)) a second") }
    if kind == .tasks {
      parts.append("\(writers) tasks")
    } else if writers > 1 {
      parts.append("\(writers) writers")
    }
    return parts.joined(separator: ", ")
  }

  var parameters: [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)), JSON.Member("recordsPerBatch", .integer(1)),
      JSON.Member("source", .string("record")), JSON.Member("codec", .string("none")),
      JSON.Member("durability", .string(durability == .synced ? "synced" : "buffered")),
      JSON.Member("preparation", .string(state.name)), JSON.Member("writers", .integer(writers)),
      JSON.Member("writersAre", .string(kind.rawValue)),
    ] + (rate.map { [JSON.Member("rate", .number($0))] } ?? [])
  }

  /// Appends, checks what is there, removes it.
  func sample(each: Int) throws -> Sample {
    let records = values.records
    return try bench.withLog("append", bytes: writers * each * (values.size + 100), state: state) { log in
      let gathered = Gathered()
      let time = try Clock.time { try append(records, to: log, each, gathered) }
      var sample = Sample(
        records: writers * each, bytes: Int(log.statistics.appendedBytes), nanoseconds: time,
        latencies: gathered.latencies)
      sample.syncs = Int(log.statistics.synchronizations)
      sample.verified =
        try (durability == .buffered || log.recoveryPoint == log.logEndOffset)
        && values.fill(log, count: sample.records, writers: writers)
      return sample
    }
  }

  func allocationsPerRecord() throws -> Double {
    let records = values.records
    let count = max(1, appendsPerWriter / 4) * writers
    return try Allocations.perRecord(count) { count in
      try bench.withLog("append", bytes: count * (values.size + 100), state: state) { log in
        let gathered = Gathered()
        return try Allocations.count { try append(records, to: log, count / writers, gathered) }
      }
    }
  }

  private func append(_ records: [Record], to log: Log, _ each: Int, _ gathered: Gathered) throws {
    // A moment for the writers to get to where they begin.
    let pacer = rate.map {
      Pacer(rate: $0 / Double(writers), start: Clock.now + (writers == 1 ? 0 : 5_000_000))
    }
    switch kind {
    case .threads where writers == 1: try appendBlocking(records, to: log, each, pacer, gathered)
    case .threads:
      try Threads.run(writers) { _ in
        do { try appendBlocking(records, to: log, each, pacer, gathered) } catch { gathered.fail(error) }
      }
    case .tasks:
      precondition(rate == nil, "tasks have no pace: waiting for a moment would block their thread")
      let done = DispatchSemaphore(value: 0)
      Task.detached {
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<writers {
            group.addTask {
              do { try await appendWaiting(records, to: log, each, gathered) } catch { gathered.fail(error) }
            }
          }
        }
        done.signal()
      }
      done.wait()
    }
    try gathered.check()
  }

  private func appendBlocking(
    _ records: [Record], to log: Log, _ each: Int, _ pacer: Pacer?, _ gathered: Gathered
  ) throws {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var number = 0
    var last = Clock.now
    for place in 0..<each {
      if let pacer { last = pacer.wait(for: place) }
      try log.append(records[number], durability: durability)
      let now = Clock.now
      latencies.record(now - last)
      last = now
      number = Values.next(number)
    }
    gathered.merge(latencies)
  }

  private func appendWaiting(
    _ records: [Record], to log: Log, _ each: Int, _ gathered: Gathered
  ) async throws {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var number = 0
    var last = Clock.now
    for _ in 0..<each {
      try await log.append(records[number], durability: durability)
      let now = Clock.now
      latencies.record(now - last)
      last = now
      number = Values.next(number)
    }
    gathered.merge(latencies)
  }
}
