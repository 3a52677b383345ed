extension RecordBatchHeader {
  /// The least size of a legacy message, of magic 0 or 1, without the 12 bytes before it: what tells an old
  /// message set from zeros.
  private static let leastLegacyLength: Int32 = 14

  /// Checks what a log needs in order to walk from this batch to the next: the magic, the size, and that the
  /// offsets are none below zero and none beyond Int64. The bytes behind the header, and so the checksum, are
  /// not looked at.
  ///
  /// - Throws: `.unsupportedMagic`, `.invalidLength` or `.limitExceeded`.
  public func checkFraming(limits: ParsingLimits = .standard) throws(FormatError) {
    try checkSize(limits: limits)
    guard magic == RecordBatchHeader.supportedMagic else {
      let detail =
        magic == 0 || magic == 1
        ? "magic \(magic), the message set of Kafka before 0.11; only magic 2 is read"
        : "magic \(magic) does not exist; only magic 2 is read"
      throw FormatError(.unsupportedMagic, at: Position.magic, detail)
    }
    guard baseOffset.rawValue >= 0 else {
      throw FormatError(.invalidLength, at: 0, "base offset \(baseOffset)")
    }
    guard lastOffsetDelta >= 0, Int64.max - 1 - baseOffset.rawValue >= Int64(lastOffsetDelta) else {
      throw FormatError(
        .invalidLength, at: Position.lastOffsetDelta,
        "last offset delta \(lastOffsetDelta) from base offset \(baseOffset)")
    }
  }

  /// Checks `batchLength` alone.
  func checkSize(limits: ParsingLimits) throws(FormatError) {
    let isLegacy = magic == 0 || magic == 1
    let least = isLegacy ? RecordBatchHeader.leastLegacyLength : RecordBatchHeader.leastBatchLength
    guard batchLength >= least else {
      throw FormatError(.invalidLength, at: Position.batchLength, "batch length \(batchLength)")
    }
    guard sizeInBytes <= limits.batchBytes else {
      throw FormatError(
        .limitExceeded, at: Position.batchLength, "\(sizeInBytes) bytes, of at most \(limits.batchBytes)")
    }
  }

  /// Checks what a reader needs, in a header whose framing is in order: a codec that exists, and a count of
  /// records that the offsets have room for and the limits allow. Attribute bits that mean nothing yet are let
  /// through, as Kafka does.
  ///
  /// - Throws: `.unknownCodec`, `.invalidRecords` or `.limitExceeded`.
  public func checkContent(limits: ParsingLimits = .standard) throws(FormatError) {
    guard attributes.codec != nil else {
      throw FormatError(
        .unknownCodec, at: Position.attributes, "codec \(attributes.rawValue & BatchAttributes.codecMask)")
    }
    guard recordCount >= 0, Int64(recordCount) <= Int64(lastOffsetDelta) + 1 else {
      throw FormatError(
        .invalidRecords, at: Position.recordCount,
        "\(recordCount) records, last offset delta \(lastOffsetDelta)")
    }
    guard Int(recordCount) <= limits.records else {
      throw FormatError(
        .limitExceeded, at: Position.recordCount, "\(recordCount) records, of at most \(limits.records)")
    }
  }
}
