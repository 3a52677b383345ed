/// One figure of the benchmark: what was done, how fast, and how far from the limit.
public struct BenchmarkResult: Sendable {
  /// What could not be faster, measured in the same rounds.
  public struct Limit: Sendable {
    public enum Figure: Sendable {
      case bytesPerSecond(Double)
      case nanoseconds(Double)
    }

    public var name: String
    public var figure: Figure

    public init(_ name: String, _ figure: Figure) {
      self.name = name
      self.figure = figure
    }
  }

  /// How the operations followed one another whose latencies are told.
  public enum Loop: Sendable, Equatable {
    /// Each began when the last one had ended.
    case closed
    /// They were to begin so many times a second, and count from then on: coordinated omission is corrected.
    case open(perSecond: Double)
  }

  public var workload: String
  /// Who did it: "strata", "bare" for the machine itself, or a peer's name.
  public var engine: String
  /// How a person would call it, beside its workload.
  public var label: String
  public var parameters: [JSON.Member]
  public var recordsPerSecond: Spread?
  /// Bytes as they lie in the log, a second.
  public var bytesPerSecond: Spread?
  public var latency: Latency?
  public var loop = Loop.closed
  public var limit: Limit?
  /// The share of the limit that was reached; above 1 is beyond it.
  public var ofLimit: Double?
  /// Calls of fdatasync in one round.
  public var syncs: Int?
  public var allocationsPerRecord: Double?
  /// What else was measured.
  public var figures: [Figure] = []
  /// Whether all that was written or read was compared with what it had to be.
  public var verified: Bool?

  public init(workload: String, engine: String, label: String, parameters: [JSON.Member]) {
    self.workload = workload
    self.engine = engine
    self.label = label
    self.parameters = parameters
  }

  /// As an element of `results`: a key that does not apply is left out.
  public var json: JSON {
    var members = [
      JSON.Member("workload", .string(workload)), JSON.Member("engine", .string(engine)),
      JSON.Member("label", .string(label)), JSON.Member("parameters", .object(parameters)),
    ]
    func add(_ key: String, _ value: JSON?) {
      if let value { members.append(JSON.Member(key, value)) }
    }
    add("recordsPerSecond", recordsPerSecond?.json)
    add("bytesPerSecond", bytesPerSecond?.json)
    add("latencyNanoseconds", latency?.json)
    if latency != nil { add("loop", loop.json) }
    add("limit", limit?.json)
    add("ofLimit", ofLimit.map { .number($0) })
    add("syncs", syncs.map { .integer($0) })
    add("allocationsPerRecord", allocationsPerRecord.map { .number($0) })
    if !figures.isEmpty { add("figures", .object(figures.map(\.member))) }
    add("verified", verified.map { .bool($0) })
    return .object(members)
  }
}

extension BenchmarkResult.Loop {
  var json: JSON {
    switch self {
    case .closed: .object([JSON.Member("kind", .string("closed"))])
    case .open(let rate):
      .object([JSON.Member("kind", .string("open")), JSON.Member("perSecond", .number(rate))])
    }
  }

  /// For a note below a table.
  var words: String {
    switch self {
    case .closed: "p50 and p99 of a closed loop: an operation begins when the last one has ended"
    case .open(let rate):
      "p50 and p99 of an open loop, \(Units.rate(rate)) a second: counted from when each was to begin"
    }
  }
}

extension BenchmarkResult.Limit {
  var json: JSON {
    let figure: JSON.Member =
      switch figure {
      case .bytesPerSecond(let value): JSON.Member("bytesPerSecond", .number(value))
      case .nanoseconds(let value): JSON.Member("nanoseconds", .number(value))
      }
    return .object([JSON.Member("name", .string(name)), figure])
  }
}

extension Spread {
  var json: JSON {
    .object([
      JSON.Member("median", .number(median)), JSON.Member("min", .number(minimum)),
      JSON.Member("max", .number(maximum)),
    ])
  }
}

extension Latency {
  var json: JSON {
    .object([
      JSON.Member("p50", .integer(Int(p50))), JSON.Member("p99", .integer(Int(p99))),
      JSON.Member("p999", .integer(Int(p999))), JSON.Member("max", .integer(Int(maximum))),
    ])
  }
}
