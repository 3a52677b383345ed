extension Baseline {
  /// What changed, as a table of at most 110 columns; what is within the noise is counted alone.
  public var lines: [String] {
    var lines = differences.map { "  not the same machine: \($0)" }
    let changed = changes.filter { $0.kind != .noise }
    let own = changed.filter { $0.result.engine == "strata" }
    let others = changed.filter { $0.result.engine != "strata" }
    let width = min(52, changed.map { Baseline.name($0.result).count }.max() ?? 0)
    lines += own.sorted { $0.ratio < $1.ratio }.map { Baseline.line($0, width) }
    if !others.isEmpty {
      lines.append("  what the machine and the peers did, which counts as no loss:")
      lines += others.sorted { $0.ratio < $1.ratio }.map { Baseline.line($0, width) }
    }
    let within = changes.count { $0.kind == .noise }
    let noise = "\(Units.grouped(within)) \(within == 1 ? "figure" : "figures") within the noise"
    lines.append("  \(losses.count) lost, \(own.count { $0.kind == .gain }) gained, \(noise)")
    lines += missing.map { "  missing now: \(Baseline.name($0))" }
    lines += added.map { "  not in the baseline: \(Baseline.name($0))" }
    if notMeasured > 0 {
      lines.append("  \(Units.grouped(notMeasured)) results of workloads that were not measured now")
    }
    if notMeasuredBefore > 0 {
      lines.append(
        "  \(Units.grouped(notMeasuredBefore)) results of workloads that the baseline does not have")
    }
    return ["baseline"] + lines
  }

  private static func line(_ change: Change, _ width: Int) -> String {
    let name = Baseline.name(change.result)
    let percent = Units.fixed(abs(change.ratio - 1) * 100, 1)
    let noise = [change.ratio * change.noise.lowerBound, change.ratio * change.noise.upperBound]
      .map { Units.fixed($0, 2) }.joined(separator: "–")
    let word = change.kind == .loss ? "LOSS" : "gain"
    return "  \(word) \(pad(name, width)) \(change.figure) \(change.before) → \(change.after), "
      + "\(change.ratio < 1 ? "−" : "+")\(percent) % (× \(noise))"
  }

  /// The engine stands before the name where it is another one than Strata.
  private static func name(_ result: BenchmarkResult) -> String {
    "\(result.workload) \(result.engine == "strata" ? "" : result.engine + " ")\(result.label)"
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
