internal import Strata
internal import StrataIO
internal import StrataSimulation

/// What a directory keeps beside its logs, and what a log keeps of its producers, of logs whose segments are whole:
///
///     length uint16 | offset checkpoint | length uint16 | producers of `b-0` | transactions of the directory
///
/// The checkpoint is taken for the recovery points and for the log starts. A file that is read and written reads the
/// same; opening throws, or every record from the log's start on is there, and what is committed is a part of them.
enum DirectoryFilesTarget {
  private struct Sample: Sendable {
    let disk: SimulatedDisk
    let records: [String: [PlacedRecord]]
    /// Where `b-0` ends, and where its producers are written down.
    let end: Offset
    static let shared = Sample()

    /// A transaction over two logs is committed, and `b-0` had no room for its end marker.
    private init() {
      disk = SampleLog.quietDisk()
      do {
        let directory = try DirectoryFilesTarget.open(disk)
        for number in 0..<6 {
          try directory.withTransaction { transaction in
            for name in names { try transaction.append(Record(value: "record \(number)"), to: name) }
          }
        }
        let last = try directory.beginTransaction()
        for name in names {
          try last.append(Record(value: "last"), to: name)
          try directory.log(for: name).flush()
        }
        disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: ".log", .nth(2)))
        try last.commit()
        disk.removeFaults()
        var records: [String: [PlacedRecord]] = [:]
        for name in names { records[name] = try contents(of: directory.log(for: name), .logEnd).records }
        self.records = records
        end = try directory.log(for: "b-0").logEndOffset
        try directory.close()
      } catch {
        preconditionFailure("a whole directory: \(error)")
      }
      precondition(disk.contents(of: snapshotPath) != nil, "producers are not written down")
    }

    var snapshotPath: String {
      let digits = String(end.rawValue)
      return "data/b-0/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".snapshot"
    }
  }

  private static let names = ["a-0", "b-0"]
  private static let checkpoints = [
    "data/recovery-point-offset-checkpoint", "data/log-start-offset-checkpoint",
  ]
  private static let transactions = "data/" + TransactionDecisions.fileName

  private static var configuration: LogDirectoryConfiguration {
    var configuration = LogDirectoryConfiguration()
    configuration.log = SampleLog.configuration
    configuration.threads = 1
    return configuration
  }

  private static func open(_ disk: SimulatedDisk) throws(LogError) -> LogDirectory {
    try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
  }

  static func run(_ input: [UInt8]) throws(Finding) {
    let sample = Sample.shared
    var input = Input(input)
    let checkpoint = input.take(input.length())
    let producers = input.take(input.length())
    let decisions = input.rest()
    try checkFormats(checkpoint, producers, decisions, sample.end)
    let disk = sample.disk.fork()
    for path in checkpoints { disk.install(path, checkpoint) }
    disk.install(sample.snapshotPath, producers)
    disk.install(transactions, decisions)
    try use(disk, sample)
    try checkAllIsClosed(disk)
  }

  /// What was read is written as something that reads the same.
  private static func checkFormats(
    _ checkpoint: [UInt8], _ producers: [UInt8], _ decisions: [UInt8], _ end: Offset
  ) throws(Finding) {
    if let read = OffsetCheckpoint(parsing: checkpoint) {
      try require(OffsetCheckpoint(parsing: Array(read.text.utf8)) == read, "an offset checkpoint changes")
    }
    if let read = TransactionDecisions(decoding: decisions.span) {
      try require(TransactionDecisions(decoding: read.bytes.span) == read, "decisions change")
    }
    if let read = ProducerSnapshot.decode(producers.span, at: end) {
      let again = ProducerSnapshot.decode(ProducerSnapshot.encode(read).span, at: end)
      try require(again?.entries == read.entries && again?.open == read.open, "producers change")
    }
  }

  private static func use(_ disk: SimulatedDisk, _ sample: Sample) throws(Finding) {
    let directory = try expect("opening the directory") { () throws(LogError) in try open(disk) }
    for name in names {
      let log: Log
      do throws(LogError) { log = try directory.log(for: name) } catch {
        let isExpected = [.damaged, .fencedProducer, .invalidTransactionState].contains(error.code)
        try require(isExpected, "opening \(name) throws \(error)")
        continue
      }
      log.checkInvariants()
      let all = try contents(of: log, .logEnd).records
      let expected = sample.records[name]!.filter { $0.offset >= log.logStartOffset }
      try require(
        all.starts(with: expected), "of \(name) there are \(all.count) records of \(expected.count)")
      let seen = try contents(of: log, .committed).records
      try require(seen.allSatisfy(all.contains), "\(name) shows what is not there")
      try expect("appending") { () throws(LogError) in _ = try log.append(Record(value: "after")) }
    }
    try expect("closing") { () throws(LogError) in try directory.close() }
    let again = try expect("opening again") { () throws(LogError) in try open(disk) }
    try require(again.recoveryReport.wasClean, "closed, and not clean")
    try expect("closing again") { () throws(LogError) in try again.close() }
  }

  /// Mends the checksums of the producers and of the decisions.
  static func repair(_ input: inout [UInt8], choice: UInt32) {
    guard choice & 3 != 0, input.count > 4 else { return }
    let second = 2 + Int(Repair.integer(input, 0, 2))
    guard second + 2 <= input.count else { return }
    let producers = second + 2..<min(input.count, second + 2 + Int(Repair.integer(input, second, 2)))
    if producers.count >= 10 {
      Repair.store(1, 2, &input, producers.lowerBound)
      Repair.checksum(&input, producers.lowerBound + 6..<producers.upperBound, at: producers.lowerBound + 2)
    }
    let decisions = producers.upperBound..<input.count
    guard decisions.count >= 32 else { return }
    Repair.store(0x5354_5458_0001_0000, 8, &input, decisions.lowerBound)
    Repair.checksum(&input, decisions.lowerBound..<input.count - 4, at: input.count - 4)
  }

  static func seeds() -> [[UInt8]] {
    let sample = Sample.shared
    let producers = sample.disk.contents(of: sample.snapshotPath) ?? []
    let decisions = sample.disk.contents(of: transactions) ?? []
    let texts = ["0\n2\na 0 15\nb 0 14\n", "0\n1\nb 0 3\n", "", "0\n0\n"]
    var seeds: [[UInt8]] = []
    for text in texts {
      for known in [producers, []] {
        var seed: [UInt8] = [0, UInt8(text.utf8.count)]
        seed += Array(text.utf8)
        seed += [UInt8(known.count >> 8), UInt8(known.count & 255)]
        seeds.append(seed + known + decisions)
      }
    }
    return seeds
  }
}
