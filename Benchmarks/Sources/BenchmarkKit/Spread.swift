/// Figures of several rounds: the median, the least and the largest.
public struct Spread: Sendable, Equatable {
  public var median: Double
  public var minimum: Double
  public var maximum: Double

  /// The spread of at least one figure. The median of an even number lies between the middle two.
  public init(_ figures: [Double]) {
    precondition(!figures.isEmpty, "a spread of nothing")
    let sorted = figures.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    minimum = sorted[0]
    maximum = sorted[sorted.count - 1]
  }
}
