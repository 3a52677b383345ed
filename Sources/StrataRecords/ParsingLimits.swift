/// What a parser may take of memory and time at most, whatever the bytes claim. Checked before memory is taken.
public struct ParsingLimits: Hashable, Sendable {
  /// The bytes of one batch as it lies on disk, header included. Kafka's key: `max.message.bytes`.
  public var batchBytes: Int
  /// The bytes that the records of one batch may decompress to.
  public var decompressedBytes: Int
  /// The records of one batch.
  public var records: Int
  /// The headers of one record.
  public var headers: Int

  /// Large enough for everything that Kafka's clients write by default, and small enough for any machine.
  public static let standard = ParsingLimits()

  public init(
    batchBytes: Int = 256 << 20, decompressedBytes: Int = 256 << 20, records: Int = 16 << 20,
    headers: Int = 1 << 16
  ) {
    self.batchBytes = batchBytes
    self.decompressedBytes = decompressedBytes
    self.records = records
    self.headers = headers
  }
}
