import Strata
import StrataIO
import StrataRecords
import StrataSimulation
import Testing

/// A log's files as they lie on a disk, and what a reader has to find in them; and what it finds once they are
/// damaged.
struct SealedLog {
  var files: [String: [UInt8]]
  var configuration: LogConfiguration
  /// Every batch as it was written, by base offset.
  var batches: [Int64: [UInt8]] = [:]
  var end: Int64 = 0
  /// For each timestamp that is asked for, the first offset that is not older.
  var times: [Int64: Int64?] = [:]
  /// How far readers look that only read. Where the last durable point is gone, the one before it says how far the
  /// log is known to be durable, and a reader of what is durable ends there.
  var isolation = FetchIsolation.durable

  static var configuration: LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = 700
    configuration.indexIntervalBytes = 150
    configuration.indexBytes = 1 << 10
    configuration.segmentMilliseconds = nil
    // Files end with their batches.
    configuration.preparation = .none
    return configuration
  }

  /// Appends batches of one to three records, with timestamps that mostly grow.
  static func fill(_ log: Log, _ numbers: Range<Int>, durability: Durability = .synced) throws {
    for number in numbers {
      let records = (0..<1 + number % 3).map { place in
        Record(
          value: "\(number).\(place)", timestamp: Timestamp(milliseconds: Int64(number * 10 - number % 4 * 3))
        )
      }
      try log.append(records, durability: durability)
    }
  }

  /// What lies on a disk now.
  init(_ disk: SimulatedDisk, _ configuration: LogConfiguration = Self.configuration) throws {
    self.configuration = configuration
    files = [:]
    for path in disk.listing(.written) where !path.hasSuffix("/") && !path.hasSuffix(".lock") {
      files[path] = disk.contents(of: path)
    }
    let log = try open(.readOnly)
    let found = try Self.readAll(log)
    try #require(found.lost.isEmpty)
    batches = found.batches
    end = log.logEndOffset.rawValue
    for time in stride(from: Int64(0), through: Int64(batches.count * 10 + 20), by: 7) {
      times[time] = try log.offset(for: Timestamp(milliseconds: time))?.rawValue
    }
  }

  /// A disk that holds the files, some of them changed.
  func disk(_ change: (inout [String: [UInt8]]) -> Void = { _ in }) -> SimulatedDisk {
    var options = SimulatedDisk.Options()
    options.recordsCalls = false
    let disk = SimulatedDisk(seed: 1, crashAt: .never, options: options)
    var changed = files
    change(&changed)
    for (path, bytes) in changed { disk.install(path, bytes) }
    return disk
  }

  func open(
    _ access: LogAccess, _ change: (inout [String: [UInt8]]) -> Void = { _ in }
  ) throws -> Log {
    try Log.open("log", configuration: configuration, access: access, environment: disk(change).environment)
  }

  /// Reads everything, stepping over what is damaged.
  static func readAll(_ log: Log, _ isolation: FetchIsolation = .durable) throws -> (
    batches: [Int64: [UInt8]], lost: [Range<Offset>]
  ) {
    var batches: [Int64: [UInt8]] = [:]
    var lost: [Range<Offset>] = []
    var cursor = log.fetch(from: log.logStartOffset, isolation: isolation)
    while true {
      do {
        guard let batch = try cursor.next() else { return (batches, lost) }
        batches[batch.baseOffset.rawValue] = [UInt8](copying: batch.bytes)
      } catch {
        guard error.code == .damaged, let offsets = error.offsets else { throw error }
        try #require(lost.last.map { $0.upperBound <= offsets.lowerBound } ?? true, "no way forward")
        lost.append(offsets)
        cursor = log.fetch(from: offsets.upperBound, isolation: isolation)
      }
    }
  }

  /// Whether a log whose files were changed shows what was written and nothing else: every batch handed out is one
  /// that was written, and each that is not was reported as damaged. Returns what was lost.
  @discardableResult
  func check(_ log: Log, lookUps: Bool) throws -> [Range<Offset>] {
    let found = try Self.readAll(log, isolation)
    for (base, bytes) in found.batches {
      try #require(bytes == batches[base], "the batch at \(base) is none that was written")
    }
    for base in batches.keys where found.batches[base] == nil {
      let isReported = found.lost.contains { $0.contains(Offset(base)) }
      try #require(isReported, "the batch at \(base) is missing, and \(found.lost) was reported")
    }
    guard lookUps else { return found.lost }
    for offset in 0..<end {
      var cursor = log.fetch(from: Offset(offset), isolation: isolation)
      do {
        let batch = try cursor.next()
        let bytes = batch.map { [UInt8](copying: $0.bytes) }
        let base = batch?.baseOffset.rawValue ?? -1
        try #require(bytes != nil && bytes == batches[base], "asked for \(offset): \(base)")
        try #require(batch!.baseOffset.rawValue <= offset && batch!.lastOffset.rawValue >= offset)
      } catch let error as LogError {
        guard error.code == .damaged else { throw error }
      }
    }
    for (time, offset) in times {
      do {
        let found = try log.offset(for: Timestamp(milliseconds: time), isolation: isolation)?.rawValue
        try #require(found == offset, "at \(time): \(String(describing: found))")
      } catch let error as LogError {
        guard error.code == .damaged else { throw error }
      }
    }
    return found.lost
  }

  /// Opens with a changed file and checks. Opening may say that something is damaged: then nothing is read. Returns
  /// the offsets that are said to be damaged.
  @discardableResult
  func checkChanged(
    _ path: String, _ place: Int, bit: Int, _ access: LogAccess, lookUps: Bool = false
  ) throws -> [Range<Offset>] {
    let log: Log
    do { log = try open(access) { $0[path]![place] ^= 1 << UInt8(bit) } } catch let error as LogError {
      guard error.code == .damaged, let offsets = error.offsets else { throw error }
      return [offsets]
    }
    return try check(log, lookUps: lookUps)
  }

  /// Where the batches of a segment lie, with their offsets.
  func places(_ path: String) throws -> [(position: Int, offsets: Range<Offset>)] {
    let bytes = files[path]!
    var places: [(Int, Range<Offset>)] = []
    var position = 0
    while position < bytes.count {
      let header = try RecordBatchHeader(parsing: bytes.span, at: position)
      places.append((position, header.baseOffset..<header.nextOffset))
      position += header.sizeInBytes
    }
    return places
  }

  var segments: [String] { files.keys.filter { $0.hasSuffix(".log") }.sorted() }
}
