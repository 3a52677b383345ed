internal import BenchmarkKit
internal import Strata

/// Appending and scanning with each codec, beside the codec's own library on the same blocks.
///
/// Bytes a second are those of the records before compression, in Strata's figures and in the limit's.
struct CodecWorkload {
  let bench: Bench

  func run() throws -> [BenchmarkResult] {
    var results: [BenchmarkResult] = []
    let standard = [Compression.lz4(), .snappy, .zstd(), .gzip()]
    let sizes = bench.options.values ?? (bench.options.extent == .brief ? [100] : [100, 1024])
    // Without a codec there is nothing to measure here; `append` and `scan` do.
    for compression in bench.options.codecs ?? standard where compression != .none {
      guard Compression.isBuilt(compression.codec) else {
        // What was asked for by name has to be there.
        guard bench.options.codecs == nil else {
          throw BenchmarkError("\(compression.codec.name) is not in this build of Strata")
        }
        continue
      }
      for size in sizes {
        for batch in bench.options.batches ?? [1000] {
          let block = try CodecBlock(
            values: Values(size: size), recordsPerBatch: batch, compression: compression)
          results.append(try append(block))
          if bench.options.extent != .brief, bench.options.threads == 1 { results.append(try scaling(block)) }
          results.append(try scan(block))
        }
      }
    }
    return results.filter { $0.label.hasPrefix("append") } + results.filter { !$0.label.hasPrefix("append") }
  }

  private func append(_ block: CodecBlock) throws -> BenchmarkResult {
    let threads = bench.options.threads
    let each = try count(block) { try block.compress(1).nanoseconds }
    let plan = AppendPlan(
      values: block.values, recordsPerBatch: block.recordsPerBatch, compression: block.compression,
      durability: .buffered)
    let run = AppendRun(bench: bench, plan: plan, threads: threads, batchesPerThread: each)
    let label = "append " + block.label + (threads == 1 ? "" : ", \(threads) threads")
    let rounds = try bench.rounds(label, limits: [{ try block.compress(each) }]) {
      var sample = try run.sample()
      sample.bytes = run.batches * block.plainBytes
      return sample
    }
    var result = bench.result(.codec, label, plan.parameters(threads: threads) + block.parameters)
    rounds.fill(&result)
    rounds.limitByThroughput("the codec's own library compresses the same blocks, on one thread", &result)
    result.allocationsPerRecord = try run.allocationsPerRecord()
    return result
  }

  /// Two threads beside one, into one log each time.
  private func scaling(_ block: CodecBlock) throws -> BenchmarkResult {
    let each = try count(block) { try block.compress(1).nanoseconds }
    let plan = AppendPlan(
      values: block.values, recordsPerBatch: block.recordsPerBatch, compression: block.compression,
      durability: .buffered)
    let label = "append \(block.label), 2 threads"
    func measure(_ threads: Int) throws -> Sample {
      let run = AppendRun(bench: bench, plan: plan, threads: threads, batchesPerThread: each)
      var sample = try run.sample()
      sample.bytes = run.batches * block.plainBytes
      return sample
    }
    let rounds = try bench.rounds(label, limits: [{ try measure(1) }]) { try measure(2) }
    var result = bench.result(.codec, label, plan.parameters(threads: 2) + block.parameters)
    rounds.fill(&result)
    rounds.limitByThroughput("the same appends on one thread", &result)
    return result
  }

  private func scan(_ block: CodecBlock) throws -> BenchmarkResult {
    let batches = try count(block) { try block.decompress(1).nanoseconds }
    let plan = ReadPlan(
      values: block.values, recordsPerBatch: block.recordsPerBatch, compression: block.compression)
    let label = "scan " + block.label
    return try plan.withFilledLog("read", bench, batches: batches, size: block.batchBytes) { log, written in
      let rounds = try bench.rounds(label, limits: [{ try block.decompress(batches) }]) {
        var sample = try plan.scan(log, written)
        sample.bytes = batches * block.plainBytes
        return sample
      }
      var result = bench.result(.codec, label, plan.parameters + block.parameters)
      rounds.fill(&result)
      rounds.limitByThroughput("the codec's own library decompresses the same blocks", &result)
      result.allocationsPerRecord = try plan.allocationsPerRecord(bench, .scan)
      return result
    }
  }

  /// How many blocks fill the time of a run, if one takes so long as `time` says. There are many rows, and no
  /// system call whose speed varies: half the time of other runs is enough.
  private func count(_ block: CodecBlock, _ time: () throws -> Int64) throws -> Int {
    if bench.options.isQuick { return 4 }
    // The first call makes the contexts' memory.
    _ = try time()
    let fitting = Int(bench.options.seconds * 0.5e9 / Double(try time()))
    return max(4, min(fitting, bench.options.bytesPerRun / block.plainBytes))
  }
}

/// The records of one batch as a block of bytes, and the same compressed by the bare library.
private struct CodecBlock {
  let values: Values
  let recordsPerBatch: Int
  let compression: Compression
  /// The bytes of the batch in the log.
  let batchBytes: Int
  private let plain: [UInt8]
  private let compressed: [UInt8]
  private let codec: BareCodec
  private let target: Memory

  init(values: Values, recordsPerBatch: Int, compression: Compression) throws {
    self.values = values
    self.recordsPerBatch = recordsPerBatch
    self.compression = compression
    var builder = RecordBatchBuilder(compression: .none)
    let batch = try values.build(&builder, count: recordsPerBatch, from: 0)
    let plain = [UInt8](copying: batch.bytes.extracting(RecordBatchHeader.byteCount...))
    self.plain = plain
    var compressing = RecordBatchBuilder(compression: compression)
    batchBytes = try values.build(&compressing, count: recordsPerBatch, from: 0).sizeInBytes
    let level = compression.level ?? CodecBlock.standardLevel(compression.codec)
    guard let codec = BareCodec(number: compression.codec.rawValue, level: level),
      let compressed = codec.compressed(plain.span)
    else { throw BenchmarkError("\(compression.codec.name) cannot be measured by itself") }
    self.codec = codec
    self.compressed = compressed
    // Room to spare, as a library that copies in large steps likes it.
    target = Memory(count: max(codec.bound(plain.count), plain.count + (64 << 10)))
  }

  /// What a level of nil stands for, by the documentation of `Compression`.
  private static func standardLevel(_ codec: Compression.Codec) -> Int {
    switch codec {
    case .gzip: 6
    case .lz4: 1
    case .zstd: 3
    case .none, .snappy: 0
    }
  }

  var plainBytes: Int { plain.count }

  var label: String {
    "\(compression.words), \(Units.grouped(values.size)) B × \(Units.grouped(recordsPerBatch))"
  }

  var parameters: [JSON.Member] {
    [
      JSON.Member("bytesAre", .string("uncompressed")),
      JSON.Member("compressionRatio", .number(Double(plain.count) / Double(batchBytes))),
    ]
  }

  /// Compresses the block `count` times.
  func compress(_ count: Int) throws -> Sample {
    try sample(count) { codec.compress(plain.span, into: target) == compressed.count }
  }

  /// Decompresses the block `count` times.
  func decompress(_ count: Int) throws -> Sample {
    try sample(count) { codec.decompress(compressed.span, into: target) == plain.count }
  }

  private func sample(_ count: Int, _ body: () -> Bool) throws -> Sample {
    var failures = 0
    let time = Clock.time { for _ in 0..<count where !body() { failures += 1 } }
    guard failures == 0 else { throw BenchmarkError("\(compression.codec.name) fails by itself") }
    return Sample(records: count * recordsPerBatch, bytes: count * plain.count, nanoseconds: time)
  }
}
