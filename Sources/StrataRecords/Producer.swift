/// Who wrote a batch, and as which of its own: what idempotence and transactions go by.
@frozen
public struct Producer: Hashable, Sendable {
  /// The producer's number; 0 or above.
  public var id: Int64
  /// Grows when another instance takes over the number; who still writes with a lower one is refused.
  public var epoch: Int16
  /// The sequence number of the record at the batch's base offset; −1 in a control batch.
  public var baseSequence: Int32

  @inlinable
  public init(id: Int64, epoch: Int16, baseSequence: Int32) {
    self.id = id
    self.epoch = epoch
    self.baseSequence = baseSequence
  }

  /// The sequence number of the record with this offset delta. It wraps from 2³¹−1 to 0, also inside a batch.
  public func sequence(at offsetDelta: Int32) -> Int32 {
    guard baseSequence >= 0, offsetDelta >= 0 else { return baseSequence }
    return Int32(truncatingIfNeeded: (Int64(baseSequence) + Int64(offsetDelta)) & 0x7FFF_FFFF)
  }
}
