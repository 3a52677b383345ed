import StrataRecords
import Testing

/// Segments written by other implementations, byte for byte.
struct GoldenSegmentTests {
  @Test(arguments: Fixtures.names())
  func everyBatchIsAsItsManifestSays(_ name: String) throws {
    let bytes = try Fixtures.bytes("\(name).log")
    let manifest: SegmentManifest = try Fixtures.manifest("\(name).json")
    #expect(bytes.count == manifest.sizeBytes)
    var position = 0
    for (index, expected) in manifest.batches.enumerated() {
      #expect(position == expected.position)
      let batch = try RecordBatch(copying: bytes.span.extracting(position...))
      compare(batch.header, expected, "\(name), batch \(index)")
      #expect(encoded(batch.header) == Array(bytes[position..<position + 61]))
      #expect(batch.array == Array(bytes[position..<position + batch.sizeInBytes]))
      if let codec = batch.codec, builtCompressions.contains(where: { $0.codec == codec }) {
        try compare(contents(of: batch), expected, "\(name), batch \(index)")
      }
      position += batch.sizeInBytes
      if index == manifest.batches.count - 1 {
        #expect(batch.nextOffset.rawValue == manifest.nextOffset)
      }
    }
    #expect(position == bytes.count)
  }

  private func compare(_ header: RecordBatchHeader, _ expected: BatchManifest, _ place: Comment) {
    #expect(header.baseOffset.rawValue == expected.baseOffset, place)
    #expect(header.batchLength == expected.batchLength, place)
    #expect(header.partitionLeaderEpoch.rawValue == expected.partitionLeaderEpoch, place)
    #expect(header.magic == expected.magic, place)
    #expect(header.crc == expected.crc, place)
    #expect(header.attributes.rawValue == expected.attributes, place)
    #expect(header.lastOffsetDelta == expected.lastOffsetDelta, place)
    #expect(header.baseTimestamp.milliseconds == expected.baseTimestamp, place)
    #expect(header.maxTimestamp.milliseconds == expected.maxTimestamp, place)
    #expect(header.producerID == expected.producerId, place)
    #expect(header.producerEpoch == expected.producerEpoch, place)
    #expect(header.baseSequence == expected.baseSequence, place)
    #expect(header.recordCount == expected.recordCount, place)
    #expect(header.attributes.codec?.name == expected.compression, place)
    #expect(header.attributes.isTransactional == expected.isTransactional, place)
    #expect(header.attributes.isControl == expected.isControl, place)
    #expect(header.attributes.hasDeleteHorizon == expected.hasDeleteHorizon, place)
    #expect(header.attributes.isLogAppendTime == (expected.timestampType == "LogAppendTime"), place)
  }

  private func compare(_ records: [ReadRecord], _ expected: BatchManifest, _ place: Comment) throws {
    #expect(records.count == Int(expected.recordCount), place)
    #expect(records.digest == expected.recordsSha256, place)
    for sample in expected.records {
      let record = try #require(records.first { $0.offset.rawValue == sample.offset }, place)
      #expect(record.timestamp.milliseconds == sample.timestamp, place)
      #expect(record.key == nil ? sample.key == nil : sample.key?.fits(record.key!) == true, place)
      #expect(record.value == nil ? sample.value == nil : sample.value?.fits(record.value!) == true, place)
      #expect(record.headers.map(\.name) == sample.headers.map(\.name), place)
      for (header, sample) in zip(record.headers, sample.headers) {
        #expect(header.value == nil ? sample.value == nil : sample.value?.fits(header.value!) == true, place)
      }
    }
    if expected.recordsComplete { #expect(records.count == expected.records.count, place) }
  }

  /// What another implementation wrote uncompressed comes out of our builder with the same bytes.
  @Test(arguments: Fixtures.names())
  func rebuiltBatchesHaveTheSameBytes(_ name: String) throws {
    let bytes = try Fixtures.bytes("\(name).log")
    var position = 0
    while position < bytes.count {
      let batch = try RecordBatch(copying: bytes.span.extracting(position...))
      position += batch.sizeInBytes
      guard batch.codec == Compression.Codec.none else { continue }
      let header = batch.header
      var builder = RecordBatchBuilder()
      builder.baseOffset = header.baseOffset
      builder.partitionLeaderEpoch = header.partitionLeaderEpoch
      builder.producer = header.producer
      builder.isTransactional = batch.isTransactional
      builder.isControl = batch.isControl
      builder.lastOffsetDelta = header.lastOffsetDelta
      builder.maxTimestamp = header.maxTimestamp
      if header.attributes.hasDeleteHorizon { builder.deleteHorizon = header.baseTimestamp }
      // Compaction leaves −1 as the base timestamp of a batch without records; the generator left another.
      if batch.recordCount == 0, header.baseTimestamp.milliseconds != -1 { continue }
      // A record's own time is not to be seen in such a batch, so it cannot be built again.
      guard !header.attributes.isLogAppendTime else { continue }
      var reader = try batch.records()
      while let record = try reader.next() {
        let delta = Int(record.offset.rawValue - header.baseOffset.rawValue)
        // Compaction keeps the base timestamp of records that are gone.
        if builder.isEmpty, !header.attributes.hasDeleteHorizon, record.timestamp != header.baseTimestamp {
          break
        }
        try builder.append(copying: record, offsetDelta: delta)
      }
      guard builder.count == batch.recordCount else { continue }
      let rebuilt = try builder.finish()
      #expect(rebuilt.array == batch.array, "\(name) at \(position - batch.sizeInBytes)")
    }
  }

  @Test(arguments: Fixtures.names(in: "corrupt"))
  func aDamagedSegmentGivesNoWrongRecord(_ name: String) throws {
    let bytes = try Fixtures.bytes("corrupt/\(name).log")
    let manifest: DamageManifest = try Fixtures.manifest("corrupt/\(name).json")
    #expect(bytes.count == manifest.sizeBytes)
    let isKept = manifest.expect.contains("CRC is VALID")
    var position = 0
    var nextOffset: Int64 = 0
    var whole = 0
    var error: FormatError?
    while position < bytes.count, error == nil {
      error = formatError { () throws(FormatError) in
        let batch = try RecordBatch(copying: bytes.span.extracting(position...))
        // Offsets that go back are the log's to notice.
        guard batch.baseOffset.rawValue >= nextOffset else {
          throw FormatError(.invalidRecords, at: 0, "offsets go back")
        }
        // Without the codec the records cannot be looked at.
        if batch.codec.map({ codec in builtCompressions.contains { $0.codec == codec } }) ?? true {
          _ = try contents(of: batch)
        }
        position += batch.sizeInBytes
        nextOffset = batch.nextOffset.rawValue
        whole += 1
      }
    }
    if isKept, error == nil, builtCompressions.count < Compression.Codec.allCases.count { return }
    #expect(position == manifest.validPrefixBytes)
    #expect(whole == manifest.validBatches)
    #expect(nextOffset == manifest.nextOffsetAfterRecovery)
    #expect((error != nil) == (manifest.validPrefixBytes < manifest.sizeBytes))
    if isKept {
      // Recovery, which looks at framing and checksum alone, keeps the batch.
      #expect(throws: Never.self) { try RecordBatch(copying: bytes.span.extracting(position...)) }
    }
    if name.hasPrefix("magic") {
      #expect(error?.code == .unsupportedMagic || error?.code == .damagedMagic)
      #expect(error?.detail.contains("magic") == true)
    }
  }
}
