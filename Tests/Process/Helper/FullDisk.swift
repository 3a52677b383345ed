internal import CFailingSync
internal import Strata

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension TestProcess {
  /// Fills the small file system at `folder` with a log to the brim, makes room, and goes on. Something that is
  /// no log takes the room that comes free.
  static func fill(_ folder: String) throws(LogError) {
    let ballast = folder + "/ballast"
    let file = unsafe creat(ballast, 0o644)
    precondition(posix_fallocate(file, 0, 1 << 20) == 0, "no room for the ballast")
    close(file)
    let path = folder + "/log"
    var configuration = smallSegments
    configuration.segmentBytes = 300_000
    configuration.indexBytes = 64 << 10
    var log = try Log.open(path, configuration: configuration)
    var count: Int64 = 0
    for turn in 0..<8 {
      count += try appendUntilFull(log, count)
      try check(log, count)
      if turn % 4 == 3 {
        // A process that ends on a full disk, and one that opens the log there.
        try log.close()
        log = try Log.open(path, configuration: configuration)
        try check(log, count)
      }
    }
    say("full \(count)")
    unsafe unlink(ballast)
    for _ in 0..<50 {
      try log.append(Record(value: value(count)))
      count += 1
    }
    try check(log, count)
    try log.close()
    log = try Log.open(path, configuration: configuration)
    try check(log, count)
    precondition(log.recoveryReport.wasClean, "\(log.recoveryReport)")
    say("whole \(count)")
  }

  /// How many records went in.
  private static func appendUntilFull(_ log: Log, _ from: Int64) throws(LogError) -> Int64 {
    var count: Int64 = 0
    while true {
      do throws(LogError) {
        // Ever smaller ones, so that the last block is used too.
        let place = try log.append(
          Record(value: value(from + count)), durability: count % 16 == 0 ? .synced : .buffered)
        precondition(place.lastOffset.rawValue == from + count, "\(place)")
        count += 1
      } catch {
        guard error.code == .noSpace else { throw error }
        return count
      }
    }
  }

  /// Every record is there.
  static func check(_ log: Log, _ count: Int64) throws(LogError) {
    precondition(log.logEndOffset.rawValue == count, "the log ends at \(log.logEndOffset), not at \(count)")
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    var next: Int64 = 0
    while let batch = try cursor.next() {
      do throws(FormatError) {
        var records = try batch.records()
        while let record = try records.next() {
          precondition(record.offset.rawValue == next, "offset \(record.offset) instead of \(next)")
          guard let found = record.value else { preconditionFailure("no value at \(next)") }
          precondition(String(copying: found) == value(next), "other bytes at \(next)")
          next += 1
        }
      } catch { throw LogError(.unreadableBatch, path: log.path, cause: error) }
    }
    precondition(next == count, "\(next) records of \(count)")
  }

  /// The `number`-th fdatasync fails: the log is poisoned, and only opening it again helps.
  static func fail(_ path: String, _ number: Int32) throws(LogError) {
    var log = try Log.open(path, configuration: smallSegments)
    for offset in Int64(0)..<5 { try log.append(Record(value: value(offset))) }
    failing_sync_arm(number)
    var acknowledged: Int64 = 5
    do throws(LogError) {
      while acknowledged < 5 + Int64(number) {
        try log.append(Record(value: value(acknowledged)))
        acknowledged += 1
      }
      say("never failed")
    } catch { say("append \(error.code)") }
    let written = log.logEndOffset.rawValue
    for (name, verb) in [
      ("append", { () throws(LogError) in _ = try log.append(Record(value: "x")) }),
      ("flush", { () throws(LogError) in try log.flush() }),
      ("wait", { () throws(LogError) in try log.waitUntilDurable(through: Offset(written - 1)) }),
    ] as [(String, () throws(LogError) -> Void)] {
      do throws(LogError) {
        try verb()
        say("\(name) worked")
      } catch { say("\(name) \(error.code)") }
    }
    // What was durable is still to be read.
    var cursor = log.fetch(from: 0)
    var seen: Int64 = 0
    while let batch = try cursor.next() { seen = batch.nextOffset.rawValue }
    say("durable \(seen == acknowledged)")
    do throws(LogError) { try log.close() } catch { say("close \(error.code)") }
    log = try Log.open(path, configuration: smallSegments)
    say("clean \(log.recoveryReport.wasClean) rewritten \(log.recoveryReport.rewrittenBytes > 0)")
    try check(log, written)
    try log.append(Record(value: value(written)))
    try log.close()
    say("whole")
  }
}
