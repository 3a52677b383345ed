internal import BenchmarkKit
internal import Strata

/// What the machine can do at all, on this file system, by bare system calls.
struct LimitsWorkload {
  let bench: Bench
  private let memory = Memory(count: 1 << 20)
  private var path: String { bench.directory.path("limit") }
  private var total: Int { bench.options.bytesPerRun }

  init(bench: Bench) { self.bench = bench }

  func run() throws -> [BenchmarkResult] {
    let isBrief = bench.options.extent == .brief
    let pieces = isBrief ? [64 << 10, 128 << 10] : [64 << 10, 100 << 10, 128 << 10]
    var results: [BenchmarkResult] = []
    for size in [100 << 10, 1 << 20] { results.append(try copy(size)) }
    for size in [64, 1 << 10, 100 << 10] { results.append(try checksum(size)) }
    for preparation in Preparation.allCases {
      for piece in pieces { results.append(try write(piece, preparation)) }
    }
    results += try reads()
    for preparation in Preparation.allCases {
      for size in isBrief ? [170] : [170, 4096] { results.append(try synchronized(size, preparation)) }
    }
    results.append(try synchronized(100 << 10, .allocated))
    return results
  }

  private func measure(
    _ label: String, _ parameters: [JSON.Member], _ body: () throws -> Sample
  ) throws -> BenchmarkResult {
    var result = BenchmarkResult(
      workload: Workload.limits.rawValue, engine: "bare", label: label, parameters: parameters)
    try bench.rounds(label, body).fill(&result)
    return result
  }

  private func copy(_ size: Int) throws -> BenchmarkResult {
    let target = Memory(count: size)
    let times = max(1, 16 * total / size)
    return try measure(
      "memcpy \(Units.size(size))",
      [JSON.Member("call", .string("memcpy")), JSON.Member("bytes", .integer(size))]
    ) {
      let time = Clock.time { for _ in 0..<times { target.copy(memory, size) } }
      return Sample(bytes: times * size, nanoseconds: time)
    }
  }

  private func checksum(_ size: Int) throws -> BenchmarkResult {
    let times = max(1, 2 * total / size)
    return try measure(
      "CRC32C \(Units.size(size)), Strata's",
      [JSON.Member("call", .string("crc32c")), JSON.Member("bytes", .integer(size))]
    ) {
      var sum: UInt32 = 0
      let time = Clock.time { for _ in 0..<times { sum ^= CRC32C.update(sum, memory.bytes(size)) } }
      keep(UInt64(sum))
      return Sample(bytes: times * size, nanoseconds: time)
    }
  }

  private func write(_ piece: Int, _ preparation: Preparation) throws -> BenchmarkResult {
    try measure(
      "pwrite \(Units.size(piece)), \(preparation.words)",
      [
        JSON.Member("call", .string("pwrite")), JSON.Member("bytes", .integer(piece)),
        JSON.Member("preparation", .string(preparation.rawValue)),
      ]
    ) {
      try BareLimits.write(path, total: total, piece: piece, preparation, memory)
    }
  }

  private func reads() throws -> [BenchmarkResult] {
    try BareLimits.makeFile(path, total: total, memory)
    defer { RawFile.remove(path) }
    var results: [BenchmarkResult] = []
    for piece in [16 << 10, 100 << 10, 1 << 20] {
      results.append(
        try measure(
          "pread \(Units.size(piece))",
          [JSON.Member("call", .string("pread")), JSON.Member("bytes", .integer(piece))]
        ) {
          try BareLimits.read([path], piece: piece, memory) { _ in }
        })
    }
    var random = SplitMix(state: 1)
    let positions = (0..<bench.options.lookups).map { _ in Int.random(in: 0..<total - 128, using: &random) }
    results.append(
      try measure(
        "pread 128 B at random",
        [
          JSON.Member("call", .string("pread")), JSON.Member("bytes", .integer(128)),
          JSON.Member("random", .bool(true)),
        ]
      ) {
        try BareLimits.randomReads(path, positions: positions, size: 128, memory)
      })
    return results
  }

  private func synchronized(_ size: Int, _ preparation: Preparation) throws -> BenchmarkResult {
    try measure(
      "pwrite \(Units.size(size)) + fdatasync, \(preparation.words)",
      [
        JSON.Member("call", .string("pwrite+fdatasync")), JSON.Member("bytes", .integer(size)),
        JSON.Member("preparation", .string(preparation.rawValue)),
      ]
    ) {
      try BareLimits.synchronizedWrites(
        path, count: bench.synchronizedOperations, size: size, preparation, memory)
    }
  }
}
