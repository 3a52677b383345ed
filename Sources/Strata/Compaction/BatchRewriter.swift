internal import StrataRecords

/// Makes a batch again with fewer of its records: it keeps its base offset, its last offset, its leader epoch, its
/// producer with the base sequence, its kind, its time type and its codec; its records keep their offsets and times.
///
/// It compresses at the codec's default level, since no batch tells at which it was compressed.
final class BatchRewriter {
  /// One builder for each codec that was met, to be used again.
  private var builders: [Compression.Codec: BuilderBox] = [:]
  private let limits: ParsingLimits

  private final class BuilderBox {
    var builder: RecordBatchBuilder

    init(_ codec: Compression.Codec, _ limits: ParsingLimits) {
      let compression: Compression =
        switch codec {
        case .none: .none
        case .gzip: .gzip()
        case .snappy: .snappy
        case .lz4: .lz4()
        case .zstd: .zstd()
        }
      builder = RecordBatchBuilder(compression: compression, limits: limits)
    }
  }

  init(limits: ParsingLimits) { self.limits = limits }

  /// The batch with those of its records that `kept` names by their places.
  ///
  /// - Throws: what reading it does; `.batchFull` where it has become larger than a batch may be.
  func rewrite(
    _ batch: RecordBatch, keeping kept: [Bool], horizon: Timestamp?
  ) throws(FormatError) -> RecordBatch {
    let box = box(for: batch.codec ?? .none)
    box.builder.removeAll()
    prepare(&box.builder, batch.header)
    box.builder.deleteHorizon = horizon
    do {
      var records = try batch.records(limits: limits)
      var place = 0
      while let record = try records.next() {
        defer { place += 1 }
        guard kept[place] else { continue }
        let delta = Int(record.offset.rawValue - batch.baseOffset.rawValue)
        try box.builder.append(copying: record, offsetDelta: delta)
      }
      return try box.builder.finish()
    } catch {
      box.builder.removeAll()
      throw error
    }
  }

  /// The batch without records, which stays for its offsets and for its producer's sequence number. It keeps its
  /// newest timestamp, as in Kafka.
  func empty(_ header: RecordBatchHeader) throws(FormatError) -> RecordBatch {
    let box = box(for: .none)
    box.builder.removeAll()
    prepare(&box.builder, header)
    box.builder.maxTimestamp = header.maxTimestamp
    return try box.builder.finish()
  }

  private func box(for codec: Compression.Codec) -> BuilderBox {
    if let box = builders[codec] { return box }
    let box = BuilderBox(codec, limits)
    builders[codec] = box
    return box
  }

  private func prepare(_ builder: inout RecordBatchBuilder, _ header: RecordBatchHeader) {
    builder.baseOffset = header.baseOffset
    builder.partitionLeaderEpoch = header.partitionLeaderEpoch
    builder.lastOffsetDelta = header.lastOffsetDelta
    builder.producer = header.producer
    builder.isTransactional = header.attributes.isTransactional
    builder.isControl = header.attributes.isControl
    builder.logAppendTime = header.attributes.isLogAppendTime ? header.maxTimestamp : nil
  }
}
