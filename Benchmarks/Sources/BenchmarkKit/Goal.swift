/// What a figure of the benchmark is to reach.
///
/// A goal finds its result by workload and parameters, takes one number of it, and compares. Nothing is measured here:
/// goals and results in, outcomes out.
public struct Goal: Sendable {
  /// The number that is looked at.
  public enum Measure: Sendable, Equatable {
    /// Median of the rounds.
    case recordsPerSecond
    case bytesPerSecond
    /// In nanoseconds.
    case p50
    case p99
    /// The share of the limit in the same rounds: a ratio within one run.
    case ofLimit
    /// How many times the limit's latency it takes: a ratio within one run.
    case timesLimit
    case allocationsPerRecord
    /// One of the result's own figures, by its key.
    case figure(String)
  }

  public enum Bound: Sendable, Equatable {
    case atLeast(Double)
    case atMost(Double)
  }

  /// "P1", in order of the list; several goals may share a number.
  public var number: String
  /// What is to be reached, for a person.
  public var work: String
  public var workload: String
  /// Parameters that the result has to have; it may have more.
  public var parameters: [JSON.Member]
  public var measure: Measure
  public var bound: Bound

  public init(
    _ number: String, _ work: String, _ workload: String, _ parameters: [JSON.Member], _ measure: Measure,
    _ bound: Bound
  ) {
    self.number = number
    self.work = work
    self.workload = workload
    self.parameters = parameters
    self.measure = measure
    self.bound = bound
  }

  /// What the results say of it. Of several that fit the first one counts.
  public func outcome(in results: [BenchmarkResult]) -> GoalOutcome {
    let result = results.first { result in
      result.engine == "strata" && result.workload == workload
        && parameters.allSatisfy(result.parameters.contains)
    }
    return GoalOutcome(goal: self, result: result, value: result.flatMap(value))
  }

  private func value(of result: BenchmarkResult) -> Double? {
    switch measure {
    case .recordsPerSecond: result.recordsPerSecond?.median
    case .bytesPerSecond: result.bytesPerSecond?.median
    case .p50: result.latency.map { Double($0.p50) }
    case .p99: result.latency.map { Double($0.p99) }
    case .ofLimit: result.ofLimit
    case .timesLimit: result.ofLimit.flatMap { $0 > 0 ? 1 / $0 : nil }
    case .allocationsPerRecord: result.allocationsPerRecord
    case .figure(let key): result.figures.first { $0.key == key }?.value
    }
  }
}

/// What became of a goal in one run.
public struct GoalOutcome: Sendable {
  public enum State: String, Sendable {
    case reached
    case missed
    case notMeasured
  }

  public var goal: Goal
  /// The result that it speaks of; nil where nothing of the kind was measured.
  public var result: BenchmarkResult?
  public var value: Double?

  public var state: State {
    guard let value else { return .notMeasured }
    switch goal.bound {
    case .atLeast(let least): return value >= least ? .reached : .missed
    // Below a thousandth of an allocation a record there is none for a record.
    case .atMost(let most): return value <= max(most, goal.measure.insignificance) ? .reached : .missed
    }
  }

  /// How much of the goal was reached: 1 is all of it, 2 twice as good. nil where nothing was measured, or where the
  /// goal is nothing at all.
  public var ofGoal: Double? {
    guard let value else { return nil }
    switch goal.bound {
    case .atLeast(let least): return least > 0 ? value / least : nil
    case .atMost(let most): return most > 0 && value > 0 ? most / value : nil
    }
  }
}

extension Goal.Measure {
  /// What counts as nothing.
  var insignificance: Double { self == .allocationsPerRecord ? 0.001 : 0 }

  /// A value of it, for a person. `figure`: the result's own, which knows its unit.
  func words(_ value: Double, _ figure: Figure?) -> String {
    switch self {
    case .recordsPerSecond: Units.rate(value) + "/s"
    case .bytesPerSecond: Units.bytes(value) + "/s"
    case .p50, .p99: Units.duration(value)
    case .ofLimit: Units.share(value)
    case .timesLimit: Units.fixed(value, 2) + "×"
    case .allocationsPerRecord: value < insignificance ? "0" : Units.fixed(value, 3)
    case .figure(let key): (figure?.unit ?? Figure.unit(ofKey: key)).words(value)
    }
  }

  /// For JSON.
  var key: String {
    switch self {
    case .recordsPerSecond: "recordsPerSecond"
    case .bytesPerSecond: "bytesPerSecond"
    case .p50: "p50Nanoseconds"
    case .p99: "p99Nanoseconds"
    case .ofLimit: "ofLimit"
    case .timesLimit: "timesLimit"
    case .allocationsPerRecord: "allocationsPerRecord"
    case .figure(let key): key
    }
  }
}

extension Figure {
  /// The unit that a key ends with, where there is no figure to ask.
  static func unit(ofKey key: String) -> Unit {
    if key.hasSuffix("Nanoseconds") { return .nanoseconds }
    return key.contains("Bytes") || key.contains("bytes") ? .bytes : .count
  }
}
