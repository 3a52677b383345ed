internal import BenchmarkKit
internal import Strata

/// Opening a log whose process has ended without closing it, out of the page cache.
///
/// A log is dropped, not closed: what that leaves on the disk is what a killed process leaves. Reading and checking
/// is compared with the machine; what is written anew and synchronised is told beside it, since it costs what the disk
/// makes it cost.
struct RecoverWorkload {
  let bench: Bench
  private static let pieceBytes = 256 << 10
  private let memory = Memory(count: RecoverWorkload.pieceBytes)

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    for size in bench.options.values ?? [100] {
      for batch in bench.options.batches ?? [1000, 10] {
        results.append(try unsynchronized(CrashedLog(bench: bench, values: Values(size: size), batch: batch)))
      }
    }
    let values = Values(size: (bench.options.values ?? [100])[0])
    results.append(try durable(CrashedLog(bench: bench, values: values, batch: 1000)))
    return results
  }

  /// Nothing was synchronised: all of it is read, and written anew.
  private func unsynchronized(_ plan: CrashedLog) throws -> BenchmarkResult {
    let bytes = bench.options.bytesPerRun / bench.amounts.part
    let label = "\(Units.grouped(plan.values.size)) B × \(Units.grouped(plan.batch)), nothing synced"
    var records = 0
    let rounds = try bench.rounds(
      label,
      limits: [
        {
          records = try plan.make(bytes: bytes, synchronizingEvery: nil)
          return try read(plan.path)
        }
      ]
    ) { try plan.recover(records: records) }
    var result = bench.result(.recover, label, plan.parameters("nothing"))
    rounds.fill(&result)
    rounds.limitByThroughput("pread by 256 KiB, and CRC32C", &result)
    return result
  }

  /// All but the end was synchronised: how much is read again does not depend on how large the log is. The rounds
  /// differ in size, so that they end at different distances behind what was written down last.
  private func durable(_ plan: CrashedLog) throws -> BenchmarkResult {
    let step = bench.options.isQuick ? 1 << 20 : 16 << 20
    var bytes = bench.amounts.durableLogBytes
    let label =
      "\(Units.grouped(plan.values.size)) B × \(Units.grouped(plan.batch)), "
      + "\(Units.bytes(Double(bytes))), synced every \(Units.size(step))"
    var records = 0
    var most = 0.0
    let rounds = try bench.rounds(
      label,
      limits: [
        {
          bytes += step - step / 5
          records = try plan.make(bytes: bytes, synchronizingEvery: step)
          return try read(plan.path)
        }
      ]
    ) {
      let sample = try plan.recover(records: records)
      let again = sample.figures.first { $0.key == "scannedBytes" }?.value ?? 0
      let unsynced = sample.figures.first { $0.key == "rewrittenBytes" }?.value ?? 0
      most = max(most, again - unsynced)
      return sample
    }
    var result = bench.result(.recover, label, plan.parameters("most"))
    rounds.fill(&result)
    rounds.limitByThroughput("pread by 256 KiB, and CRC32C, of all of the log", &result)
    result.figures.append(
      Figure("mostReadAgainBytes", "the most that was durable and read again, of all rounds", most, .bytes))
    return result
  }

  private func read(_ path: String) throws -> Sample {
    let files = try RawFolder.names(path).filter { $0.hasSuffix(".log") }.sorted().map { path + "/" + $0 }
    var sum: UInt32 = 0
    let sample = try BareLimits.read(files, piece: Self.pieceBytes, memory) { bytes in
      sum = CRC32C.update(sum, bytes)
    }
    keep(UInt64(sum))
    return sample
  }
}

/// A log that was left without a close.
private struct CrashedLog {
  let bench: Bench
  let values: Values
  let batch: Int

  var path: String { bench.directory.path("crashed") }

  func parameters(_ synced: String) -> [JSON.Member] {
    [
      JSON.Member("valueBytes", .integer(values.size)), JSON.Member("recordsPerBatch", .integer(batch)),
      JSON.Member("codec", .string("none")), JSON.Member("synced", .string(synced)),
    ]
  }

  /// Writes about `bytes` bytes, synchronises each time that `step` more were written, and drops the log. Returns how
  /// many records there are.
  func make(bytes: Int, synchronizingEvery step: Int?) throws -> Int {
    WorkDirectory.removeTree(path)
    let log = try Log.open(path, configuration: bench.configuration(for: bytes))
    var builder = RecordBatchBuilder()
    var (records, written, synced) = (0, 0, 0)
    while written < bytes {
      let next = try values.build(&builder, count: batch, from: records)
      try log.append(next, durability: .buffered)
      records += batch
      written += next.sizeInBytes
      if let step, written - synced >= step {
        try log.flush()
        synced = written
      }
    }
    return records
  }

  /// Opens it, looks at what is there, and removes it. The time is that of reading and checking; the figures have the
  /// rest.
  func recover(records: Int) throws -> Sample {
    defer { WorkDirectory.removeTree(path) }
    let size = try RawFolder.names(path).filter { $0.hasSuffix(".log") }.reduce(0) { sum, name in
      try sum + RawFile(opening: path + "/" + name).size()
    }
    let began = Clock.now
    let log = try Log.open(path, configuration: bench.configuration(for: size))
    let opening = Clock.now - began
    let report = log.recoveryReport
    var sample = Sample(bytes: Int(report.scannedBytes), nanoseconds: report.scanNanoseconds)
    sample.verified =
      try !report.wasClean && report.quarantined.isEmpty && report.lost.isEmpty
      && values.fill(log, count: records)
    sample.figures = [
      Figure("openNanoseconds", "opening, all in all", Double(opening), .nanoseconds),
      Figure("scannedBytes", "read and checked", Double(report.scannedBytes), .bytes),
      Figure("rewrittenBytes", "written anew and synced", Double(report.rewrittenBytes), .bytes),
      Figure("rewriteNanoseconds", "which took", Double(report.rewriteNanoseconds), .nanoseconds),
    ]
    return sample
  }
}
