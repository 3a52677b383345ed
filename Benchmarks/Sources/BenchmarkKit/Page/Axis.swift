internal import Glibc

/// Where a figure lies between the two ends of an axis, 0 to 1.
struct Axis: Sendable {
  let minimum: Double
  let maximum: Double
  let isLogarithmic: Bool

  /// From 0 to a little above the largest figure.
  static func linear(_ figures: [Double]) -> Axis {
    Axis(minimum: 0, maximum: max(figures.max() ?? 1, .leastNormalMagnitude) * 1.02, isLogarithmic: false)
  }

  /// From the power of ten below the least figure to the one above the largest. What is not above 0 lies at its
  /// beginning.
  static func logarithmic(_ figures: [Double]) -> Axis {
    let figures = figures.filter { $0 > 0 && $0.isFinite }
    let least = pow(10, log10(figures.min() ?? 1).rounded(.down))
    let largest = pow(10, log10(figures.max() ?? 10).rounded(.up))
    return Axis(minimum: least, maximum: max(largest, least * 10), isLogarithmic: true)
  }

  /// Exactly from the least to the largest, by powers of two or ten: for numbers of writers or records.
  static func spanning(_ figures: [Double]) -> Axis {
    let least = figures.min() ?? 1
    return Axis(minimum: least, maximum: max(figures.max() ?? 10, least * 2), isLogarithmic: true)
  }

  func position(_ figure: Double) -> Double {
    let share =
      isLogarithmic
      ? log(max(figure, minimum) / minimum) / log(maximum / minimum)
      : (figure - minimum) / (maximum - minimum)
    return share.isFinite ? min(max(share, 0), 1) : 0
  }

  /// The powers of ten on it.
  var decades: [Double] {
    var ticks: [Double] = []
    var tick = minimum
    while tick <= maximum * 1.001 {
      ticks.append(tick)
      tick *= 10
    }
    return ticks
  }
}

extension Double {
  /// For a coordinate: two places behind the point.
  var coordinate: String { Units.fixed(self, 2) }
}
