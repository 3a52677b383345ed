/// The number of a leader's term. It grows whenever the end of the log was taken back, so that a pair of epoch
/// and offset names one record for ever. New logs start at 0; −1 in a batch means that none was known.
@frozen
public struct LeaderEpoch: Hashable, Sendable {
  public var rawValue: Int32

  @inlinable
  public init(_ rawValue: Int32) {
    self.rawValue = rawValue
  }
}

extension LeaderEpoch: Comparable {
  @inlinable
  public static func < (left: LeaderEpoch, right: LeaderEpoch) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension LeaderEpoch: ExpressibleByIntegerLiteral {
  @inlinable
  public init(integerLiteral value: Int32) {
    self.init(value)
  }
}

extension LeaderEpoch: CustomStringConvertible {
  public var description: String { "\(rawValue)" }
}
