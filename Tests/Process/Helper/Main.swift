internal import CFailingSync
internal import Strata
internal import StrataIO
internal import StrataSimulation

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A process that tests start: each verb is one of their scenes. It says what it has done line by line, and what
/// it has said it has done.
@main
enum TestProcess {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do throws(LogError) {
      switch (arguments.first, arguments.dropFirst().first, arguments.dropFirst(2).first) {
      case ("write", let path?, _): try write(path)
      case ("fill", let folder?, _): try fill(folder)
      case ("fail", let path?, let number?): try fail(path, Int32(number)!)
      case ("grow", let path?, let bytes?): try grow(path, Int64(bytes)!)
      case ("open", let path?, _): try open(path)
      case ("logs", let path?, let count?):
        try ManyLogs.run(path, count: Int(count)!, files: UInt(arguments[3])!)
      case ("real", let steps?, _): try Workload(steps).run(.system)
      case ("simulated", let steps?, _): try simulate(steps)
      default: fatalError("no such verb: \(arguments)")
      }
    } catch {
      say("error \(error)")
      exit(1)
    }
  }

  static func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  /// What record has which offset.
  static func value(_ offset: Int64) -> String {
    "value \(offset) " + String(repeating: "x", count: Int(offset * 7919 % 900))
  }

  static var smallSegments: LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = 20_000
    configuration.indexIntervalBytes = 500
    return configuration
  }

  /// Appends for ever, and acknowledges each offset: "synced 12" or "buffered 13".
  private static func write(_ path: String) throws(LogError) {
    let log = try Log.open(path, configuration: smallSegments)
    say("opened \(log.logEndOffset)")
    while true {
      let offset = log.logEndOffset.rawValue
      let isSynced = offset % 7 == 0
      let records = (0..<(1 + offset % 3)).map { Record(value: value(offset + $0)) }
      let place = try log.append(records, durability: isSynced ? .synced : .buffered)
      say("\(isSynced ? "synced" : "buffered") \(place.lastOffset)")
    }
  }

  /// Opens a log and says what that has cost.
  private static func open(_ path: String) throws(LogError) {
    let log = try Log.open(path)
    let report = log.recoveryReport
    say(
      "end \(log.logEndOffset) scanned \(report.scannedBytes) rewritten \(report.rewrittenBytes) "
        + "cut \(report.cutBytes) microseconds \(report.nanoseconds / 1000)")
    try log.close()
  }

  /// Appends so many bytes, synchronised all but the last megabyte, and waits to be killed.
  private static func grow(_ path: String, _ bytes: Int64) throws(LogError) {
    let log = try Log.open(path)
    // Not all the same, so that no disk makes less of it.
    var state: UInt64 = 42
    let value = (0..<65_000).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    let batch: RecordBatch
    do throws(FormatError) {
      var builder = RecordBatchBuilder()
      try builder.append(Record(value: value))
      batch = try builder.finish()
    } catch { throw LogError(.invalidRecord, path: path, cause: error) }
    let (megabyte, step) = (Int64(1_000_000), Int64(4_000_000))
    var (size, unflushed) = (Int64(0), Int64(0))
    while size < bytes {
      try log.append(batch, durability: .buffered)
      (size, unflushed) = (size + Int64(batch.sizeInBytes), unflushed + Int64(batch.sizeInBytes))
      if unflushed >= step {
        try log.flush()
        unflushed = 0
      }
    }
    try log.flush()
    var rest = Int64(0)
    while rest + Int64(batch.sizeInBytes) <= megabyte {
      try log.append(batch, durability: .buffered)
      rest += Int64(batch.sizeInBytes)
    }
    say("ready \(log.logEndOffset) durable \(log.recoveryPoint) unsynced \(rest)")
    while true { pause() }
  }

  private static func simulate(_ steps: String) throws(LogError) {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    try Workload(steps).run(disk.environment)
    for call in disk.calls { say(call.description) }
  }
}
