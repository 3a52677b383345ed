/// The attribute bits of a batch.
///
///     0–2  codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
///     3    0: records have their own times; 1: all have the time of the append, `maxTimestamp`
///     4    part of a transaction
///     5    control batch: its one record ends a transaction
///     6    `baseTimestamp` is the delete horizon: the time from which on tombstones may go
///     7–   nothing yet; kept as they are
public struct BatchAttributes: RawRepresentable, Hashable, Sendable {
  public var rawValue: Int16

  public init(rawValue: Int16) {
    self.rawValue = rawValue
  }

  static let codecMask: Int16 = 0b111
  private static let logAppendTimeBit: Int16 = 1 << 3
  private static let transactionalBit: Int16 = 1 << 4
  private static let controlBit: Int16 = 1 << 5
  private static let deleteHorizonBit: Int16 = 1 << 6
  private static let knownBits: Int16 = 0x7F

  /// How the records are compressed; nil where the bits name no codec.
  public var codec: Compression.Codec? {
    Compression.Codec(rawValue: UInt8(truncatingIfNeeded: rawValue & BatchAttributes.codecMask))
  }

  /// Whether every record has the time of the append instead of its own.
  public var isLogAppendTime: Bool {
    get { has(BatchAttributes.logAppendTimeBit) }
    set { set(BatchAttributes.logAppendTimeBit, newValue) }
  }

  /// Whether the batch belongs to a transaction.
  public var isTransactional: Bool {
    get { has(BatchAttributes.transactionalBit) }
    set { set(BatchAttributes.transactionalBit, newValue) }
  }

  /// Whether the batch's record is a control record, which no consumer sees.
  public var isControl: Bool {
    get { has(BatchAttributes.controlBit) }
    set { set(BatchAttributes.controlBit, newValue) }
  }

  /// Whether `baseTimestamp` is the delete horizon.
  public var hasDeleteHorizon: Bool {
    get { has(BatchAttributes.deleteHorizonBit) }
    set { set(BatchAttributes.deleteHorizonBit, newValue) }
  }

  /// Whether a bit is set that means nothing yet.
  public var hasUnknownBits: Bool { rawValue & ~BatchAttributes.knownBits != 0 }

  package mutating func setCodec(_ codec: Compression.Codec) {
    rawValue = rawValue & ~BatchAttributes.codecMask | Int16(codec.rawValue)
  }

  private func has(_ bit: Int16) -> Bool { rawValue & bit != 0 }

  private mutating func set(_ bit: Int16, _ on: Bool) {
    rawValue = on ? rawValue | bit : rawValue & ~bit
  }
}
