import StrataRecords
import Testing

/// The codecs of this build, each at its default level.
let builtCompressions: [Compression] = [.none, .gzip(), .snappy, .lz4(), .zstd()].filter {
  Compression.isBuilt($0.codec)
}

/// A record as it came out of a reader.
struct ReadRecord: Hashable {
  var offset: Offset
  var timestamp: Timestamp
  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [RecordHeader]

  init(offset: Offset, timestamp: Timestamp, _ record: Record) {
    self.offset = offset
    self.timestamp = timestamp
    key = record.key
    value = record.value
    headers = record.headers
  }
}

func build(_ records: [Record], _ compression: Compression = .none) throws(FormatError) -> RecordBatch {
  var builder = RecordBatchBuilder(compression: compression)
  for record in records { try builder.append(record) }
  return try builder.finish()
}

func contents(of batch: RecordBatch, limits: ParsingLimits = .standard) throws(FormatError) -> [ReadRecord] {
  var result: [ReadRecord] = []
  var reader = try batch.records(limits: limits)
  while let record = try reader.next() {
    result.append(
      ReadRecord(offset: record.offset, timestamp: record.timestamp, Record(copying: record)))
  }
  return result
}

/// What a reader makes of records that were put into a batch at offset 0.
func expected(_ records: [Record]) -> [ReadRecord] {
  records.enumerated().map { index, record in
    ReadRecord(
      offset: Offset(Int64(index)), timestamp: record.timestamp ?? Timestamp(milliseconds: -1), record)
  }
}

/// The error that `body` throws, or nil.
func formatError(_ body: () throws(FormatError) -> Void) -> FormatError? {
  do {
    try body()
    return nil
  } catch {
    return error
  }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Record {
  static func random(using random: inout some RandomNumberGenerator) -> Record {
    func bytes(_ random: inout some RandomNumberGenerator) -> [UInt8]? {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: return nil
      case 1: return []
      case 2:
        let count = Int.random(in: 0...20_000, using: &random)
        return (0..<count).map { UInt8($0 & 7) }
      default:
        let count = Int.random(in: 0...200, using: &random)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
    }
    let headers = (0..<max(0, Int.random(in: -3...4, using: &random))).map { _ in
      RecordHeader(["", "a", "name", "日本"].randomElement(using: &random)!, bytes(&random))
    }
    let spread = Int64(1) << Int64.random(in: 0...62, using: &random)
    // −1 means "none" and would come back as nil.
    var time = Int64.random(in: -spread...spread, using: &random)
    if time == -1 { time = 0 }
    return Record(
      key: bytes(&random), value: bytes(&random), timestamp: Timestamp(milliseconds: time), headers: headers)
  }
}

/// A batch of any bytes as its records, with a header that fits them and a checksum that fits both.
func crafted(
  _ records: [UInt8], count: Int32, lastOffsetDelta: Int32? = nil,
  change: (inout RecordBatchHeader) -> Void = { _ in }
) throws(FormatError) -> RecordBatch {
  var header = RecordBatchHeader(
    lastOffsetDelta: lastOffsetDelta ?? max(count - 1, 0), baseTimestamp: Timestamp(milliseconds: 0),
    maxTimestamp: Timestamp(milliseconds: 0), recordCount: count)
  header.batchLength = Int32(49 + records.count)
  change(&header)
  return try RecordBatch(copying: sealed(header, records).span)
}

/// The header's bytes and the records', with the checksum made to fit.
func sealed(_ header: RecordBatchHeader, _ records: [UInt8]) -> [UInt8] {
  var bytes = encoded(header) + records
  var header = header
  header.crc = CRC32C.checksum(bytes.span.extracting(21...))
  bytes.replaceSubrange(0..<61, with: encoded(header))
  return bytes
}

func encoded(_ header: RecordBatchHeader) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 61)
  var span = bytes.mutableSpan
  header.encode(into: &span)
  return bytes
}

extension RecordBatch {
  var array: [UInt8] { [UInt8](copying: bytes) }
}
