import Strata
import StrataRecords

/// What Kafka's loader makes of the folder of a log (`LogLoader.load` of 4.1), as far as whole files are concerned:
/// a function of names and contents alone.
struct KafkaLoaderModel {
  /// The files as the loader leaves them.
  private(set) var files: [String: [UInt8]]
  /// The batches of each segment, sorted by base offset.
  private(set) var segments: [(base: Int64, batches: [RecordBatch])] = []

  /// - Parameter recoveryPoint: Segments that end at or before it count as flushed, and are not looked into.
  init(_ files: [String: [UInt8]], recoveryPoint: Int64) {
    self.files = files
    endSwaps()
    loadSegments(recoveryPoint)
  }

  /// The offset that a name begins with, up to its first dot.
  private static func offset(_ name: String) -> Int64? {
    Int64(name.prefix { $0 != "." })
  }

  private mutating func endSwaps() {
    files = files.filter { !$0.key.hasSuffix(".deleted") }
    let cleaned = files.keys.filter { $0.hasSuffix(".cleaned") }
    // A swap of several segments that was not complete, and those behind it.
    let least = cleaned.compactMap(Self.offset).min() ?? .max
    for name in cleaned { files[name] = nil }
    for name in files.keys where name.hasSuffix(".swap") && Self.offset(name)! >= least { files[name] = nil }
    // What the swap was made from is gone, as far as the new segments reach.
    let swaps = files.keys.filter { $0.hasSuffix(".swap") }
    var covered = Int64.max..<Int64.max
    for name in swaps where name.hasSuffix(".log.swap") {
      let base = Self.offset(name)!
      let end = Self.batches(files[name]!).whole.last?.nextOffset.rawValue ?? base
      covered =
        min(base, covered.lowerBound)..<(covered.isEmpty ? max(base, end) : max(end, covered.upperBound))
    }
    for name in files.keys where !name.hasSuffix(".swap") {
      if let offset = Self.offset(name), covered.contains(offset) { files[name] = nil }
    }
    for name in swaps { files[String(name.dropLast(5))] = files.removeValue(forKey: name) }
  }

  private mutating func loadSegments(_ recoveryPoint: Int64) {
    let names = files.keys.filter { $0.hasSuffix(".log") && Self.offset($0) != nil }
    let bases = names.map { Self.offset($0)! }.sorted()
    for (place, base) in bases.enumerated() {
      let name = names.first { Self.offset($0) == base }!
      let (whole, isWhole) = Self.batches(files[name]!)
      segments.append((base, whole))
      let end = place + 1 < bases.count ? bases[place + 1] : .max
      // The first bad batch of what was not flushed ends the log.
      if !isWhole, end > recoveryPoint { return }
    }
  }

  /// The batches of a file up to the first bad one, and whether there is none.
  static func batches(_ bytes: [UInt8]) -> (whole: [RecordBatch], isWhole: Bool) {
    var found: [RecordBatch] = []
    var place = 0
    while place + 61 <= bytes.count {
      let size = 12 + bytes[place + 8..<place + 12].reduce(0) { $0 << 8 | Int($1) }
      guard size >= 61, place + size <= bytes.count,
        let batch = try? RecordBatch(copying: bytes.span.extracting(place..<place + size))
      else { break }
      found.append(batch)
      place += size
    }
    return (found, place == bytes.count)
  }

  /// The values of all records, by offset.
  func values() throws -> [Int64: String] {
    var values: [Int64: String] = [:]
    for segment in segments {
      for batch in segment.batches {
        var records = try batch.records()
        while let record = try records.next() {
          values[record.offset.rawValue] = String(copying: record.value!)
        }
      }
    }
    return values
  }
}
