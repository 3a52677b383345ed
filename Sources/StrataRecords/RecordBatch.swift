/// The bytes of one record batch, whose framing and checksum were found in order.
///
/// It shares its memory with nobody who writes: copying it copies a reference. What is inside is looked at when
/// the records are read, so `records()` can still throw.
public struct RecordBatch: Sendable {
  /// The batch's head. `baseOffset` and `partitionLeaderEpoch` are those of the log once it has placed the batch;
  /// in a batch just built they are 0 and −1.
  public let header: RecordBatchHeader
  package let buffer: ByteBuffer
  /// Where the batch begins in `buffer`.
  package let start: Int
  /// Where `records()` begin: a reader that asked for an offset inside of the batch gets no record before it.
  private var firstOffset: Offset?

  /// Takes over the batch at the start of `bytes`, copying it; what follows it is left alone.
  ///
  /// - Throws: `.truncated`, `.invalidLength`, `.limitExceeded`, `.unsupportedMagic`, `.damagedMagic` or
  ///   `.checksumMismatch`.
  public init(copying bytes: Span<UInt8>, limits: ParsingLimits = .standard) throws(FormatError) {
    header = try RecordBatch.check(bytes, limits: limits)
    let count = header.sizeInBytes
    buffer = ByteBuffer(capacity: count)
    start = 0
    buffer.withMutableBytes { copy in
      // Both hold `count` bytes, and the new memory is nobody else's.
      unsafe copy.withUnsafeMutableBytes { target in
        unsafe bytes.withUnsafeBytes { source in
          unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
        }
      }
    }
    buffer.count = count
  }

  /// The batch at `start` of `buffer`, which somebody has checked.
  package init(verified buffer: ByteBuffer, start: Int, header: RecordBatchHeader) {
    precondition(
      start >= 0 && header.batchLength >= RecordBatchHeader.leastBatchLength
        && start <= buffer.count - header.sizeInBytes, "a batch beyond its buffer")
    self.header = header
    self.buffer = buffer
    self.start = start
  }

  /// The bytes of the batch, header included.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self) get {
      let span = buffer.bytes.extracting(start..<start + header.sizeInBytes)
      // The buffer lives as long as this value, and nobody writes to it.
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The size of the batch in bytes, header included.
  public var sizeInBytes: Int { header.sizeInBytes }
  public var baseOffset: Offset { header.baseOffset }
  public var lastOffset: Offset { header.lastOffset }
  /// The offset behind the batch.
  public var nextOffset: Offset { header.nextOffset }
  /// How many records the header claims; 0 or above once `records()` did not throw.
  public var recordCount: Int { Int(header.recordCount) }
  /// The time of the newest record in milliseconds; −1 where there is none.
  public var maxTimestamp: Timestamp { header.maxTimestamp }
  /// How the records are compressed; nil where the attributes name no codec.
  public var codec: Compression.Codec? { header.attributes.codec }
  /// Whether this is the end marker of a transaction, which no consumer sees.
  public var isControl: Bool { header.attributes.isControl }
  public var isTransactional: Bool { header.attributes.isTransactional }
  /// Who wrote the batch; nil where no producer id is set.
  public var producer: Producer? { header.producer }
}

extension RecordBatch {
  /// Reads the batch at the start of `bytes`, which may be followed by more, and checks framing and checksum.
  ///
  /// - Throws: as `init(copying:limits:)` does.
  package static func check(
    _ bytes: Span<UInt8>, limits: ParsingLimits = .standard
  ) throws(FormatError) -> RecordBatchHeader {
    guard bytes.count >= RecordBatchHeader.byteCount else {
      throw shortage(of: bytes)
    }
    let header = RecordBatchHeader(loading: bytes)
    try header.checkSize(limits: limits)
    guard bytes.count >= header.sizeInBytes else {
      throw FormatError(
        .truncated, at: bytes.count, "the batch has \(header.sizeInBytes) bytes, here are \(bytes.count)")
    }
    if header.magic != RecordBatchHeader.supportedMagic,
      header.batchLength >= RecordBatchHeader.leastBatchLength, checksumFits(bytes, header)
    {
      throw FormatError(
        .damagedMagic, at: RecordBatchHeader.Position.magic,
        "magic \(header.magic), but the checksum is that of a batch of magic 2")
    }
    try header.checkFraming(limits: limits)
    guard checksumFits(bytes, header) else {
      throw FormatError(.checksumMismatch, at: RecordBatchHeader.Position.crc)
    }
    return header
  }

  /// Whether the header's checksum is that of the batch at the start of `bytes`. False where `bytes` do not
  /// hold the whole batch.
  package static func checksumFits(_ bytes: Span<UInt8>, _ header: RecordBatchHeader) -> Bool {
    guard header.batchLength >= RecordBatchHeader.leastBatchLength, bytes.count >= header.sizeInBytes
    else { return false }
    let covered = bytes.extracting(RecordBatchHeader.Position.attributes..<header.sizeInBytes)
    return CRC32C.checksum(covered) == header.crc
  }

  /// What to say of bytes that are too few for a header: a short message of an old magic is named as one.
  private static func shortage(of bytes: Span<UInt8>) -> FormatError {
    var start = ByteBlock61()
    for i in bytes.indices { start.bytes[i] = bytes[i] }
    let header = RecordBatchHeader(loading: start.bytes.span)
    if bytes.count > RecordBatchHeader.Position.magic, header.magic == 0 || header.magic == 1,
      header.sizeInBytes <= bytes.count
    {
      do { try header.checkFraming() } catch { return error }
    }
    return FormatError(
      .truncated, at: bytes.count, "a batch has at least 61 bytes, here are \(bytes.count)")
  }

  private struct ByteBlock61 {
    var bytes = [61 of UInt8](repeating: 0)
  }
}

extension RecordBatch {
  /// The records, decompressed where they are compressed. Reading one allocates nothing; the memory for
  /// decompressing is used again when the reader is gone.
  ///
  /// - Throws: `.unknownCodec`, `.codecNotBuilt`, `.corruptCompression`, `.limitExceeded` or `.invalidRecords`.
  ///   No record was handed out then.
  @_lifetime(borrow self)
  public func records(limits: ParsingLimits = .standard) throws(FormatError) -> RecordReader {
    try header.checkContent(limits: limits)
    let body = bytes.extracting(RecordBatchHeader.Position.records...)
    // `checkContent` has refused bits that name no codec.
    guard let codec, codec != .none, !body.isEmpty else {
      let first = start + RecordBatchHeader.byteCount
      var reader = RecordReader(header, in: buffer, at: first, body.count, limits)
      if let firstOffset { try reader.skip(before: firstOffset) }
      return unsafe _overrideLifetime(reader, borrowing: self)
    }
    let plain = BufferPool.take()
    do {
      try decompress(body, codec, into: plain, limit: limits.decompressedBytes)
    } catch {
      BufferPool.give(plain)
      throw error
    }
    var reader = RecordReader(header, in: plain, at: 0, plain.count, limits, isPooled: true)
    if let firstOffset { try reader.skip(before: firstOffset) }
    return unsafe _overrideLifetime(reader, borrowing: self)
  }

  private func decompress(
    _ body: Span<UInt8>, _ codec: Compression.Codec, into plain: ByteBuffer, limit: Int
  ) throws(FormatError) {
    if let trait = codec.missingTrait {
      throw FormatError(
        .codecNotBuilt, at: RecordBatchHeader.Position.attributes,
        "\(codec.name) comes with the package trait \(trait)")
    }
    // The pointer is used inside the call only.
    try unsafe body.withUnsafeBytes { source throws(FormatError) in
      try unsafe CodecDispatch.decompress(source, codec, into: plain, limit: limit)
    }
  }
}

extension RecordBatch {
  /// The same batch as it lies in a log at `baseOffset`. Its `bytes` say what they did.
  package func at(_ baseOffset: Offset) -> RecordBatch {
    var header = header
    header.baseOffset = baseOffset
    return RecordBatch(verified: buffer, start: start, header: header)
  }

  /// The same batch, whose `records()` leave out those before `offset`.
  package func beginning(at offset: Offset) -> RecordBatch {
    var copy = self
    copy.firstOffset = offset
    return copy
  }
}
