internal import BenchmarkKit
internal import Strata

/// Reading a log from its start to its end, out of the page cache: its batches, checked and not decoded
/// (`fetch`), or its records, with every value touched (`scan`).
struct ReadWorkload {
  let bench: Bench
  let workload: Workload
  /// What a cursor reads at once by default.
  private static let pieceBytes = 256 << 10
  private let memory = Memory(count: ReadWorkload.pieceBytes)

  init(bench: Bench, workload: Workload) {
    self.bench = bench
    self.workload = workload
  }

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for size in bench.options.values ?? [100, 1024] {
      for batch in bench.options.batches ?? [1000] {
        for compression in bench.options.codecs ?? [.none] {
          for reading in [ReadingMode.copied, .mapped] {
            let plan = ReadPlan(
              values: Values(size: size), recordsPerBatch: batch, compression: compression, reading: reading)
            results.append(try measure(plan))
            // What is read in place has to be mapped, and its pages be found, by who comes first.
            if reading == .mapped, workload == .scan, bench.options.extent != .brief {
              results.append(try firstPass(plan))
            }
          }
        }
      }
    }
    return results
  }

  private func measure(_ plan: ReadPlan) throws -> BenchmarkResult {
    try plan.withFilledLog(bench, bytes: bench.options.bytesPerRun) { log, written in
      let paths = log.segments.map(\.path)
      let label = label(plan, pass: nil)
      let rounds = try bench.rounds(label, limits: [{ try bareRead(paths) }]) {
        try workload == .scan ? plan.scan(log, written) : plan.fetch(log, written)
      }
      return try result(plan, label, "again", rounds)
    }
  }

  /// The same in a log that is opened anew for each round; opening it is no part of the time.
  private func firstPass(_ plan: ReadPlan) throws -> BenchmarkResult {
    let bytes = bench.options.bytesPerRun
    return try plan.withClosedLog(bench, bytes: bytes) { path, written in
      let configuration = bench.configuration(for: bytes, plan.reading, .standard)
      let paths = try RawFolder.names(path).filter { $0.hasSuffix(".log") }.sorted().map { path + "/" + $0 }
      let label = label(plan, pass: "first pass")
      let rounds = try bench.rounds(label, limits: [{ try bareRead(paths) }]) {
        try plan.scan(Log.open(path, configuration: configuration), written)
      }
      return try result(plan, label, "first", rounds)
    }
  }

  private func bareRead(_ paths: [String]) throws -> Sample {
    var sum: UInt32 = 0
    var touched: UInt64 = 0
    let sample = try BareLimits.read(paths, piece: Self.pieceBytes, memory) { bytes in
      sum = CRC32C.update(sum, bytes)
      if workload == .scan { touched &+= touch(bytes) }
    }
    keep(UInt64(sum) &+ touched)
    return sample
  }

  private func label(_ plan: ReadPlan, pass: String?) -> String {
    let text =
      "\(Units.grouped(plan.values.size)) B × \(Units.grouped(plan.recordsPerBatch)), \(words(plan))"
    return pass.map { "\(text), \($0)" } ?? text
  }

  private func result(
    _ plan: ReadPlan, _ label: String, _ pass: String, _ rounds: Rounds
  ) throws -> BenchmarkResult {
    var result = bench.result(workload, label, plan.parameters + [JSON.Member("pass", .string(pass))])
    rounds.fill(&result)
    rounds.limitByThroughput(
      "pread by 256 KiB, and CRC32C" + (workload == .scan ? ", and one byte of each 64 touched" : ""),
      &result)
    if pass == "again" { result.allocationsPerRecord = try plan.allocationsPerRecord(bench, workload) }
    return result
  }

  private func words(_ plan: ReadPlan) -> String {
    let compression = plan.compression == .none ? "" : ", \(plan.compression.words)"
    let place = plan.reading == .mapped ? ", mapped" : ""
    return (workload == .scan ? "checked, touched" : "checked") + compression + place
  }
}

/// Keeps the compiler from leaving out what led to a number.
@inline(never)
func keep(_ value: UInt64) {
  withExtendedLifetime(value) {}
}

/// A log that is read.
struct ReadPlan: Sendable {
  let values: Values
  let recordsPerBatch: Int
  let compression: Compression
  var reading = ReadingMode.copied

  /// What is in the log.
  struct Written {
    var records = 0
    var batches = 0
    var bytes = 0
  }

  var parameters: [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)),
      JSON.Member("recordsPerBatch", .integer(recordsPerBatch)),
      JSON.Member("codec", .string(compression.words)),
      JSON.Member("isolation", .string("logEnd")),
      JSON.Member("reading", .string(reading == .mapped ? "mapped" : "copied")),
    ]
  }

  /// Fills a log with about `bytes` bytes of records, and hands it over.
  func withFilledLog<R>(_ bench: Bench, bytes: Int, _ body: (Log, Written) throws -> R) throws -> R {
    var builder = RecordBatchBuilder(compression: compression)
    let size = try values.build(&builder, count: recordsPerBatch, from: 0).sizeInBytes
    return try withFilledLog("read", bench, batches: max(2, bytes / size), size: size, body)
  }

  /// The same with so many batches of about `size` bytes each, in a log of the name `name`.
  func withFilledLog<R>(
    _ name: String, _ bench: Bench, batches: Int, size: Int, _ body: (Log, Written) throws -> R
  ) throws -> R {
    bench.progress.show("filling a log")
    return try bench.withLog(name, bytes: batches * (size + 16), reading: reading) { log in
      return try body(log, try fill(log, batches: batches))
    }
  }

  /// Fills a log with about `bytes` bytes of records, closes it, and hands over its folder, which is removed then.
  func withClosedLog<R>(_ bench: Bench, bytes: Int, _ body: (String, Written) throws -> R) throws -> R {
    bench.progress.show("filling a log")
    let path = bench.directory.path("closed")
    defer { WorkDirectory.removeTree(path) }
    var builder = RecordBatchBuilder(compression: compression)
    let size = try values.build(&builder, count: recordsPerBatch, from: 0).sizeInBytes
    let log = try Log.open(path, configuration: bench.configuration(for: bytes, reading, .standard))
    let written = try fill(log, batches: max(2, bytes / size))
    try log.close()
    return try body(path, written)
  }

  private func fill(_ log: Log, batches: Int) throws -> Written {
    var builder = RecordBatchBuilder(compression: compression)
    var written = Written()
    for _ in 0..<batches {
      let batch = try values.build(&builder, count: recordsPerBatch, from: written.records)
      try log.append(batch, durability: .buffered)
      written.records += recordsPerBatch
      written.batches += 1
      written.bytes += batch.sizeInBytes
    }
    guard try values.fill(log, count: written.records) else {
      throw BenchmarkError("the log that was written to be read does not hold what was written")
    }
    return written
  }

  /// Reads all batches.
  func fetch(_ log: Log, _ written: Written) throws -> Sample {
    var found = Written()
    let time = try Clock.time {
      var cursor = log.fetch(from: 0, isolation: .logEnd)
      while let batch = try cursor.next() {
        found.records += batch.recordCount
        found.batches += 1
        found.bytes += batch.sizeInBytes
      }
    }
    var sample = Sample(records: found.records, bytes: found.bytes, nanoseconds: time)
    sample.verified =
      found.records == written.records && found.batches == written.batches && found.bytes == written.bytes
    return sample
  }

  /// Reads all records, and touches their values.
  func scan(_ log: Log, _ written: Written) throws -> Sample {
    var count = 0
    var sum: UInt64 = 0
    let time = try Clock.time {
      var cursor = log.fetch(from: 0, isolation: .logEnd)
      while let batch = try cursor.next() {
        var records = try batch.records()
        while let record = try records.next() {
          count &+= 1
          if let value = record.value { sum &+= touch(value) }
        }
      }
    }
    var sample = Sample(records: count, bytes: written.bytes, nanoseconds: time)
    sample.verified = count == written.records && sum == values.expectedSum(count)
    return sample
  }

  func allocationsPerRecord(_ bench: Bench, _ workload: Workload) throws -> Double {
    var builder = RecordBatchBuilder(compression: compression)
    let size = try values.build(&builder, count: recordsPerBatch, from: 0).sizeInBytes
    // Enough for every buffer to have been used again.
    let batches = bench.options.isQuick ? 4 : max(1, (4 << 20) / size)
    return try Allocations.perRecord(batches * recordsPerBatch) { records in
      try withFilledLog("count", bench, batches: records / recordsPerBatch, size: size) { log, written in
        try Allocations.count {
          keep(UInt64(try workload == .scan ? scan(log, written).records : fetch(log, written).records))
        }
      }
    }
  }
}
