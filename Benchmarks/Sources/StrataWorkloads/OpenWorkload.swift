internal import BenchmarkKit
internal import Strata

/// Opening what was closed well: a directory of many logs, and one log.
struct OpenWorkload {
  let bench: Bench
  private let memory = Memory(count: 4096)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] { [try directory(), try single()] }

  // MARK: Many

  private func directory() throws -> BenchmarkResult {
    let logs = ManyLogs(bench: bench, count: bench.amounts.logs)
    try logs.make()
    defer { WorkDirectory.removeTree(logs.path) }
    let label = "\(Units.grouped(logs.count)) logs, closed well"
    let rounds = try bench.rounds(
      label,
      limits: [
        {
          var found = 0
          let time = try Clock.time { () throws(BenchmarkError) in
            found = try RawFolder.countFolders(in: logs.path)
          }
          guard found == logs.count else { throw BenchmarkError("\(logs.path) has \(found) folders") }
          return sample(logs: logs.count, time)
        }
      ]
    ) { try logs.open() }
    var result = bench.result(.open, label, [JSON.Member("logs", .integer(logs.count))])
    rounds.fill(&result)
    result.recordsPerSecond = nil
    rounds.limitByLatency("readdir, and stat of each folder", &result)
    return result
  }

  // MARK: One

  private func single() throws -> BenchmarkResult {
    let path = bench.directory.path("single")
    defer { WorkDirectory.removeTree(path) }
    let values = Values(size: 100)
    var count = 0
    do {
      let log = try Log.open(path, configuration: bench.configuration(for: 64 << 20))
      var builder = RecordBatchBuilder()
      while count < 100_000 {
        try log.append(values.build(&builder, count: 1000, from: count), durability: .buffered)
        count += 1000
      }
      try log.close()
    }
    let times = bench.options.isQuick ? 2 : 20
    let rounds = try bench.rounds(
      "one log",
      limits: [
        {
          try repeated(times) { () throws(BenchmarkError) in try RawFolder.touchFiles(in: path, memory) }
        }
      ]
    ) {
      var latencies = LatencyHistogram(cellsPerOctave: 128)
      var total: Int64 = 0
      var isRight = true
      for _ in 0..<times {
        let began = Clock.now
        let log = try Log.open(path, configuration: bench.configuration(for: 64 << 20))
        let time = Clock.now - began
        latencies.record(time)
        total += time
        isRight = isRight && log.recoveryReport.wasClean && log.logEndOffset.rawValue == Int64(count)
        try log.close()
      }
      var sample = Sample(records: times, nanoseconds: total, latencies: latencies)
      let log = try Log.open(path, configuration: bench.configuration(for: 64 << 20))
      sample.verified = try isRight && values.fill(log, count: count)
      try log.close()
      return sample
    }
    let label = "one log of \(Units.grouped(count)) records, closed well"
    var result = bench.result(.open, label, [JSON.Member("logs", .integer(1))])
    rounds.fill(&result)
    result.recordsPerSecond = nil
    rounds.limitByLatency("p50 of open, fstat and pread of 4 KiB of each of its files", &result)
    return result
  }

  private func repeated<E: Error>(_ times: Int, _ body: () throws(E) -> Void) throws(E) -> Sample {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var total: Int64 = 0
    for _ in 0..<times {
      let time = try Clock.time(body)
      latencies.record(time)
      total += time
    }
    return Sample(records: times, nanoseconds: total, latencies: latencies)
  }
}

/// One opening of so many logs.
private func sample(logs: Int, _ time: Int64) -> Sample {
  var latencies = LatencyHistogram(cellsPerOctave: 128)
  latencies.record(time)
  return Sample(records: logs, nanoseconds: time, latencies: latencies)
}

/// A directory of logs that were closed well, each with one batch.
private struct ManyLogs {
  let bench: Bench
  let count: Int
  private let values = Values(size: 100)
  private static let records = 10

  init(bench: Bench, count: Int) {
    self.bench = bench
    self.count = count
  }

  var path: String { bench.directory.path("logs") }

  private func name(_ number: Int) -> String { "topic-\(number)" }

  /// One log is written and closed; the others are copies of its folder, which no log knows its own place in: writing
  /// ten thousand durably would take minutes.
  func make() throws {
    bench.progress.show("making \(count) logs")
    let directory = try LogDirectory.open(path)
    var builder = RecordBatchBuilder()
    try directory.log(for: name(0)).append(
      values.build(&builder, count: Self.records, from: 0), durability: .buffered)
    try directory.close()
    let files = try RawFolder.contents(of: path + "/" + name(0))
    for number in 1..<max(count, 1) { try RawFolder.make(path + "/" + name(number), files) }
  }

  /// Opens the directory, reads some of the logs, and closes it again.
  func open() throws -> Sample {
    let before = HeapMemory.bytesInUse
    let began = Clock.now
    let directory = try LogDirectory.open(path)
    let time = Clock.now - began
    let taken = HeapMemory.bytesInUse - before
    var result = sample(logs: count, time)
    result.figures = [
      Figure("openNanoseconds", "opening", Double(time), .nanoseconds),
      Figure(
        "heapBytesPerLog", "memory for each log, before its first use", Double(taken) / Double(count), .bytes),
    ]
    var isRight = directory.recoveryReport.wasClean && directory.logs.count == count
    for number in stride(from: 0, to: count, by: max(1, count / 10)) {
      let log = try directory.log(for: name(number))
      isRight = try isRight && log.recoveryReport.wasClean && values.fill(log, count: Self.records)
    }
    result.verified = isRight
    try directory.close()
    return result
  }
}
