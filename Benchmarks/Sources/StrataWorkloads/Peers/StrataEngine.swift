internal import BenchmarkKit
internal import Strata

/// Strata, seen as the peers are: a batch is built and appended, the number is the offset.
final class StrataEngine: LogEngine, @unchecked Sendable {
  private let log: Log
  private let setting: EngineSetting
  // Used by the one thread that appends batches.
  private var builder = RecordBatchBuilder(compression: .none)
  private var next = 0
  private var records: [Record] = []

  init(path: String, setting: EngineSetting) throws {
    var configuration = LogConfiguration()
    configuration.segmentBytes = min(Int(Int32.max), max(2 * setting.bytes, 64 << 20))
    configuration.segmentMilliseconds = nil
    if setting.isInPlace {
      configuration.reading = .mapped
      configuration.writing = .mapped
      if setting.isForReading { configuration.segmentBytes = max(1 << 20, setting.bytes / 16) }
    }
    log = try Log.open(path, configuration: configuration)
    self.setting = setting
    next = Int(log.logEndOffset.rawValue)
  }

  private var durability: Durability { setting.isSynced ? .synced : .buffered }

  func append(_ values: Values, count: Int) throws {
    try log.append(values.build(&builder, count: count, from: next), durability: durability)
    next += count
  }

  func append(one number: Int, of values: Values) throws {
    try log.append(records[number], durability: durability)
  }

  /// Who appends single records has them as records, as others have them as bytes.
  func prepare(_ values: Values) { records = values.records }

  @inline(__always)
  func forEach(_ body: (Int, Span<UInt8>) -> Void) throws {
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        if let value = record.value { body(Int(record.offset.rawValue), value) }
      }
    }
  }

  func read(_ number: Int, _ body: (Span<UInt8>) -> Void) throws -> Bool {
    try log.withRecord(at: Offset(Int64(number)), isolation: .logEnd) { record in
      guard let value = record.value else { return false }
      body(value)
      return true
    } ?? false
  }

  func settle() {}

  func close() throws { try log.close() }
}
