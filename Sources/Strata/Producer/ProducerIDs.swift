internal import StrataIO
internal import StrataRecords

/// Producer ids that nobody else has got, in a folder of one log or of many.
///
/// The file `strata.producer-ids` says how far they were given out; it is written a block ahead, so that most ids cost
/// no write, and what a crash leaves of a block is never given out:
///
///     0   magic "STPI" | version uint16 (1) | zero uint16
///     8   first id of this folder int64 | the id behind the last block int64
///     24  CRC-32C of the bytes before, uint32
///
/// All big endian.
struct ProducerIDs: Sendable {
  static let fileName = "strata.producer-ids"
  static let blockSize: Int64 = 1000
  static let byteCount = 28
  private static let magic: UInt32 = 0x5354_5049

  let directory: String
  /// The ids that the folder has given out, or may have: its own.
  private(set) var own: Range<Int64>
  /// The next id, and where the block ends.
  private var next: Int64

  /// What the file of a folder says; nil where there is none.
  ///
  /// - Throws: `.damaged` where it cannot be read: an id might be given out twice.
  static func load(_ directory: String, _ fileSystem: any FileSystem) throws(LogError) -> ProducerIDs? {
    let path = SegmentFiles.path(directory, fileName)
    let bytes: HeapMapping
    do {
      let file = try fileSystem.open(path, .read)
      defer { file.close() }
      bytes = try file.copyIntoMemory(Int(min(try file.metadata().size, Int64(byteCount))))
    } catch {
      guard error.code == .notFound else { throw LogError(error) }
      return nil
    }
    guard let own = decode(bytes.bytes) else {
      throw LogError(
        .damaged, path: path,
        detail: "the file of producer ids cannot be read; where no producer of this log is in use any more, "
          + "remove it")
    }
    return ProducerIDs(directory: directory, own: own, next: own.upperBound)
  }

  /// For a folder that has given out none: `first` is above every id that is in use.
  init(_ directory: String, first: Int64) {
    self.init(directory: directory, own: first..<first, next: first)
  }

  private init(directory: String, own: Range<Int64>, next: Int64) {
    self.directory = directory
    self.own = own
    self.next = next
  }

  private static func decode(_ bytes: Span<UInt8>) -> Range<Int64>? {
    guard bytes.count == byteCount, UInt32(bitPattern: bytes.bigEndianInt32(at: 0)) == magic,
      bytes.bigEndianInt32(at: 4) == 1 << 16,
      UInt32(bitPattern: bytes.bigEndianInt32(at: 24)) == CRC32C.checksum(bytes.extracting(0..<24))
    else { return nil }
    let (first, end) = (bytes.bigEndianInt64(at: 8), bytes.bigEndianInt64(at: 16))
    return first >= 0 && first <= end ? first..<end : nil
  }

  private static func encode(_ own: Range<Int64>) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableSpan
    span.storeBigEndian(magic, at: 0)
    span.storeBigEndian(Int32(1 << 16), at: 4)
    span.storeBigEndian(own.lowerBound, at: 8)
    span.storeBigEndian(own.upperBound, at: 16)
    let checksum = CRC32C.checksum(span.span.extracting(0..<24))
    span.storeBigEndian(checksum, at: 24)
    return bytes
  }

  /// An id that was never given out before in this folder, whatever happens next.
  mutating func take(_ fileSystem: any FileSystem) throws(LogError) -> Int64 {
    if next == own.upperBound {
      let (end, over) = own.upperBound.addingReportingOverflow(Self.blockSize)
      guard !over else {
        throw LogError(
          .tooManyProducers, path: directory, detail: "the producer ids of the folder are used up")
      }
      let grown = own.lowerBound..<end
      do { try Self.store(grown, directory, fileSystem) } catch { throw LogError(error) }
      own = grown
    }
    defer { next += 1 }
    return next
  }

  private static func store(
    _ own: Range<Int64>, _ directory: String, _ fileSystem: any FileSystem
  ) throws(IOError) {
    let path = SegmentFiles.path(directory, fileName)
    try fileSystem.replace(path, with: encode(own), .producerIDs, .producerIDsRename)
    try fileSystem.synchronizeDirectory(directory, .producerIDsDirectory)
  }
}
