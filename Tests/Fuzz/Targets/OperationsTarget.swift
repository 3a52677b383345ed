internal import Strata
internal import StrataIO
internal import StrataSimulation

/// What is done to a log, one byte an operation with its parameters behind it, beside a model in memory:
///
///     options byte | operations
///
/// The disk loses its power at calls that the input names, calls fail, processes end without a close. After
/// each the log has every record that was acknowledged as durable, and nothing but a prefix of what was appended.
enum OperationsTarget {
  static let largestCount = 48

  static func run(_ input: [UInt8]) throws(Finding) {
    var input = Input(input)
    var machine = OperationsMachine(options: input.byte())
    try machine.reopen(crashAt: .never)
    var count = 0
    while !input.isAtEnd, count < largestCount {
      count += 1
      try machine.step(&input)
    }
    try machine.end()
  }

  static func seeds() -> [[UInt8]] {
    [
      [0, 0, 3, 0, 3, 6, 9, 0, 0],
      [1, 1, 5, 0, 2, 0, 2, 0, 2, 8, 0, 9, 0, 0],
      [2, 0, 1, 5, 9, 7, 12, 0, 1, 9, 0, 1],
      [6, 3, 4, 2, 4, 10, 1, 0, 3, 8, 40, 0, 9, 0, 2, 6],
      [3, 11, 0, 0, 3, 0, 3, 8, 0, 9, 2, 1],
    ]
  }
}

/// A log on a simulated disk, and what is known of it.
struct OperationsMachine {
  private var configuration: LogConfiguration
  private var disk: SimulatedDisk
  private var log: Log?
  /// Every record that the log has, as far as anybody knows.
  private var records: [Record] = []
  /// What an append that failed may have left behind them, to be found by the next process.
  private var leftovers: [Record] = []
  /// How many of `records` were acknowledged as durable.
  private var durable = 0
  private var number = 0
  private var clock: Int64 = 1_000_000
  /// Whether a fault that was asked for may come at any call.
  private var mayFail = false

  init(options: UInt8) {
    configuration = SampleLog.configuration
    configuration.segmentBytes = [200, 400, 900, 5000][Int(options & 3)]
    configuration.preparation = options & 4 == 0 ? .none : .allocated
    let codecs: [Compression] = [.none, .lz4(), .snappy, .zstd(level: 1)]
    let codec = codecs[Int(options >> 3 & 3)]
    configuration.compression = Compression.isBuilt(codec.codec) ? codec : .none
    configuration.indexIntervalBytes = options & 32 == 0 ? 60 : 1000
    disk = SampleLog.quietDisk(seed: UInt64(options))
  }

  mutating func step(_ input: inout Input) throws(Finding) {
    switch input.below(13) {
    case 0: try append(1 + input.below(4), .buffered)
    case 1: try append(1 + input.below(4), .synced)
    case 2: try appendBatches(1 + input.below(4))
    case 3:
      let from = Int(input.byte())
      let isolation = [FetchIsolation.logEnd, .durable, .highWatermark][input.below(3)]
      try reading { machine throws(Finding) in try machine.fetch(from: from, isolation) }
    case 4:
      let distance = Int64(input.byte())
      try reading { machine throws(Finding) in try machine.lookUp(distance) }
    case 5: try flush()
    case 6: try close()
    case 7: try endProcess(crashAt: input.byte())
    case 8: try losePower(UInt64(input.byte()), crashAt: input.byte())
    case 9: try reading { machine throws(Finding) in try machine.fetch(from: 0, .logEnd) }
    case 10: addFault(input.byte(), input.byte())
    case 11: try reading { machine throws(Finding) in try machine.readBeside() }
    default: setHighWatermark(input.byte())
    }
  }

  /// The last look.
  mutating func end() throws(Finding) {
    disk.removeFaults()
    try losePower(7, crashAt: 0)
    try fetch(from: 0, .durable)
    try close()
    try require(log!.recoveryReport.wasClean, "\(log!.recoveryReport) after a clean close")
  }

  // MARK: Appending

  private mutating func next() -> Record {
    number += 1
    clock += Int64(number * 7919 % 23) - 5
    let value = number % 5 == 0 ? nil : "value \(number)"
    return Record(key: number % 3 == 0 ? "key" : nil, value: value, timestamp: Timestamp(milliseconds: clock))
  }

  private mutating func append(_ count: Int, _ durability: Durability) throws(Finding) {
    let new = (0..<count).map { _ in next() }
    try append(new, isSynced: durability == .synced) { log throws(LogError) in
      try log.append(new, durability: durability).baseOffset
    }
  }

  private mutating func appendBatches(_ count: Int) throws(Finding) {
    var new: [Record] = []
    var batches: [RecordBatch] = []
    do throws(FormatError) {
      for size in 1...count {
        var builder = RecordBatchBuilder(compression: configuration.compression)
        for _ in 0..<size {
          new.append(next())
          try builder.append(new.last!)
        }
        batches.append(try builder.finish())
      }
    } catch { throw Finding("valid records: \(error)") }
    let built = batches
    try append(new, isSynced: false) { log throws(LogError) in
      try log.append(built, durability: .buffered).first!.baseOffset
    }
  }

  private mutating func append(
    _ new: [Record], isSynced: Bool, _ verb: (Log) throws(LogError) -> Offset
  ) throws(Finding) {
    let log = log!
    let before = records.count
    let result: Result<Offset, LogError>
    do throws(LogError) { result = .success(try verb(log)) } catch { result = .failure(error) }
    switch result {
    case .success(let base):
      try require(base.rawValue == Int64(before), "appended at \(base), not at \(before)")
      records += new
      leftovers = []
      if isSynced { durable = records.count }
    case .failure(let error):
      // What was written before the failure is there, in order, and nobody was told of it.
      let written = max(0, Int(log.logEndOffset.rawValue) - before)
      records += new.prefix(written)
      leftovers = Array(new.dropFirst(written))
      try failed(error, "appending")
    }
    try look()
  }

  private mutating func flush() throws(Finding) {
    do throws(LogError) {
      try log!.flush()
      durable = records.count
    } catch { try failed(error, "flushing") }
    try look()
  }

  /// What holds at any time.
  private mutating func look() throws(Finding) {
    guard !disk.hasCrashed else { return }
    let log = log!
    log.checkInvariants()
    try require(log.logEndOffset.rawValue == Int64(records.count), "the log ends at \(log.logEndOffset)")
    try require(log.recoveryPoint.rawValue >= Int64(durable), "durable through \(log.recoveryPoint) only")
    durable = Int(log.recoveryPoint.rawValue)
  }

  /// A verb has thrown. It may, where a call was made to fail; a machine without power starts again.
  private mutating func failed(_ error: LogError, _ what: String) throws(Finding) {
    if disk.hasCrashed { return try restart(seed: UInt64(number), crashAt: .never) }
    let expected: [LogError.Code] = [.noSpace, .poisoned, .io]
    try require(mayFail && expected.contains(error.code), "\(what) throws \(error)")
  }

  // MARK: Reading

  /// Runs what reads. Where the power goes meanwhile, what it says of it is no finding.
  private mutating func reading(_ body: (Self) throws(Finding) -> Void) throws(Finding) {
    do throws(Finding) { try body(self) } catch {
      guard disk.hasCrashed else { throw error }
    }
    if disk.hasCrashed { try restart(seed: UInt64(number), crashAt: .never) }
  }

  private func fetch(from: Int, _ isolation: FetchIsolation) throws(Finding) {
    guard !disk.hasCrashed, !mayFail else { return }
    let log = log!
    let from = from % (records.count + 1)
    var cursor = log.fetch(from: Offset(Int64(from)), isolation: isolation)
    var place = from
    while true {
      let batch = try expect("fetching from \(from)") { () throws(LogError) in try cursor.next() }
      guard let batch else { break }
      let found: [PlacedRecord]
      do throws(FormatError) {
        found = try StrataFuzzTargets.records(of: batch, limits: BatchTarget.limits)
      } catch {
        throw Finding("records that were appended cannot be read: \(error)")
      }
      for record in found {
        try require(place < records.count, "more than was appended: \(record)")
        let expected = PlacedRecord(offset: Offset(Int64(place)), record: records[place])
        try require(record == expected, "\(record) instead of \(expected)")
        place += 1
      }
    }
    if isolation == .logEnd { try require(place == records.count, "\(place) of \(records.count) records") }
    if isolation == .durable, from <= durable {
      try require(place == durable, "\(place) records seen, \(durable) are durable")
    }
  }

  private func lookUp(_ distance: Int64) throws(Finding) {
    guard !disk.hasCrashed, !mayFail else { return }
    let time = Timestamp(milliseconds: 1_000_000 + distance * 3)
    let log = log!
    let found = try expect("looking for \(time)") { () throws(LogError) in
      try log.offset(for: time, isolation: .logEnd)
    }
    let expected = records.firstIndex { $0.timestamp! >= time }.map { Offset(Int64($0)) }
    try require(found == expected, "\(time) is answered with \(String(describing: found))")
  }

  private func setHighWatermark(_ byte: UInt8) {
    log!.setHighWatermark(byte == 255 ? nil : Offset(Int64(byte)))
  }

  /// Another process reads, and sees a prefix.
  private func readBeside() throws(Finding) {
    guard !disk.hasCrashed, !mayFail else { return }
    let (disk, configuration) = (disk, configuration)
    let other = try expect("reading beside") { () throws(LogError) in
      try Log.open("log", configuration: configuration, access: .readOnly, environment: disk.environment)
    }
    let found = try contents(of: other, .logEnd)
    try require(
      found.damaged.isEmpty && found.records.map(\.record) == records, "a reader beside sees \(found)")
  }

  // MARK: Ends and beginnings

  private mutating func close() throws(Finding) {
    do throws(LogError) {
      try log!.close()
      durable = records.count
    } catch { try failed(error, "closing") }
    if !disk.hasCrashed { try reopen(crashAt: .never) }
  }

  /// The process ends, the machine does not. Another one opens the log, and may lose its power at a call.
  private mutating func endProcess(crashAt call: UInt8) throws(Finding) {
    guard !disk.hasCrashed else { return }
    log = nil
    disk = disk.fork(crashAt: point(call))
    mayFail = false
    try reopen(crashAt: point(call))
  }

  private mutating func losePower(_ seed: UInt64, crashAt call: UInt8) throws(Finding) {
    try restart(seed: seed, crashAt: point(call))
  }

  private func point(_ call: UInt8) -> SimulatedDisk.CrashPoint {
    if call == 0 { return .never }
    return call & 1 == 0 ? .before(call: Int(call / 2)) : .after(call: Int(call / 2 + 1))
  }

  private mutating func restart(
    seed: UInt64, crashAt: SimulatedDisk.CrashPoint
  ) throws(Finding) {
    log = nil
    disk.crash()
    disk = disk.restarted(into: disk.survivingStates().sample(seed: seed), crashAt: crashAt)
    mayFail = false
    try reopen(crashAt: crashAt)
  }

  /// Opens the log, and compares what it has with what it has to have.
  mutating func reopen(crashAt: SimulatedDisk.CrashPoint) throws(Finding) {
    log = nil
    do throws(LogError) {
      log = try Log.open("log", configuration: configuration, environment: disk.environment)
    } catch {
      if disk.hasCrashed {
        // While it was opening: what was durable before still is.
        disk = disk.restarted(into: disk.survivingStates().sample(seed: UInt64(number)), crashAt: .never)
        return try reopen(crashAt: .never)
      }
      try require(mayFail, "opening throws \(error)")
      disk.removeFaults()
      mayFail = false
      return try reopen(crashAt: .never)
    }
    let end = Int(log!.logEndOffset.rawValue)
    try require(end >= durable, "\(durable) records were acknowledged as durable, \(end) are there")
    records += leftovers
    leftovers = []
    try require(end <= records.count, "\(end) records of \(records.count)")
    records.removeSubrange(end...)
    durable = end
    guard !mayFail else { return }
    let log = log!
    let found: Result<Contents, Finding>
    do throws(Finding) { found = .success(try contents(of: log, .durable)) } catch { found = .failure(error) }
    if disk.hasCrashed { return try restart(seed: UInt64(number), crashAt: .never) }
    let now = try found.get()
    try require(
      now.damaged.isEmpty && now.unreadable.isEmpty && now.records.map(\.record) == records,
      "after opening there is \(now), not \(records)")
  }

  /// A call that is to come fails.
  private mutating func addFault(_ kind: UInt8, _ occurrence: UInt8) {
    let number = Int(occurrence % 6) + 1
    let rule: FaultRule =
      switch kind % 6 {
      case 0: FaultRule(.error(.noSpace), on: [.write, .preallocate, .open], .nth(number))
      case 1: FaultRule(.shortWrite(bytes: Int(occurrence), .noSpace), on: [.write], .nth(number))
      case 2: FaultRule(.failedSync(.ext4), on: [.synchronize, .synchronizeMapping], .nth(number))
      case 3: FaultRule(.failedSync(.btrfs), on: [.synchronize, .synchronizeMapping], .nth(number))
      case 4: FaultRule(.error(.device), .nth(number))
      default: FaultRule(.failedSync(.xfs), on: [.synchronize, .synchronizeMapping], .nth(number))
      }
    disk.add(rule)
    mayFail = true
  }
}
