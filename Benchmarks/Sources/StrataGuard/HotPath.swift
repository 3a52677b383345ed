internal import BenchmarkKit
internal import Strata

/// A path that is taken for every record, and that instructions are counted of.
enum HotPath: String, CaseIterable {
  /// Values of 100 bytes into a builder, its batches of 1,000 into a log.
  case build
  /// Built batches of 1,000 records of 100 bytes into a log.
  case append
  /// Batches of 1,000 records out of a log, checked, not decoded.
  case fetch
  /// Records out of those batches, each value touched.
  case scan
  /// The same, read in place.
  case scanMapped = "scan-mapped"
  /// One record by its offset, out of batches of 100 that were looked into before.
  case lookup
  /// The same, of a few records that are looked up again and again.
  case hot
  /// The same by a cursor that begins there, which reads the batch.
  case seek

  /// The records of one measure: as many again are what the figure is of.
  var records: Int {
    switch self {
    case .build, .append, .fetch, .scan, .scanMapped: 40_000
    case .lookup, .hot, .seek: 1_000
    }
  }

  /// Does the work `times` times over, behind a start that is the same for every number of times.
  ///
  /// - Returns: how many records that were.
  func run(in directory: WorkDirectory, times: Int) throws -> Int {
    switch self {
    case .build: return try build(directory, times * records)
    case .append: return try append(directory, times * records)
    case .fetch: return try Filled(directory, batch: 1000, .copied).fetch(times)
    case .scan: return try Filled(directory, batch: 1000, .copied).scan(times)
    case .scanMapped: return try Filled(directory, batch: 1000, .mapped).scan(times)
    case .lookup: return try Filled(directory, batch: 100, .copied).lookUp(times * records)
    case .hot: return try Filled(directory, batch: 100, .copied).lookUpHot(times * records)
    case .seek: return try Filled(directory, batch: 100, .copied).seek(times * records)
    }
  }

  private func build(_ directory: WorkDirectory, _ count: Int) throws -> Int {
    let log = try Log.open(directory.path("log"))
    var builder = RecordBatchBuilder()
    for place in 0..<count / 1000 {
      try log.append(Content.batch(&builder, 1000, from: place * 1000), durability: .buffered)
    }
    return count
  }

  private func append(_ directory: WorkDirectory, _ count: Int) throws -> Int {
    let log = try Log.open(directory.path("log"))
    var builder = RecordBatchBuilder()
    let batch = try Content.batch(&builder, 1000, from: 0)
    for _ in 0..<count / 1000 { try log.append(batch, durability: .buffered) }
    return count
  }
}

/// What is written: values that say which record they are of.
enum Content {
  static let value = [UInt8]((0..<100).map { UInt8(32 + $0 % 90) })

  static func batch(
    _ builder: inout RecordBatchBuilder, _ count: Int, from first: Int
  ) throws(FormatError) -> RecordBatch {
    for place in 0..<count {
      try builder.append(
        key: nil, value: value.span,
        timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(first + place)))
    }
    return try builder.finish()
  }
}

/// A log of records that is read again and again.
private struct Filled {
  static let records = 40_000
  let log: Log

  init(_ directory: WorkDirectory, batch: Int, _ reading: ReadingMode) throws {
    var configuration = LogConfiguration()
    configuration.reading = reading
    // Only what is sealed is read in place: all but the last of about four.
    if reading == .mapped { configuration.segmentBytes = 1 << 20 }
    log = try Log.open(directory.path("log"), configuration: configuration)
    var builder = RecordBatchBuilder()
    for place in 0..<Self.records / batch {
      try log.append(Content.batch(&builder, batch, from: place * batch), durability: .buffered)
    }
  }

  func fetch(_ times: Int) throws -> Int {
    var count = 0
    for _ in 0..<times {
      var cursor = log.fetch(from: 0, isolation: .logEnd)
      while let batch = try cursor.next() { count += batch.recordCount }
    }
    return count
  }

  func scan(_ times: Int) throws -> Int {
    var count = 0
    var sum: UInt64 = 0
    for _ in 0..<times {
      var cursor = log.fetch(from: 0, isolation: .logEnd)
      while let batch = try cursor.next() {
        var records = try batch.records()
        while let record = try records.next() {
          count += 1
          if let value = record.value { sum &+= UInt64(value[0]) &+ UInt64(value[value.count - 1]) }
        }
      }
    }
    let expected = UInt64(Content.value[0]) + UInt64(Content.value[Content.value.count - 1])
    guard sum == UInt64(count) &* expected else {
      throw BenchmarkError("the values are not those that were written")
    }
    return count
  }

  func lookUp(_ count: Int) throws -> Int {
    // The last record of each batch first, so that none of what is counted is walked over for the first time.
    for offset in stride(from: 99, to: Self.records, by: 100) { try check(offset) }
    var offset = 0
    for _ in 0..<count {
      offset = Self.next(offset)
      try check(offset)
    }
    return count
  }

  func lookUpHot(_ count: Int) throws -> Int {
    let offsets = (1...16).map { $0 * 2_347 % Self.records }
    // Often enough for whatever is remembered to be so.
    for _ in 0..<4 { for offset in offsets { try check(offset) } }
    for number in 0..<count { try check(offsets[number % offsets.count]) }
    return count
  }

  private func check(_ offset: Int) throws {
    let found = try log.withRecord(at: Offset(Int64(offset)), isolation: .logEnd) { $0.value?.count ?? 0 }
    guard found == Content.value.count else { throw BenchmarkError("record \(offset) was not found") }
  }

  func seek(_ count: Int) throws -> Int {
    var offset = 0
    for _ in 0..<count {
      offset = Self.next(offset)
      var cursor = log.fetch(from: Offset(Int64(offset)), isolation: .logEnd)
      guard let batch = try cursor.next() else { throw BenchmarkError("there is no record \(offset)") }
      var records = try batch.records()
      guard let record = try records.next(), record.offset.rawValue == Int64(offset) else {
        throw BenchmarkError("record \(offset) was not found")
      }
    }
    return count
  }

  /// A step without a factor in common with the number of records: no batch is met twice in a row.
  private static func next(_ offset: Int) -> Int { (offset + 12_347) % records }
}
