import Foundation
import StrataRecords
import Testing

/// Segments that Apache Kafka's own code wrote, compacted and rolled.
struct KafkaDirectoryTests {
  private struct Manifest: Decodable {
    var sizeInBytes: Int
    var batches: [Batch]
  }

  private struct Batch: Decodable {
    var position: Int
    var sizeInBytes: Int
    var baseOffset: Int64
    var lastOffset: Int64
    var partitionLeaderEpoch: Int32
    var crc: UInt32
    var attributes: Int16
    var deleteHorizonMs: Int64?
    var baseTimestamp: Int64
    var maxTimestamp: Int64
    var producerId: Int64
    var producerEpoch: Int16
    var baseSequence: Int32
    var lastSequence: Int32
    var count: Int
    var records: [Entry]
  }

  private struct Entry: Decodable {
    var offset: Int64
    var timestamp: Int64
    var sequence: Int32
    var key: String?
    var value: String?
    var headers: [[String?]]
    var control: String?
    var coordinatorEpoch: Int32?
  }

  static let segments: [String] = ["compacted-0", "golden-0", "rolled-0"].flatMap { folder in
    Fixtures.names(in: "kafka-dirs/\(folder)").map { "\(folder)/\($0)" }
  }

  @Test(arguments: segments)
  func everyBatchIsAsKafkaReadsIt(_ segment: String) throws {
    let bytes = try Fixtures.bytes("kafka-dirs/\(segment).log")
    let manifest: Manifest = try Fixtures.manifest("kafka-dirs/manifest-\(segment).json")
    var position = 0
    for expected in manifest.batches {
      let batch = try RecordBatch(copying: bytes.span.extracting(position...))
      let header = batch.header
      #expect(position == expected.position)
      #expect(batch.sizeInBytes == expected.sizeInBytes)
      #expect(batch.baseOffset.rawValue == expected.baseOffset)
      #expect(batch.lastOffset.rawValue == expected.lastOffset)
      #expect(header.partitionLeaderEpoch.rawValue == expected.partitionLeaderEpoch)
      #expect(header.crc == expected.crc)
      #expect(header.attributes.rawValue == expected.attributes)
      #expect(header.attributes.hasDeleteHorizon == (expected.deleteHorizonMs != nil))
      #expect(header.baseTimestamp.milliseconds == expected.baseTimestamp)
      #expect(header.maxTimestamp.milliseconds == expected.maxTimestamp)
      #expect(header.producerID == expected.producerId)
      #expect(header.producerEpoch == expected.producerEpoch)
      #expect(header.baseSequence == expected.baseSequence)
      #expect((header.producer?.sequence(at: header.lastOffsetDelta) ?? -1) == expected.lastSequence)
      #expect(batch.recordCount == expected.count)
      try compareRecords(batch, expected)
      position += batch.sizeInBytes
    }
    #expect(position == manifest.sizeInBytes)
    #expect(bytes.count == position)
  }

  private func compareRecords(_ batch: RecordBatch, _ expected: Batch) throws {
    guard let codec = batch.codec, builtCompressions.contains(where: { $0.codec == codec }) else { return }
    let records = try contents(of: batch)
    #expect(records.count == expected.records.count)
    func bytes(_ base64: String?) -> [UInt8]? {
      base64.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
    }
    for (record, expected) in zip(records, expected.records) {
      #expect(record.offset.rawValue == expected.offset)
      #expect(record.timestamp.milliseconds == expected.timestamp)
      #expect(record.key == bytes(expected.key))
      #expect(record.value == bytes(expected.value))
      #expect(record.headers == expected.headers.map { RecordHeader($0[0]!, bytes($0[1])) })
      let delta = Int32(record.offset.rawValue - batch.baseOffset.rawValue)
      #expect((batch.producer?.sequence(at: delta) ?? -1) == expected.sequence)
    }
    guard batch.isControl, let marker = expected.records.first else { return }
    var reader = try batch.records()
    while let record = try reader.next() {
      let control = try ControlRecord(parsing: record)
      #expect(control.kind == (marker.control == "COMMIT" ? .commit : .abort))
      #expect(control.coordinatorEpoch == marker.coordinatorEpoch)
    }
  }
}
