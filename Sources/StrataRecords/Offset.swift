/// The place of a record in its log: offsets count records, from 0 on, and are never used twice.
///
/// An offset is not a position: positions count bytes in a file. There is no offset that stands for "none";
/// where one may be missing, the type is `Offset?`.
@frozen
public struct Offset: Hashable, Sendable {
  public var rawValue: Int64

  @inlinable
  public init(_ rawValue: Int64) {
    self.rawValue = rawValue
  }

  /// The largest offset there can be. No record has it, so that there is always one behind the last.
  public static let max = Offset(.max)
}

extension Offset: Comparable {
  @inlinable
  public static func < (left: Offset, right: Offset) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension Offset {
  /// The offset so many records behind.
  @inlinable
  public static func + (offset: Offset, count: Int64) -> Offset {
    Offset(offset.rawValue + count)
  }

  /// The offset so many records before.
  @inlinable
  public static func - (offset: Offset, count: Int64) -> Offset {
    Offset(offset.rawValue - count)
  }
}

extension Offset: Strideable {
  @inlinable
  public func distance(to other: Offset) -> Int64 {
    other.rawValue - rawValue
  }

  @inlinable
  public func advanced(by count: Int64) -> Offset {
    Offset(rawValue + count)
  }
}

extension Offset: ExpressibleByIntegerLiteral {
  @inlinable
  public init(integerLiteral value: Int64) {
    self.init(value)
  }
}

extension Offset: CustomStringConvertible {
  public var description: String { "\(rawValue)" }
}
