internal import Strata
internal import StrataIO
internal import StrataSimulation

/// A small whole log of several segments, closed as it should be, and what is in it.
struct SampleLog: Sendable {
  static let path = "log"
  static let shared = SampleLog()

  /// Never changed: every input works on a fork of it.
  let disk: SimulatedDisk
  let records: [PlacedRecord]
  /// The base offsets of the segments.
  let bases: [Offset]

  static var configuration: LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = 900
    configuration.segmentMilliseconds = nil
    configuration.indexIntervalBytes = 100
    configuration.indexBytes = 2 << 10
    configuration.maximumBatchBytes = 64 << 10
    configuration.limits = BatchTarget.limits
    return configuration
  }

  static func quietDisk(seed: UInt64 = 1) -> SimulatedDisk {
    var options = SimulatedDisk.Options()
    options.recordsCalls = false
    return SimulatedDisk(seed: seed, crashAt: .never, options: options)
  }

  private init() {
    disk = Self.quietDisk()
    do {
      let log = try Log.open(Self.path, configuration: Self.configuration, environment: disk.environment)
      for number in 0..<24 {
        // Times that go forth and back, and single records beside pairs.
        let time = 1_000_000 + Int64(number * 1000) - Int64(number % 5 * 1700)
        var records = [Record(value: "record \(number)", timestamp: Timestamp(milliseconds: time))]
        if number % 3 == 0 { records.append(Record(key: "k", value: nil, timestamp: records[0].timestamp)) }
        try log.append(records, durability: .buffered)
      }
      records = try contents(of: log, .logEnd).records
      bases = log.segments.map(\.baseOffset)
      try log.close()
    } catch {
      preconditionFailure("a whole log: \(error)")
    }
  }

  /// The path of a file of the `number`-th segment.
  func path(_ number: Int, _ suffix: String) -> String { Self.path(bases[number], suffix) }

  static func path(_ base: Offset, _ suffix: String) -> String {
    let digits = String(base.rawValue)
    return path + "/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits + "." + suffix
  }
}

/// All that a reader gets of a log, stepping over what it is told to step over.
struct Contents: Equatable {
  var records: [PlacedRecord] = []
  /// Whole batches whose records cannot be read.
  var unreadable: [Range<Offset>] = []
  /// Offsets that a reader was told are gone.
  var damaged: [Range<Offset>] = []
}

/// Reads a log from its start to the end that `isolation` shows.
func contents(of log: Log, _ isolation: FetchIsolation, limit: Int = 4096) throws(Finding) -> Contents {
  var found = Contents()
  var from = log.logStartOffset
  var steps = 0
  while from < log.logEndOffset {
    var cursor = log.fetch(from: from, isolation: isolation)
    while true {
      steps += 1
      try require(steps < limit, "a reader that does not end, at offset \(from)")
      let step: Result<RecordBatch?, LogError>
      do throws(LogError) { step = .success(try cursor.next()) } catch { step = .failure(error) }
      switch step {
      case .success(nil): return found
      case .success(let batch?):
        try require(batch.lastOffset >= from, "a batch up to \(batch.lastOffset) for offset \(from)")
        do throws(FormatError) {
          found.records += try records(of: batch, limits: log.configuration.limits)
        } catch {
          found.unreadable.append(batch.baseOffset..<batch.nextOffset)
        }
        from = batch.nextOffset
        continue
      case .failure(let error):
        guard error.code == .damaged, let range = error.offsets else {
          throw Finding("reading from \(from) throws \(error)")
        }
        try require(range.upperBound > from, "nobody gets over this damage: \(error)")
        found.damaged.append(range)
        from = range.upperBound
      }
      break
    }
  }
  return found
}

/// Does what has to work; any error is a finding.
func expect<R: ~Copyable>(
  _ purpose: String, _ body: () throws(LogError) -> R
) throws(Finding) -> R {
  do { return try body() } catch { throw Finding("\(purpose): \(error)") }
}

/// Nobody has the log open any more: nothing else is open either.
func checkAllIsClosed(_ disk: SimulatedDisk) throws(Finding) {
  try require(
    disk.openFileCount == 0 && disk.openMappingCount == 0 && disk.openLockCount == 0,
    "\(disk.openFileCount) files, \(disk.openMappingCount) mappings and \(disk.openLockCount) locks are left")
}
