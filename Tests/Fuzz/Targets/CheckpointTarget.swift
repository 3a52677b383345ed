internal import Strata
internal import StrataIO
internal import StrataSimulation

/// What a log keeps beside its segments, of a log whose segments are whole:
///
///     options byte | length of the leader epochs uint16 | leader epochs | durable point
///
/// Opening throws, or every record from the log's start on is there.
enum CheckpointTarget {
  static func run(_ input: [UInt8]) throws(Finding) {
    let sample = SampleLog.shared
    var input = Input(input)
    let options = input.byte()
    let length = input.length()
    let epochs = input.take(length)
    try checkEpochs(String(decoding: epochs, as: UTF8.self))
    let disk = sample.disk.fork()
    disk.install(SampleLog.path + "/" + LeaderEpochs.fileName, epochs)
    disk.install(SampleLog.path + "/" + DurablePoint.fileName, input.rest())
    try use(disk, options & 1 == 0 ? .readWrite : .readOnly)
    try checkAllIsClosed(disk)
  }

  private static func use(_ disk: SimulatedDisk, _ access: LogAccess) throws(Finding) {
    let sample = SampleLog.shared
    guard let log = try open(disk, access) else { return }
    try check(log, sample)
    guard access == .readWrite else { return }
    log.checkInvariants()
    let appended = try expect("appending") { () throws(LogError) in try log.append(Record(value: "after")) }
    try require(appended.baseOffset == Offset(Int64(sample.records.count)), "appended at \(appended)")
    try expect("closing") { () throws(LogError) in try log.close() }
    guard let again = try open(disk, access) else { throw Finding("a log that was closed cannot be opened") }
    try require(again.recoveryReport.wasClean, "\(again.recoveryReport) after a clean close")
    let found = try contents(of: again, .durable).records
    try require(found.last?.record.value == Array("after".utf8), "what was appended is not there")
  }

  /// nil where opening says what is wrong.
  private static func open(_ disk: SimulatedDisk, _ access: LogAccess) throws(Finding) -> Log? {
    do throws(LogError) {
      return try Log.open(
        SampleLog.path, configuration: SampleLog.configuration, access: access, environment: disk.environment)
    } catch {
      try require(error.code == .damaged || error.code == .io, "opening throws \(error)")
      return nil
    }
  }

  private static func check(_ log: Log, _ sample: SampleLog) throws(Finding) {
    let found = try contents(of: log, .logEnd)
    let expected = sample.records.filter { $0.offset >= log.logStartOffset }
    try require(
      found.records == expected && found.unreadable.isEmpty,
      "from \(log.logStartOffset) on there are \(found.records.count) records of \(expected.count)")
  }

  /// What was read is written as something that reads the same.
  private static func checkEpochs(_ text: String) throws(Finding) {
    guard let epochs = LeaderEpochs(parsing: text) else { return }
    try require(LeaderEpochs(parsing: epochs.text) == epochs, "the leader epochs change when they are stored")
    for (entry, next) in zip(epochs.entries, epochs.entries.dropFirst()) {
      try require(
        entry.epoch < next.epoch && entry.startOffset <= next.startOffset, "leader epochs out of order")
    }
  }

  static func repair(_ input: inout [UInt8], choice: UInt32) {
    guard choice & 3 != 0, input.count > 3 else { return }
    let start = min(input.count, 3 + (Int(input[1]) << 8 | Int(input[2])))
    Repair.durablePoint(&input, start..<input.count)
  }

  static func seeds() -> [[UInt8]] {
    let sample = SampleLog.shared
    let point = sample.disk.contents(of: SampleLog.path + "/" + DurablePoint.fileName) ?? []
    let texts = ["0\n1\n0 0\n", "0\n2\n0 0\n3 17\n", "", "0\n0\n"]
    return texts.enumerated().map { number, text in
      let epochs = Array(text.utf8)
      return [UInt8(number & 1), 0, UInt8(epochs.count)] + epochs + point
    }
  }
}
