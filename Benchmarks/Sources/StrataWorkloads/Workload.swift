internal import BenchmarkKit
internal import Strata

/// A kind of work that is measured.
public enum Workload: String, CaseIterable, Sendable {
  /// The machine's own limits.
  case limits
  /// Records into the log.
  case append
  /// Batches out of the log, checked and not decoded.
  case fetch
  /// Records out of the log, checked and touched.
  case scan
  /// Single records by offset or time, at random.
  case lookup
  /// Appending while others read what was just appended.
  case tail
  /// Opening after a crash.
  case recover
  /// Opening after a clean close.
  case open
  /// Removing all but the newest record of every key.
  case compact
  /// Appending and scanning with each codec.
  case codec
  /// The same work in a small log and in a large one.
  case size

  func measure(_ bench: Bench) throws -> [BenchmarkResult] {
    switch self {
    case .limits: try LimitsWorkload(bench: bench).run()
    case .append: try AppendWorkload(bench: bench).run()
    case .fetch: try ReadWorkload(bench: bench, workload: .fetch).run()
    case .scan: try ReadWorkload(bench: bench, workload: .scan).run()
    case .lookup: try LookupWorkload(bench: bench).run()
    case .tail: try TailWorkload(bench: bench).run()
    case .recover: try RecoverWorkload(bench: bench).run()
    case .open: try OpenWorkload(bench: bench).run()
    case .compact: try CompactWorkload(bench: bench).run()
    case .codec: try CodecWorkload(bench: bench).run()
    case .size: try SizeWorkload(bench: bench).run()
    }
  }
}

/// What every workload is handed.
struct Bench: Sendable {
  let options: BenchmarkOptions
  let directory: WorkDirectory
  let progress: Progress
  /// The synchronised operations of one run and one writer: as many as this disk does in the time of a run.
  let synchronizedOperations: Int

  init(options: BenchmarkOptions, directory: WorkDirectory, progress: Progress) throws {
    self.options = options
    self.directory = directory
    self.progress = progress
    guard !options.isQuick else {
      synchronizedOperations = 20
      return
    }
    let probe = try BareLimits.synchronizedWrites(
      directory.path("probe"), count: 50, size: 170, .allocated, Memory(count: 170))
    synchronizedOperations = max(50, min(Int(options.seconds * probe.recordsPerSecond), 20_000))
  }

  /// The configuration that all logs here share: one segment for everything, so that no figure has a roll
  /// in it.
  func configuration(for bytes: Int) -> LogConfiguration {
    var configuration = LogConfiguration()
    // Where segments are written ahead, a small one is enough for a test.
    let least = options.isQuick ? 4 << 20 : 64 << 20
    configuration.segmentBytes = min(Int(Int32.max), max(bytes + bytes / 4, least))
    configuration.segmentMilliseconds = nil
    return configuration
  }

  var amounts: Amounts { options.amounts }

  /// Opens a new log of the name `name` for `bytes` bytes, hands it over, and removes it. It is not closed,
  /// which would write everything to the disk: it is dropped, and its files go.
  func withLog<R>(
    _ name: String, bytes: Int, reading: ReadingMode = .copied, state: SegmentState = .standard,
    _ body: (Log) throws -> R
  ) throws -> R {
    let path = directory.path(name)
    defer { WorkDirectory.removeTree(path) }
    let configuration = configuration(for: bytes, reading, state)
    let log = try Log.open(path, configuration: configuration)
    // Twice as much as it takes: more is due when half of it is used up, and not while the time runs.
    if state.preparation == .written { try log.prepare(bytes: 2 * bytes) }
    return try body(log)
  }

  /// The same, and how it is read and prepared.
  func configuration(for bytes: Int, _ reading: ReadingMode, _ state: SegmentState) -> LogConfiguration {
    var configuration = configuration(for: bytes)
    configuration.reading = reading
    configuration.preparation = state.preparation
    configuration.writing = state.writing
    // Only a segment that is sealed is read in place; all but the last of so many are.
    if reading == .mapped { configuration.segmentBytes = max(1 << 20, bytes / 16) }
    return configuration
  }

  /// A result of Strata's, to be filled.
  func result(_ workload: Workload, _ label: String, _ parameters: [JSON.Member]) -> BenchmarkResult {
    BenchmarkResult(workload: workload.rawValue, engine: "strata", label: label, parameters: parameters)
  }

  /// Measures `workload` beside its limits.
  func rounds(
    _ label: String, limits: [() throws -> Sample] = [], _ workload: () throws -> Sample
  ) throws -> Rounds {
    try Rounds.run(options.rounds, progress: progress, label, limits: limits, workload: workload)
  }
}
