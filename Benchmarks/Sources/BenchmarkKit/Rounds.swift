import Strata

/// Runs a workload and its limit by turns, so that what the machine does meanwhile hits both.
///
/// Each round runs the limits and the workload once; with two limits the workload comes between them. The
/// first round is a warm-up and is dropped. Of several limits the better one of a round counts. The share
/// of the limit is that of the same round; what is told is the median of the rounds' shares.
public struct Rounds: Sendable {
  public var samples: [Sample] = []
  /// The best of each round's limits.
  public var limits: [Sample] = []

  /// No round yet.
  public init() {}

  /// Runs `count` rounds and one before them.
  public static func run(
    _ count: Int, progress: Progress, _ label: String, limits: [() throws -> Sample] = [],
    workload: () throws -> Sample
  ) throws -> Rounds {
    var rounds = Rounds()
    for round in 0...count {
      progress.show("\(label): \(round == 0 ? "warm-up" : "round \(round) of \(count)")")
      var best: Sample?
      func measure(_ limit: () throws -> Sample) throws {
        let sample = try limit()
        if best == nil || sample.isBetter(than: best!) { best = sample }
      }
      if let first = limits.first { try measure(first) }
      let sample = try workload()
      for limit in limits.dropFirst() { try measure(limit) }
      guard round > 0 else { continue }
      rounds.samples.append(sample)
      if let best { rounds.limits.append(best) }
    }
    progress.clear()
    return rounds
  }

  /// Puts figures of all rounds into a result.
  public func fill(_ result: inout BenchmarkResult) {
    if samples.allSatisfy({ $0.records > 0 }) {
      result.recordsPerSecond = Spread(samples.map(\.recordsPerSecond))
    }
    if samples.allSatisfy({ $0.bytes > 0 }) { result.bytesPerSecond = Spread(samples.map(\.bytesPerSecond)) }
    result.latency = Rounds.merged(samples).map { Latency($0) }
    if let syncs = samples.last?.syncs { result.syncs = syncs }
    result.figures += Figure.medians(samples.map(\.figures))
    if samples.contains(where: { $0.verified != nil }) {
      result.verified = samples.allSatisfy { $0.verified == true }
    }
  }

  /// The limit is bytes a second: the share is that of the bytes.
  public func limitByThroughput(_ name: String, _ result: inout BenchmarkResult) {
    result.limit = .init(name, .bytesPerSecond(Spread(limits.map(\.bytesPerSecond)).median))
    result.ofLimit = Spread(zip(samples, limits).map { $0.bytesPerSecond / $1.bytesPerSecond }).median
  }

  /// The limit is a latency: the share is the limit's p50 divided by the workload's.
  public func limitByLatency(_ name: String, _ result: inout BenchmarkResult) {
    guard let limit = Rounds.merged(limits).map({ Latency($0) }) else { return }
    result.limit = .init(name, .nanoseconds(Double(limit.p50)))
    let shares = zip(samples, limits).map { sample, limit in
      Double(limit.latencies?.percentile(0.5) ?? 0) / Double(max(1, sample.latencies?.percentile(0.5) ?? 1))
    }
    result.ofLimit = Spread(shares).median
  }

  /// The limit is the time of one operation, one after another: the share is how many times as many were
  /// done in the time of all. Above 1 where the workload does several at once.
  public func limitByOperations(_ name: String, _ result: inout BenchmarkResult) {
    guard let limit = Rounds.merged(limits).map({ Latency($0) }) else { return }
    result.limit = .init(name, .nanoseconds(Double(limit.p50)))
    let shares = zip(samples, limits).map { sample, limit in
      sample.recordsPerSecond * Double(limit.latencies?.percentile(0.5) ?? 0) / 1e9
    }
    result.ofLimit = Spread(shares).median
  }

  private static func merged(_ samples: [Sample]) -> LatencyHistogram? {
    var all: LatencyHistogram?
    for sample in samples {
      guard let latencies = sample.latencies else { continue }
      if all == nil { all = latencies } else { all!.merge(latencies) }
    }
    return all
  }
}

extension Sample {
  /// Whether it did more in its time.
  public func isBetter(than other: Sample) -> Bool {
    Double(max(bytes, records)) / Double(nanoseconds)
      > Double(max(other.bytes, other.records)) / Double(other.nanoseconds)
  }
}
