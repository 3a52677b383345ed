internal import CBenchmarkSupport

/// The moments at which the operations of an open loop are to begin, whatever became of those before.
///
/// A closed loop begins an operation when the last one has ended: while one stalls, none begins, and all those that
/// would have waited are missing from its percentiles (coordinated omission). Here each latency is counted from the
/// moment at which its operation was to begin, so that a stall is felt by everyone who would have come meanwhile.
public struct Pacer: Sendable {
  /// Nanoseconds between two operations.
  public let interval: Double
  /// When the first one is to begin, by `Clock`.
  public let start: Int64

  /// Below this distance, in nanoseconds, it is waited for by looking at the clock: sleeping is not that exact.
  private static let spinning: Int64 = 30_000

  /// `rate` operations a second, the first one at `start`.
  public init(rate: Double, start: Int64) {
    precondition(rate > 0, "a pace of nothing")
    interval = 1e9 / rate
    self.start = start
  }

  /// When operation `number` (0…) is to begin.
  @inline(__always)
  public func moment(of number: Int) -> Int64 { start + Int64(Double(number) * interval) }

  /// Waits until operation `number` is to begin; not at all where that is over. Returns when it was to.
  public func wait(for number: Int) -> Int64 {
    let moment = moment(of: number)
    var now = Clock.now
    if moment - now > 2 * Self.spinning {
      benchmark_sleep_until(moment - Self.spinning)
      now = Clock.now
    }
    while now < moment { now = Clock.now }
    return moment
  }
}
