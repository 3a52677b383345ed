import Foundation
import StrataRecords

/// The folder of segments that other implementations wrote, with their manifests.
enum Fixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures")

  /// The names of the segments in a subfolder, without their suffix.
  static func names(in subfolder: String = "") -> [String] {
    let folder = subfolder.isEmpty ? folder : folder.appending(path: subfolder)
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".log") }.map { String($0.dropLast(4)) }.sorted()
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: folder.appending(path: path)))
  }

  static func manifest<T: Decodable>(_ path: String, as: T.Type = T.self) throws -> T {
    try JSONDecoder().decode(T.self, from: Data(contentsOf: folder.appending(path: path)))
  }
}

/// A manifest: what its generator put into the segment.
struct SegmentManifest: Decodable {
  var sizeBytes: Int
  var nextOffset: Int64
  var batches: [BatchManifest]
}

struct BatchManifest: Decodable {
  var position: Int
  var baseOffset: Int64
  var batchLength: Int32
  var partitionLeaderEpoch: Int32
  var magic: Int8
  var crc: UInt32
  var attributes: Int16
  var lastOffsetDelta: Int32
  var baseTimestamp: Int64
  var maxTimestamp: Int64
  var producerId: Int64
  var producerEpoch: Int16
  var baseSequence: Int32
  var recordCount: Int32
  var compression: String
  var isTransactional: Bool
  var isControl: Bool
  var hasDeleteHorizon: Bool
  var timestampType: String
  var recordsSha256: String
  var recordsComplete: Bool
  var records: [RecordManifest]
}

struct RecordManifest: Decodable {
  var offset: Int64
  var timestamp: Int64
  var key: BytesManifest?
  var value: BytesManifest?
  var headers: [HeaderManifest]
}

/// A name and a value, in an array.
struct HeaderManifest: Decodable {
  var name: String
  var value: BytesManifest?

  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    name = try container.decode(String.self)
    value = try container.decodeNil() ? nil : container.decode(BytesManifest.self)
  }
}

/// Bytes, or for long ones their digest.
struct BytesManifest: Decodable {
  var b64: String?
  var sha256: String?
  var size: Int?

  func fits(_ bytes: [UInt8]) -> Bool {
    if let b64 { return Data(base64Encoded: b64).map { [UInt8]($0) } == bytes }
    var digest = SHA256()
    digest.update(bytes)
    return size == bytes.count && sha256 == digest.finish()
  }
}

/// The manifest of a damaged segment.
struct DamageManifest: Decodable {
  var sizeBytes: Int
  var expect: String
  var validPrefixBytes: Int
  var validBatches: Int
  var nextOffsetAfterRecovery: Int64
}

extension Array where Element == ReadRecord {
  /// The digest that the manifests have of a batch's records.
  var digest: String {
    var digest = SHA256()
    func add(_ bytes: [UInt8]?) {
      digest.update(Int32(bytes?.count ?? -1))
      if let bytes { digest.update(bytes) }
    }
    for record in self {
      digest.update(record.offset.rawValue)
      digest.update(record.timestamp.milliseconds)
      add(record.key)
      add(record.value)
      digest.update(Int32(record.headers.count))
      for header in record.headers {
        add([UInt8](header.name.utf8))
        add(header.value)
      }
    }
    return digest.finish()
  }
}
