/// What the one record of a control batch says: how a transaction ended.
///
///     key:   version int16 | type int16: 0 abort, 1 commit
///     value: version int16 | coordinatorEpoch int32
///
/// Later versions may have more behind this, which is left alone.
public struct ControlRecord: Hashable, Sendable {
  /// What kind of control record it is. A kind that is not known here is kept, and means nothing.
  public struct Kind: RawRepresentable, Hashable, Sendable {
    public var rawValue: Int16

    public init(rawValue: Int16) {
      self.rawValue = rawValue
    }

    /// The transaction's records are not to be seen.
    public static let abort = Kind(rawValue: 0)
    /// The transaction's records count.
    public static let commit = Kind(rawValue: 1)
  }

  public var kind: Kind
  /// The term of the transaction coordinator; nil where the kind is neither abort nor commit.
  public var coordinatorEpoch: Int32?

  /// The end marker of a transaction.
  public init(_ kind: Kind, coordinatorEpoch: Int32) {
    self.kind = kind
    self.coordinatorEpoch = coordinatorEpoch
  }

  /// Reads the record of a control batch.
  ///
  /// - Throws: `.invalidControlRecord` where key or value are missing, too short, or of a negative version.
  public init(parsing record: RecordView) throws(FormatError) {
    guard let key = record.key, key.count >= 4, ControlRecord.load(key, 0, Int16.self) >= 0 else {
      throw FormatError(.invalidControlRecord, at: 0, inRecords: true, "the key at offset \(record.offset)")
    }
    kind = Kind(rawValue: ControlRecord.load(key, 2, Int16.self))
    guard kind == .abort || kind == .commit else {
      coordinatorEpoch = nil
      return
    }
    guard let value = record.value, value.count >= 6, ControlRecord.load(value, 0, Int16.self) >= 0 else {
      throw FormatError(.invalidControlRecord, at: 0, inRecords: true, "the value at offset \(record.offset)")
    }
    coordinatorEpoch = ControlRecord.load(value, 2, Int32.self)
  }

  private static func load<T: FixedWidthInteger>(_ bytes: Span<UInt8>, _ position: Int, _: T.Type) -> T {
    var value: T = 0
    for i in 0..<MemoryLayout<T>.size { value = value &<< 8 | T(truncatingIfNeeded: bytes[position + i]) }
    return value
  }

  /// The record's key.
  package var key: [UInt8] {
    let kind = UInt16(bitPattern: kind.rawValue)
    return [0, 0, UInt8(kind >> 8), UInt8(kind & 0xFF)]
  }

  /// The record's value.
  package var value: [UInt8] {
    let epoch = UInt32(bitPattern: coordinatorEpoch ?? 0)
    return [0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: epoch >> $0) }
  }
}

extension RecordBatch {
  /// The batch that ends a transaction of a producer.
  ///
  /// - Throws: nothing that is not a bug here; the record is small.
  package static func endMarker(
    _ marker: ControlRecord, producerID: Int64, producerEpoch: Int16, timestamp: Timestamp
  ) throws(FormatError) -> RecordBatch {
    var builder = RecordBatchBuilder()
    builder.isControl = true
    builder.isTransactional = true
    builder.producer = Producer(id: producerID, epoch: producerEpoch, baseSequence: -1)
    try builder.append(key: marker.key.span, value: marker.value.span, timestamp: timestamp)
    return try builder.finish()
  }
}
