public import BenchmarkKit
internal import Strata

/// The benchmark as a whole: options in, tables and JSON out.
public enum Benchmark {
  /// What a run gives.
  public struct Report: Sendable {
    public var environment: [JSON.Member]
    public var results: [BenchmarkResult]
    /// What became of each goal; nil where nobody asked.
    public var goals: GoalTable?

    public var json: JSON {
      var members = [
        JSON.Member("environment", .object(environment)), JSON.Member("results", .array(results.map(\.json))),
      ]
      if let goals { members.append(JSON.Member("goals", goals.json)) }
      return .object(members)
    }
  }

  /// Measures what the options say. `print` gets the lines of the report as they come.
  ///
  /// - Throws: what keeps the benchmark from going on; nothing of it is left in the directory then either.
  public static func run(
    _ options: BenchmarkOptions, catchingSignals: Bool = false, progress: Progress = Progress(),
    print: (String) -> Void
  ) throws -> Report {
    let directory = try WorkDirectory(below: options.directory)
    if catchingSignals { try directory.removeOnSignals() }
    defer { directory.remove() }
    let machine = Machine(directory: directory.path)
    if machine.isDebugBuild, !options.isQuick {
      throw BenchmarkError(
        "this is a debug build, 20 to 60 times slower; build with -c release, or try --quick")
    }
    let needed = options.extent == .full ? 4 << 30 : min(4 << 30, 3 * options.bytesPerRun)
    guard Machine.freeBytes(directory.path) > needed else {
      throw BenchmarkError(
        "\(options.directory): \(Units.size(needed)) of room are needed; take less --seconds")
    }
    let environment = environment(machine, options)
    let bench = try Bench(options: options, directory: directory, progress: progress)
    for line in heading(machine, bench) { print(line) }

    var results: [BenchmarkResult] = []
    for workload in options.workloads {
      var measured = try workload.measure(bench)
      if machine.isInMemory { measured = measured.map(markedInMemory) }
      guard !measured.isEmpty else { continue }
      print("")
      for line in ResultTable(measured).lines { print(line) }
      results += measured
      guard !options.peers.isEmpty else { continue }
      results += try compare(workload, bench, machine, print)
    }
    var report = Report(environment: environment, results: results)
    if options.showsGoals {
      let goals = GoalTable(Goals.all, results)
      print("")
      for line in goals.lines { print(line) }
      report.goals = goals
    }
    return report
  }

  /// Measures the peers' part of a workload, and prints its table.
  private static func compare(
    _ workload: Workload, _ bench: Bench, _ machine: Machine, _ print: (String) -> Void
  ) throws -> [BenchmarkResult] {
    let comparison = Comparison(bench: bench)
    var compared = try comparison.run(workload)
    guard !compared.isEmpty else { return [] }
    if machine.isInMemory { compared = compared.map(markedInMemory) }
    print("")
    for line in PeerTable(compared).lines + comparison.notes(workload) { print(line) }
    return compared
  }

  private static func heading(_ machine: Machine, _ bench: Bench) -> [String] {
    let options = bench.options
    var lines = machine.lines
    let standard = LogConfiguration()
    lines.append(
      "Strata: one segment, blocks \(standard.preparation), index entry every "
        + "\(Units.size(standard.indexIntervalBytes)), reading by \(Units.size(256 << 10))")
    lines.append(
      "\(options.rounds) rounds of \(Units.size(options.bytesPerRun)) or "
        + "\(Units.grouped(bench.synchronizedOperations)) syncs behind a warm-up, median and min–max; "
        + "\"of it\" is of the limit in the same round")
    if options.isQuick { lines.append("QUICK: a size for tests; no figure here means anything") }
    if machine.isDebugBuild { lines.append("DEBUG BUILD: no figure here means anything") }
    if machine.isInMemory {
      lines.append("\(machine.fileSystem) lives in memory: figures with syncs, marked (!), mean nothing")
    }
    return lines
  }

  private static func environment(_ machine: Machine, _ options: BenchmarkOptions) -> [JSON.Member] {
    let standard = LogConfiguration()
    return [JSON.Member("date", .string(Clock.date))] + machine.members + [
      JSON.Member("rounds", .integer(options.rounds)), JSON.Member("seconds", .number(options.seconds)),
      JSON.Member("quick", .bool(options.isQuick)), JSON.Member("extent", .string("\(options.extent)")),
      JSON.Member("preparation", .string("\(standard.preparation)")),
      JSON.Member("indexIntervalBytes", .integer(standard.indexIntervalBytes)),
    ]
  }

  /// On a file system in memory a sync costs nothing, and says nothing.
  private static func markedInMemory(_ result: BenchmarkResult) -> BenchmarkResult {
    guard
      (result.syncs ?? 0) > 0 || result.limit?.name.contains("fdatasync") == true
        || result.label.contains("fdatasync")
    else { return result }
    var result = result
    result.label += " (!)"
    result.parameters.append(JSON.Member("fileSystemInMemory", .bool(true)))
    return result
  }
}
