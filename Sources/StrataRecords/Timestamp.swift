/// A record's time: milliseconds since 1970-01-01 00:00 UTC, negative before. Kafka's "no timestamp" is −1.
@frozen
public struct Timestamp: Hashable, Sendable {
  public var milliseconds: Int64

  @inlinable
  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  /// What stands in a record that has no timestamp: −1.
  package static let none = Timestamp(milliseconds: -1)
}

extension Timestamp: Comparable {
  @inlinable
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }
}

extension Timestamp: CustomStringConvertible {
  public var description: String { "\(milliseconds)" }
}
