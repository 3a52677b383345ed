/// Compares results with those of an earlier run.
///
/// Results belong together where workload, engine and parameters are the same. What is compared is the share
/// of the limit, where both have one of the same name, so that a slower day of the machine cancels out; else
/// the figure as it is. A change counts where no round of one run lies between those of the other one, and
/// where it is at least `threshold`: of two times five rounds that differ by chance alone, that happens to
/// one in 126.
public struct Baseline: Sendable {
  /// What became of one result.
  public struct Change: Sendable {
    public enum Kind: Sendable {
      case loss
      case gain
      case noise
    }

    public var result: BenchmarkResult
    /// What was compared: "of limit", "records/s", "p50", "allocations".
    public var figure: String
    public var kind: Kind
    /// The figures for a person.
    public var before: String
    public var after: String
    /// How many times as good it is now; above 1 is better.
    public var ratio: Double
    /// What the rounds of both runs leave open, as factors of `ratio`.
    public var noise: ClosedRange<Double>
  }

  /// A smaller change is none, however sure it is.
  public static let threshold = 0.05

  public var changes: [Change] = []
  /// How many results are of workloads that only one of the runs measured.
  public var notMeasured = 0
  public var notMeasuredBefore = 0
  /// Results of the earlier run that this one does not have, and the other way round, of workloads that both measured.
  public var missing: [BenchmarkResult] = []
  public var added: [BenchmarkResult] = []
  /// What differs between the machines, in words.
  public var differences: [String] = []

  /// Compares `results` with those of an earlier run.
  public init(
    before: [BenchmarkResult], after: [BenchmarkResult],
    environments: (before: [JSON.Member], after: [JSON.Member])
  ) {
    var earlier: [String: BenchmarkResult] = [:]
    for result in before { earlier[result.identity] = result }
    for result in after {
      guard let old = earlier.removeValue(forKey: result.identity) else {
        added.append(result)
        continue
      }
      changes += Baseline.compare(old, result)
    }
    let left = before.filter { earlier[$0.identity] != nil }
    missing = left.filter { result in after.contains { $0.workload == result.workload } }
    notMeasured = left.count - missing.count
    let new = added
    added = new.filter { result in before.contains { $0.workload == result.workload } }
    notMeasuredBefore = new.count - added.count
    for key in ["processor", "cores", "kernel", "fileSystem", "device", "build", "quick"] {
      let old = environments.before.first { $0.key == key }?.value
      let new = environments.after.first { $0.key == key }?.value
      if let old, let new, old != new { differences.append("\(key): \(old.words) before, \(new.words) now") }
    }
  }

  /// The losses that count: those of Strata. What the machine and the peers lose says something about the
  /// day.
  public var losses: [Change] { changes.filter { $0.kind == .loss && $0.result.engine == "strata" } }

  private static func compare(_ old: BenchmarkResult, _ new: BenchmarkResult) -> [Change] {
    [speed(old, new), allocations(old, new)].compactMap { $0 }
  }

  private static func speed(_ old: BenchmarkResult, _ new: BenchmarkResult) -> Change? {
    let noise = noise(old, new)
    if let before = old.ofLimit, let after = new.ofLimit, old.limit?.name == new.limit?.name, before > 0,
      after > 0
    {
      return change(
        new, "of limit", before: Units.share(before), after: Units.share(after), after / before, noise)
    }
    for (name, before, after) in [
      ("records/s", old.recordsPerSecond, new.recordsPerSecond),
      ("bytes/s", old.bytesPerSecond, new.bytesPerSecond),
    ] {
      guard let before, let after, before.median > 0 else { continue }
      return change(
        new, name, before: Units.rate(before.median), after: Units.rate(after.median),
        after.median / before.median,
        noise)
    }
    guard let before = old.latency, let after = new.latency, after.p50 > 0 else { return nil }
    return change(
      new, "p50", before: Units.duration(Double(before.p50)), after: Units.duration(Double(after.p50)),
      Double(before.p50) / Double(after.p50), noise)
  }

  /// Half an allocation more, and a fifth, is a loss however it is timed; those of tasks move a little by themselves.
  private static func allocations(_ old: BenchmarkResult, _ new: BenchmarkResult) -> Change? {
    guard let before = old.allocationsPerRecord, let after = new.allocationsPerRecord, after > before + 0.5,
      after > before * 1.2
    else { return nil }
    return Change(
      result: new, figure: "allocations", kind: .loss, before: Units.digits(before),
      after: Units.digits(after),
      ratio: max(before, 0.001) / after, noise: 1...1)
  }

  private static func change(
    _ result: BenchmarkResult, _ figure: String, before: String, after: String, _ ratio: Double,
    _ noise: ClosedRange<Double>
  ) -> Change {
    let least = ratio * noise.lowerBound
    let most = ratio * noise.upperBound
    let kind: Change.Kind =
      most < 1 && ratio < 1 - threshold ? .loss : least > 1 && ratio > 1 + threshold ? .gain : .noise
    return Change(
      result: result, figure: figure, kind: kind, before: before, after: after, ratio: ratio, noise: noise)
  }

  /// How far the ratio of the medians may lie from the ratio of two rounds: the worst of one run against the
  /// best of the other one.
  private static func noise(_ old: BenchmarkResult, _ new: BenchmarkResult) -> ClosedRange<Double> {
    guard let before = old.recordsPerSecond ?? old.bytesPerSecond,
      let after = new.recordsPerSecond ?? new.bytesPerSecond, before.median > 0, after.median > 0,
      before.minimum > 0
    else { return 1...1 }
    let least = (after.minimum / after.median) / (before.maximum / before.median)
    let most = (after.maximum / after.median) / (before.minimum / before.median)
    return least.isFinite && most.isFinite && least <= most ? least...most : 1...1
  }
}

extension BenchmarkResult {
  /// What a result has in common with that of another run: workload, engine, and parameters in any order.
  var identity: String {
    let sorted = parameters.sorted { $0.key < $1.key }
    return JSON.array([.string(workload), .string(engine), .object(sorted)]).text
  }
}
