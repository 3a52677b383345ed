/// The head of a record batch, magic 2; all numbers big endian.
///
///     byte  0  baseOffset            int64    the offset of the first record that the batch was written with
///           8  batchLength           int32    bytes that follow this field: 49 and the records
///          12  partitionLeaderEpoch  int32    set by the log; −1: none
///          16  magic                 int8     2
///          17  crc                   uint32   CRC32C of all that follows this field
///          21  attributes            int16    bits 0–2 codec, 3 log append time, 4 transactional, 5 control,
///                                             6 baseTimestamp is the delete horizon
///          23  lastOffsetDelta       int32    last offset − baseOffset; stays when compaction removes records
///          27  baseTimestamp         int64    ms; what the records' timestamp deltas count from
///          35  maxTimestamp          int64    ms; with log append time the time of every record
///          43  producerId            int64    −1: none
///          51  producerEpoch         int16    −1: none
///          53  baseSequence          int32    −1: none
///          57  recordCount           int32    records that are there
///          61  records               compressed as a whole where a codec is set
///
/// The checksum leaves out the first 21 bytes, so that a log can give a batch its place without reading it.
///
/// Any 61 bytes make a header; two checks say what it is worth. **Framing** (`checkFraming`) is what a log needs
/// to walk its file: together with the checksum it makes a batch that recovery keeps. **Content**
/// (`checkContent`) is what a reader needs: a batch whose checksum fits but whose content fails stays in the
/// log, and reading it throws.
public struct RecordBatchHeader: Hashable, Sendable {
  public var baseOffset: Offset
  /// The bytes behind this field, so 12 less than the whole batch.
  public var batchLength: Int32
  public var partitionLeaderEpoch: LeaderEpoch
  public var magic: Int8
  public var crc: UInt32
  public var attributes: BatchAttributes
  public var lastOffsetDelta: Int32
  public var baseTimestamp: Timestamp
  public var maxTimestamp: Timestamp
  public var producerID: Int64
  public var producerEpoch: Int16
  public var baseSequence: Int32
  public var recordCount: Int32

  /// The size of a header: 61 bytes.
  public static let byteCount = 61

  /// Where the fields begin, in bytes from the start of the batch.
  package enum Position {
    package static let batchLength = 8
    package static let partitionLeaderEpoch = 12
    package static let magic = 16
    package static let crc = 17
    package static let attributes = 21
    package static let lastOffsetDelta = 23
    package static let baseTimestamp = 27
    package static let maxTimestamp = 35
    package static let producerID = 43
    package static let producerEpoch = 51
    package static let baseSequence = 53
    package static let recordCount = 57
    package static let records = 61
  }

  /// The bytes that `batchLength` does not count: itself and the base offset.
  package static let uncountedBytes = 12
  /// The least `batchLength`: that of a batch without records.
  package static let leastBatchLength: Int32 = 49
  /// The magic of the only format that is read and written.
  package static let supportedMagic: Int8 = 2

  /// A header of the current magic, every field that a log or a producer may set left at "none".
  package init(
    attributes: BatchAttributes = BatchAttributes(rawValue: 0), lastOffsetDelta: Int32 = -1,
    baseTimestamp: Timestamp = .none, maxTimestamp: Timestamp = .none, recordCount: Int32 = 0
  ) {
    baseOffset = 0
    batchLength = RecordBatchHeader.leastBatchLength
    partitionLeaderEpoch = -1
    magic = RecordBatchHeader.supportedMagic
    crc = 0
    self.attributes = attributes
    self.lastOffsetDelta = lastOffsetDelta
    self.baseTimestamp = baseTimestamp
    self.maxTimestamp = maxTimestamp
    producerID = -1
    producerEpoch = -1
    baseSequence = -1
    self.recordCount = recordCount
  }

  /// Reads the 61 bytes from `position` on as they are, without judging them.
  ///
  /// - Throws: `FormatError.Code.truncated` where there are fewer.
  public init(parsing bytes: Span<UInt8>, at position: Int = 0) throws(FormatError) {
    guard position >= 0, position <= bytes.count, bytes.count - position >= RecordBatchHeader.byteCount
    else {
      let left = max(0, bytes.count - max(0, position))
      throw FormatError(.truncated, at: left, "a batch's header has 61 bytes, here are \(left)")
    }
    self.init(loading: bytes, at: position)
  }

  /// The same, where the caller knows that the bytes are there.
  package init(loading bytes: Span<UInt8>, at position: Int = 0) {
    precondition(
      position >= 0 && position <= bytes.count - RecordBatchHeader.byteCount, "a header beyond the bytes")
    func load<T: FixedWidthInteger>(_ field: Int, _: T.Type) -> T {
      var value: T = 0
      for i in 0..<MemoryLayout<T>.size {
        value = value &<< 8 | T(truncatingIfNeeded: bytes[position &+ field &+ i])
      }
      return value
    }
    baseOffset = Offset(load(0, Int64.self))
    batchLength = load(Position.batchLength, Int32.self)
    partitionLeaderEpoch = LeaderEpoch(load(Position.partitionLeaderEpoch, Int32.self))
    magic = Int8(bitPattern: bytes[position &+ Position.magic])
    crc = load(Position.crc, UInt32.self)
    attributes = BatchAttributes(rawValue: load(Position.attributes, Int16.self))
    lastOffsetDelta = load(Position.lastOffsetDelta, Int32.self)
    baseTimestamp = Timestamp(milliseconds: load(Position.baseTimestamp, Int64.self))
    maxTimestamp = Timestamp(milliseconds: load(Position.maxTimestamp, Int64.self))
    producerID = load(Position.producerID, Int64.self)
    producerEpoch = load(Position.producerEpoch, Int16.self)
    baseSequence = load(Position.baseSequence, Int32.self)
    recordCount = load(Position.recordCount, Int32.self)
  }

  /// Writes the 61 bytes from `position` on; there must be room for them.
  public func encode(into bytes: inout MutableSpan<UInt8>, at position: Int = 0) {
    precondition(
      position >= 0 && position <= bytes.count - RecordBatchHeader.byteCount, "a header beyond the bytes")
    RecordBatchHeader.store(baseOffset.rawValue, into: &bytes, at: position)
    RecordBatchHeader.store(batchLength, into: &bytes, at: position + Position.batchLength)
    RecordBatchHeader.store(
      partitionLeaderEpoch.rawValue, into: &bytes, at: position + Position.partitionLeaderEpoch)
    RecordBatchHeader.store(magic, into: &bytes, at: position + Position.magic)
    RecordBatchHeader.store(crc, into: &bytes, at: position + Position.crc)
    RecordBatchHeader.store(attributes.rawValue, into: &bytes, at: position + Position.attributes)
    RecordBatchHeader.store(lastOffsetDelta, into: &bytes, at: position + Position.lastOffsetDelta)
    RecordBatchHeader.store(baseTimestamp.milliseconds, into: &bytes, at: position + Position.baseTimestamp)
    RecordBatchHeader.store(maxTimestamp.milliseconds, into: &bytes, at: position + Position.maxTimestamp)
    RecordBatchHeader.store(producerID, into: &bytes, at: position + Position.producerID)
    RecordBatchHeader.store(producerEpoch, into: &bytes, at: position + Position.producerEpoch)
    RecordBatchHeader.store(baseSequence, into: &bytes, at: position + Position.baseSequence)
    RecordBatchHeader.store(recordCount, into: &bytes, at: position + Position.recordCount)
  }

  @inline(__always)
  private static func store<T: FixedWidthInteger>(
    _ value: T, into bytes: inout MutableSpan<UInt8>, at position: Int
  ) {
    for i in 0..<MemoryLayout<T>.size {
      bytes[position &+ i] = UInt8(truncatingIfNeeded: value &>> T((MemoryLayout<T>.size &- 1 &- i) &* 8))
    }
  }
}

extension RecordBatchHeader {
  /// The offset of the last record that the batch was written with. Means something once the framing is checked.
  public var lastOffset: Offset { Offset(baseOffset.rawValue &+ Int64(lastOffsetDelta)) }

  /// The offset behind the batch. Means something once the framing is checked.
  public var nextOffset: Offset { Offset(baseOffset.rawValue &+ Int64(lastOffsetDelta) &+ 1) }

  /// The size of the whole batch in bytes, as `batchLength` claims it.
  public var sizeInBytes: Int { RecordBatchHeader.uncountedBytes + Int(batchLength) }

  /// Who wrote the batch; nil where no producer id is set.
  public var producer: Producer? {
    producerID < 0 ? nil : Producer(id: producerID, epoch: producerEpoch, baseSequence: baseSequence)
  }

  /// The first bytes of the batch as a log puts it into its place: base offset, length and leader epoch. What
  /// follows them, from byte 16 on, stays as it is, the checksum included.
  package func encodePlacement(into bytes: inout MutableSpan<UInt8>, at position: Int = 0) {
    RecordBatchHeader.store(baseOffset.rawValue, into: &bytes, at: position)
    RecordBatchHeader.store(batchLength, into: &bytes, at: position + Position.batchLength)
    RecordBatchHeader.store(
      partitionLeaderEpoch.rawValue, into: &bytes, at: position + Position.partitionLeaderEpoch)
  }

  /// The checksum alone, in a batch whose other bytes are there.
  func encodeChecksum(into bytes: inout MutableSpan<UInt8>) {
    RecordBatchHeader.store(crc, into: &bytes, at: Position.crc)
  }

  /// How many bytes `encodePlacement` writes.
  package static let placementByteCount = 16
}
