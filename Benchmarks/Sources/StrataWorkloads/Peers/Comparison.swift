internal import BenchmarkKit
internal import Strata

/// Strata and its peers on the same values, by turns, in one run: appending, scanning, looking up, opening
/// again.
///
/// Bytes are those of the values, for all of them, and so are the limit's. All that was appended is read back
/// and compared in each round.
struct Comparison {
  let bench: Bench
  let contestants: [Contestant]
  private let memory = Memory(count: 2 << 20)

  init(bench: Bench) {
    self.bench = bench
    contestants = [.strata] + bench.options.peers.map { .peer($0) }
  }

  /// The results of what this workload has in common with the peers; none where that is nothing.
  func run(_ workload: Workload) throws -> [BenchmarkResult] {
    switch workload {
    case .append: try appends()
    case .scan: try scans()
    case .lookup: try lookups()
    default: []
    }
  }

  /// The lines that stand below the table of a workload: comparing is fair only to those who know them.
  func notes(_ workload: Workload) -> [String] {
    guard workload == .append else {
      return contestants.map { "  \($0.title), reading, checks \($0.checks(workload))" }
    }
    return [
      "  a batch is one transaction; what is buffered survives the end of the process, not the loss of power",
      "  many writers share commits: Strata and RocksDB by themselves, SQLite and LMDB by a queue before them",
    ]
  }

  // MARK: Appending

  private func appends() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    let sizes = bench.options.values ?? [100, 1024]
    let batches = bench.options.batches ?? [1, 1000]
    for durability in bench.options.durabilities {
      for size in sizes {
        for batch in batches where batch > 1 {
          results += try append(
            PeerAppends(values: Values(size: size), recordsPerBatch: batch, durability: durability))
        }
      }
      guard batches.contains(1) else { continue }
      for writers in durability == .synced ? [1, 8, 64] : [1] {
        results += try append(
          PeerAppends(
            values: Values(size: sizes[0]), recordsPerBatch: 1, durability: durability, writers: writers))
      }
    }
    return results
  }

  private func append(_ plan: PeerAppends) throws -> [BenchmarkResult] {
    let count = plan.count(bench)
    let bytes = count * plan.recordsPerBatch * plan.values.size
    let batchBytes = plan.recordsPerBatch * plan.values.size
    let path = bench.directory.path("limit")
    var limits: [() throws -> Sample] = []
    let name: String
    if plan.durability == .synced {
      let memory = batchBytes > memory.count ? Memory(count: batchBytes) : memory
      let calls = min(count, 2 * bench.synchronizedOperations)
      limits = [
        { try BareLimits.synchronizedWrites(path, count: calls, size: batchBytes, .allocated, memory) }
      ]
      name = "pwrite + fdatasync of a batch's values, allocated, one after another"
    } else {
      let pieces = plan.recordsPerBatch == 1 ? [batchBytes] : [64 << 10, 128 << 10]
      limits = pieces.map { piece in
        { try BareLimits.write(path, total: bytes, piece: piece, .allocated, memory) }
      }
      name =
        plan.recordsPerBatch == 1
        ? "pwrite of each value, allocated" : "pwrite of the values, allocated, in pieces of 64 or 128 KiB"
    }
    // What is small and needs no sync is stored through a mapping, where that is asked for: as LMDB does.
    let isStored = plan.durability == .buffered && plan.recordsPerBatch == 1
    let writers = isStored ? [.strata, .strataInPlace] + contestants.dropFirst() : contestants
    let contest = try Contest.run(
      bench.options.rounds, progress: bench.progress, "\(plan.label), peers", limits: limits,
      engines: writers.map { contestant in
        { try withEngine(contestant, bytes, plan.durability) { try plan.sample($0, count) } }
      })
    return results(.append, plan.label, plan.parameters, writers, contest) { rounds, result in
      rounds.limitByThroughput(name, &result)
    }
  }

  // MARK: Reading

  private func scans() throws -> [BenchmarkResult] {
    try (bench.options.values ?? [100, 1024]).flatMap { size in
      let readers = [Contestant.strata, .strataInPlace] + contestants.dropFirst()
      let values = Values(size: size)
      return try withFilledEngines(readers, values, bytes: bench.options.bytesPerRun) { engines, count in
        let expected = values.expectedSum(count)
        let contest = try contest(
          "scan \(size) B", count * size,
          engines.map { engine in
            {
              var found = (count: 0, sum: UInt64(0))
              let time = try Clock.time { found = try engine.scan() }
              var sample = Sample(records: count, bytes: count * size, nanoseconds: time)
              sample.verified = found.count == count && found.sum == expected
              return sample
            }
          })
        let label = "\(Units.grouped(size)) B, every value touched"
        let parameters = [
          JSON.Member("valueBytes", .integer(size)), JSON.Member("recordsPerBatch", .integer(1000)),
        ]
        return results(.scan, label, parameters, readers, contest) { rounds, result in
          rounds.limitByThroughput("pread of the values by 256 KiB, and one byte of each 64 touched", &result)
        }
      }
    }
  }

  /// Scans beside a bare read of as many bytes.
  private func contest(_ label: String, _ bytes: Int, _ engines: [() throws -> Sample]) throws -> Contest {
    let path = bench.directory.path("limit")
    try BareLimits.makeFile(path, total: bytes, memory)
    defer { RawFile.remove(path) }
    let limit: () throws -> Sample = {
      var touched: UInt64 = 0
      let sample = try BareLimits.read([path], piece: 256 << 10, memory) { touched &+= touch($0) }
      keep(touched)
      return sample
    }
    return try Contest.run(
      bench.options.rounds, progress: bench.progress, "\(label), peers", limits: [limit], engines: engines)
  }

  private func lookups() throws -> [BenchmarkResult] {
    let size = (bench.options.values ?? [100])[0]
    let values = Values(size: size)
    let batch = bench.options.batches?.first { $0 > 1 } ?? 100
    return try withFilledEngines(
      contestants, values, bytes: bench.options.bytesPerRun / 2, batch: batch
    ) { engines, count in
      var random = SplitMix(state: 7)
      let numbers = (0..<bench.options.lookups).map { _ in Int.random(in: 0..<count, using: &random) }
      let path = bench.directory.path("limit")
      try BareLimits.makeFile(path, total: count * size, memory)
      defer { RawFile.remove(path) }
      let positions = numbers.map { $0 * size }
      let contest = try Contest.run(
        bench.options.rounds, progress: bench.progress, "look-ups, peers",
        limits: [{ try BareLimits.randomReads(path, positions: positions, size: size, memory) }],
        engines: engines.map { engine in { try lookUp(numbers, in: engine, values) } })
      let label = "by number, \(Units.grouped(size)) B × \(Units.grouped(batch))"
      let parameters = [
        JSON.Member("valueBytes", .integer(size)), JSON.Member("recordsPerBatch", .integer(batch)),
      ]
      return results(.lookup, label, parameters, contestants, contest) { rounds, result in
        rounds.limitByLatency("p50 of pread of a value at random", &result)
      }
    }
  }

  private func lookUp(_ numbers: [Int], in engine: any LogEngine, _ values: Values) throws -> Sample {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var wrong = 0
    let start = Clock.now
    var last = start
    for number in numbers {
      var isRight = false
      _ = try engine.read(number) { isRight = values.number(of: $0) == number % Values.count }
      if !isRight { wrong += 1 }
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    var sample = Sample(records: numbers.count, nanoseconds: last - start, latencies: latencies)
    sample.verified = wrong == 0
    return sample
  }

  // MARK: Engines

  /// Opens an engine in a folder of its own, hands it over, and removes what it made.
  private func withEngine<R>(
    _ contestant: Contestant, _ bytes: Int, _ durability: Durability, _ body: (any LogEngine) throws -> R
  ) throws -> R {
    let folder = try WorkDirectory(below: bench.directory.path(contestant.engine))
    defer { folder.remove() }
    let setting = EngineSetting(isSynced: durability == .synced, bytes: bytes)
    return try body(contestant.open(folder.path, setting))
  }

  /// Opens and fills an engine for each, all with the same values, and hands them over with how many that
  /// are.
  private func withFilledEngines<R>(
    _ contestants: [Contestant], _ values: Values, bytes: Int, batch: Int = 1000,
    _ body: ([any LogEngine], Int) throws -> R
  ) throws -> R {
    let folders = try contestants.map { _ in try WorkDirectory(below: bench.directory.path("peers")) }
    defer { for folder in folders { folder.remove() } }
    let batches = max(2, bytes / (batch * values.size))
    var setting = EngineSetting(isSynced: false, bytes: batches * batch * values.size)
    setting.isForReading = true
    var engines: [any LogEngine] = []
    for (contestant, folder) in zip(contestants, folders) {
      bench.progress.show("filling \(contestant.title)")
      let engine = try contestant.open(folder.path, setting)
      for _ in 0..<batches { try engine.append(values, count: batch) }
      try engine.settle()
      guard try engine.holds(values, count: batches * batch, writers: 1) else {
        throw BenchmarkError("\(contestant.title) does not hold what was written to be read")
      }
      engines.append(engine)
    }
    return try body(engines, batches * batch)
  }

  // MARK: Results

  private func results(
    _ workload: Workload, _ label: String, _ parameters: [JSON.Member], _ contestants: [Contestant],
    _ contest: Contest, limit: (Rounds, inout BenchmarkResult) -> Void
  ) -> [BenchmarkResult] {
    zip(contestants, contest.rounds).map { contestant, rounds in
      var parameters = parameters + [JSON.Member("comparison", .string("peers"))]
      if contestant == .strataInPlace {
        parameters.append(JSON.Member(workload == .append ? "writing" : "reading", .string("mapped")))
      }
      var result = BenchmarkResult(
        workload: workload.rawValue, engine: contestant.engine, label: label, parameters: parameters)
      rounds.fill(&result)
      limit(rounds, &result)
      return result
    }
  }
}
