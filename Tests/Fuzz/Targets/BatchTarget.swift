internal import Strata
internal import StrataRecords

/// Bytes as one record batch. Either a typed error, or records that are the same once built into a batch anew.
enum BatchTarget {
  /// Small, so that what breaks them is found within the memory that a run may take.
  static let limits = ParsingLimits(
    batchBytes: 1 << 20, decompressedBytes: 1 << 20, records: 1 << 14, headers: 1 << 8)

  static func run(_ input: [UInt8]) throws(Finding) {
    let batch: RecordBatch
    do throws(FormatError) { batch = try RecordBatch(copying: input.span, limits: limits) } catch { return }
    try require(batch.sizeInBytes <= input.count, "a batch of more bytes than there are")
    var header = [UInt8](repeating: 0, count: RecordBatchHeader.byteCount)
    var span = header.mutableSpan
    batch.header.encode(into: &span)
    try require(header == Array(input.prefix(header.count)), "the header is encoded in another way")
    let found: [PlacedRecord]
    do throws(FormatError) { found = try records(of: batch, limits: limits) } catch { return }
    try require(found.count == batch.recordCount, "\(found.count) records, \(batch.recordCount) were claimed")
    for (record, next) in zip(found, found.dropFirst()) {
      try require(record.offset < next.offset, "offset \(next.offset) behind \(record.offset)")
    }
    if let first = found.first, let last = found.last {
      try require(
        first.offset >= batch.baseOffset && last.offset <= batch.lastOffset, "a record outside of its batch")
    }
    try checkBeginning(batch, found)
    try checkRebuilt(found.map(\.record), batch.codec ?? .none)
  }

  /// A reader that asks for an offset inside gets those from there on.
  private static func checkBeginning(_ batch: RecordBatch, _ found: [PlacedRecord]) throws(Finding) {
    guard found.count > 1 else { return }
    let middle = found[found.count / 2].offset
    let rest: [PlacedRecord]
    do throws(FormatError) { rest = try records(of: batch.beginning(at: middle), limits: limits) } catch {
      throw Finding("readable, but not from \(middle) on: \(error)")
    }
    try require(rest == Array(found[(found.count / 2)...]), "other records from \(middle) on")
  }

  /// The records, built into a batch of the same codec, are the same records.
  private static func checkRebuilt(
    _ found: [Record], _ codec: Compression.Codec
  ) throws(Finding) {
    guard !found.isEmpty, Compression.isBuilt(codec) else { return }
    let built: RecordBatch
    do throws(FormatError) {
      var builder = RecordBatchBuilder(compression: compression(codec))
      for record in found { try builder.append(record) }
      built = try builder.finish()
    } catch {
      // Timestamps that are further apart than a delta can say, and the like.
      return
    }
    let again: [PlacedRecord]
    do throws(FormatError) { again = try records(of: built, limits: .standard) } catch {
      throw Finding("what was built cannot be read: \(error)")
    }
    try require(again.map(\.record) == found, "other records came back")
  }

  private static func compression(_ codec: Compression.Codec) -> Compression {
    switch codec {
    case .none: .none
    case .gzip: .gzip(level: 1)
    case .snappy: .snappy
    case .lz4: .lz4()
    case .zstd: .zstd(level: 1)
    }
  }

  static func seeds() -> [[UInt8]] {
    let built = [Compression.none, .gzip(), .snappy, .lz4(), .zstd()].filter {
      Compression.isBuilt($0.codec)
    }
    var seeds = built.map { batch(of: SampleRecords.few, $0) }
    seeds.append(batch(of: SampleRecords.one, .none))
    return seeds
  }

  /// The bytes of a batch of valid records.
  static func batch(of records: [Record], _ compression: Compression, at offset: Offset = 0) -> [UInt8] {
    do throws(FormatError) {
      var builder = RecordBatchBuilder(compression: compression)
      builder.baseOffset = offset
      builder.partitionLeaderEpoch = 0
      for record in records { try builder.append(record) }
      return [UInt8](copying: try builder.finish().bytes)
    } catch {
      preconditionFailure("valid records: \(error)")
    }
  }
}

/// A record where a reader found it.
struct PlacedRecord: Equatable {
  var offset: Offset
  var record: Record
}

/// Every record of a batch, and every header of each.
func records(of batch: RecordBatch, limits: ParsingLimits) throws(FormatError) -> [PlacedRecord] {
  var found: [PlacedRecord] = []
  var reader = try batch.records(limits: limits)
  while let view = try reader.next() {
    found.append(PlacedRecord(offset: view.offset, record: Record(copying: view)))
  }
  return found
}

/// Records of every shape: with and without key, value and headers.
enum SampleRecords {
  static let one = [Record(value: "a", timestamp: Timestamp(milliseconds: 1_700_000_000_000))]

  static let few: [Record] = {
    var records: [Record] = []
    for number in 0..<6 {
      let value: String? = number == 3 ? nil : String(repeating: "value \(number) ", count: number)
      var record = Record(
        key: number.isMultiple(of: 2) ? "key \(number)" : nil, value: value,
        timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(number * number) - 7))
      if number > 3 {
        record.headers = [RecordHeader("name", "value"), RecordHeader("null", nil)]
      }
      records.append(record)
    }
    return records
  }()
}
