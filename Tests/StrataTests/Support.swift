import Foundation
import Strata
import Testing

/// A folder of its own for one test, gone with the test.
final class Scratch {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/strata-test-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside.
  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// xorshift64*: small, and the same everywhere.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}

/// A seed of this run, or the one that `STRATA_SEED` names, to see a failure again.
func seed() -> UInt64 {
  if let text = ProcessInfo.processInfo.environment["STRATA_SEED"], let value = UInt64(text) { return value }
  return UInt64.random(in: 1...UInt64.max)
}

/// A record as a reader found it.
struct Found: Equatable {
  var offset: Int64
  var record: Record

  init(_ offset: Int64, _ record: Record) {
    self.offset = offset
    self.record = record
  }
}

extension Log {
  /// Everything from `offset` on.
  func all(from offset: Offset? = nil, isolation: FetchIsolation = .logEnd) throws -> [Found] {
    var found: [Found] = []
    var cursor = fetch(from: offset ?? logStartOffset, isolation: isolation)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        found.append(Found(record.offset.rawValue, Record(copying: record)))
      }
    }
    return found
  }

  /// Everything that a reader gets who steps over what cannot be read, by offset, and what that was.
  func readOver() throws -> (found: [Int64: String], lost: [Range<Offset>]) {
    var found: [Int64: String] = [:]
    var lost: [Range<Offset>] = []
    var from = logStartOffset
    while true {
      var cursor = fetch(from: from, isolation: .durable)
      do {
        while let batch = try cursor.next() {
          var records = try batch.records()
          while let record = try records.next() {
            found[record.offset.rawValue] = String(copying: record.value!)
          }
        }
        return (found, lost)
      } catch let error as LogError {
        guard error.code == .damaged, let offsets = error.offsets else { throw error }
        lost.append(offsets)
        from = offsets.upperBound
      }
    }
  }

  /// Everything's values, as text.
  func values(from offset: Offset? = nil, isolation: FetchIsolation = .logEnd) throws -> [String] {
    try all(from: offset, isolation: isolation).map { String(decoding: $0.record.value ?? [], as: UTF8.self) }
  }
}

func contents(_ path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// The code of the error that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> LogError.Code? {
  do {
    try body()
    return nil
  } catch {
    return (error as? LogError)?.code
  }
}

/// The folder of the segments that other implementations wrote.
let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("fixtures").path

extension LogConfiguration {
  /// Small segments and dense indexes, so that little data passes through every path.
  static var small: LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = 2000
    configuration.indexIntervalBytes = 150
    configuration.indexBytes = 8 << 10
    return configuration
  }
}

/// Whether the records of every fixture can be read: a codec that was not built is a trait that was left out.
let buildsAllCodecs = Compression.Codec.allCases.allSatisfy { $0 == .none || Compression.isBuilt($0) }
