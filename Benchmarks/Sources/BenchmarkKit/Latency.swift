public import Strata

/// What is told of a histogram.
public struct Latency: Sendable, Equatable {
  public var p50: Int64
  public var p99: Int64
  public var p999: Int64
  public var maximum: Int64

  /// Nanoseconds that are known already.
  public init(p50: Int64, p99: Int64, p999: Int64, maximum: Int64) {
    self.p50 = p50
    self.p99 = p99
    self.p999 = p999
    self.maximum = maximum
  }

  /// Of percentiles that are known; the larger ones are as large as `p99`.
  public init(p50: Int64, p99: Int64) {
    self.p50 = p50
    self.p99 = p99
    p999 = p99
    maximum = p99
  }

  public init(_ histogram: LatencyHistogram) {
    p50 = histogram.percentile(0.5)
    p99 = histogram.percentile(0.99)
    p999 = histogram.percentile(0.999)
    maximum = histogram.maximum
  }
}
