public import Strata

/// What the bytes of a file are before something is written there.
public enum Preparation: String, CaseIterable, Sendable {
  /// Nothing: every write allocates.
  case plain
  /// Blocks are reserved 64 MiB at a time, as Strata does.
  case allocated
  /// Bytes were written there before, and are on the disk where the writes will be synchronised.
  case existing

  /// For a table.
  public var words: String { self == .existing ? "over existing bytes" : rawValue }
}

/// What one run did.
public struct Sample: Sendable {
  public var records: Int
  public var bytes: Int
  public var nanoseconds: Int64
  public var latencies: LatencyHistogram?
  public var syncs: Int?
  public var verified: Bool?
  /// What else was measured in this run.
  public var figures: [Figure] = []

  public init(records: Int = 0, bytes: Int = 0, nanoseconds: Int64, latencies: LatencyHistogram? = nil) {
    self.records = records
    self.bytes = bytes
    self.nanoseconds = max(nanoseconds, 1)
    self.latencies = latencies
  }

  public var recordsPerSecond: Double { Double(records) * 1e9 / Double(nanoseconds) }
  public var bytesPerSecond: Double { Double(bytes) * 1e9 / Double(nanoseconds) }
}

/// The machine without anybody's code: the same system calls of the same sizes on the same file system.
public enum BareLimits {
  /// Blocks are reserved this many bytes at a time.
  public static let allocationStep = 64 << 20

  /// Writes `total` bytes in pieces of `piece` one behind another into a new file, not synchronised.
  /// Reserving blocks is part of the time; writing the existing bytes is not. The file is removed.
  public static func write(
    _ path: String, total: Int, piece: Int, _ preparation: Preparation, _ memory: Memory
  ) throws(BenchmarkError) -> Sample {
    defer { RawFile.remove(path) }
    let file = try RawFile(creating: path)
    if preparation == .existing { try fill(file, total, memory, synchronizing: false) }
    var position = 0
    var allocated = 0
    let time = try Clock.time { () throws(BenchmarkError) in
      while position < total {
        let count = min(piece, total - position)
        if preparation == .allocated, position + count > allocated {
          try file.allocate(allocated..<allocated + allocationStep)
          allocated += allocationStep
        }
        try file.write(memory, count, at: position)
        position += count
      }
    }
    return Sample(bytes: total, nanoseconds: time)
  }

  /// Appends `count` pieces of `size` bytes to a new file, each followed by fdatasync. The file is removed.
  public static func synchronizedWrites(
    _ path: String, count: Int, size: Int, _ preparation: Preparation, _ memory: Memory
  ) throws(BenchmarkError) -> Sample {
    try singleWrites(path, count: count, size: size, preparation, memory, synchronizing: true)
  }

  /// The same, followed by fdatasync or not.
  public static func singleWrites(
    _ path: String, count: Int, size: Int, _ preparation: Preparation, _ memory: Memory, synchronizing: Bool
  ) throws(BenchmarkError) -> Sample {
    defer { RawFile.remove(path) }
    let file = try RawFile(creating: path)
    let total = count * size
    if preparation == .existing { try fill(file, total, memory, synchronizing: synchronizing) }
    var allocated = 0
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    let start = Clock.now
    var last = start
    for place in 0..<count {
      if preparation == .allocated, (place + 1) * size > allocated {
        try file.allocate(allocated..<allocated + allocationStep)
        allocated += allocationStep
      }
      try file.write(memory, size, at: place * size)
      if synchronizing { try file.synchronize() }
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    return Sample(records: count, bytes: total, nanoseconds: last - start, latencies: latencies)
  }

  /// Reads the file at `path` from its start to its end in pieces, and hands each to `visit`.
  public static func read<E: Error>(
    _ paths: [String], piece: Int, _ memory: Memory, _ visit: (Span<UInt8>) throws(E) -> Void
  ) throws -> Sample {
    var bytes = 0
    let start = Clock.now
    for path in paths {
      let file = try RawFile(opening: path)
      var position = 0
      while true {
        let count = try file.read(memory, piece, at: position)
        if count == 0 { break }
        try visit(memory.bytes(count))
        position += count
      }
      bytes += position
    }
    return Sample(bytes: bytes, nanoseconds: Clock.now - start)
  }

  /// Reads `size` bytes at each of the positions.
  public static func randomReads(
    _ path: String, positions: [Int], size: Int, _ memory: Memory
  ) throws(BenchmarkError) -> Sample {
    let file = try RawFile(opening: path)
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    let start = Clock.now
    var last = start
    for position in positions {
      _ = try file.read(memory, size, at: position)
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    return Sample(
      records: positions.count, bytes: positions.count * size, nanoseconds: last - start,
      latencies: latencies)
  }

  /// Fills a file with `total` bytes.
  private static func fill(
    _ file: borrowing RawFile, _ total: Int, _ memory: Memory, synchronizing: Bool
  ) throws(BenchmarkError) {
    let piece = min(memory.count, 128 << 10)
    var position = 0
    while position < total {
      try file.write(memory, min(piece, total - position), at: position)
      position += piece
    }
    if synchronizing { try file.synchronize() }
  }

  /// Makes a file of `total` bytes and leaves it there.
  public static func makeFile(_ path: String, total: Int, _ memory: Memory) throws(BenchmarkError) {
    let file = try RawFile(creating: path)
    try fill(file, total, memory, synchronizing: false)
  }
}
