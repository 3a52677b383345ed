/// One more thing that was measured and has no column of its own.
public struct Figure: Sendable, Equatable {
  public enum Unit: Sendable {
    case bytes
    case nanoseconds
    case bytesPerSecond
    case perSecond
    case ratio
    case count
  }

  /// Its key in JSON, with the unit in it: "scannedBytes".
  public var key: String
  /// For a person, without the value.
  public var name: String
  public var value: Double
  public var unit: Unit

  public init(_ key: String, _ name: String, _ value: Double, _ unit: Unit) {
    self.key = key
    self.name = name
    self.value = value
    self.unit = unit
  }

  /// scanned: 67.1 MB
  public var words: String { "\(name): \(unit.words(value))" }

  var member: JSON.Member { JSON.Member(key, .number(value)) }

  /// The median of each figure over several runs, in the order of the first; what a run does not have is left out.
  public static func medians(_ runs: [[Figure]]) -> [Figure] {
    guard let first = runs.first else { return [] }
    return first.compactMap { figure in
      let values = runs.compactMap { $0.first { $0.key == figure.key }?.value }
      guard values.count == runs.count else { return nil }
      return Figure(figure.key, figure.name, Spread(values).median, figure.unit)
    }
  }
}

extension Figure.Unit {
  /// A value in this unit as people read it.
  func words(_ value: Double) -> String {
    switch self {
    case .bytes: Units.bytes(value)
    case .nanoseconds: Units.duration(value)
    case .bytesPerSecond: Units.bytes(value) + "/s"
    case .perSecond: Units.rate(value) + "/s"
    case .ratio: Units.share(value)
    case .count: Units.grouped(Int(value))
    }
  }
}
