internal import Strata
internal import StrataIO
internal import StrataSimulation

/// A folder, opened as a log:
///
///     options byte | files: kind byte | base offset byte | length uint16 | bytes
///
/// Opening throws a typed error and changes no segment, or it gives a log that serves what read-only opening
/// served, has cut no byte without a copy, goes on, and is the same when it is opened again.
enum DirectoryTarget {
  static func run(_ input: [UInt8]) throws(Finding) {
    let folder = Folder(input)
    let disk = SampleLog.quietDisk()
    folder.install(on: disk)
    let before = segments(of: disk)
    let seen = try readOnly(disk)
    try checkAllIsClosed(disk)
    try readWrite(disk, folder.configuration, before, seen)
    try checkAllIsClosed(disk)
  }

  private static func readWrite(
    _ disk: SimulatedDisk, _ configuration: LogConfiguration, _ before: [String: [UInt8]], _ seen: Contents?
  ) throws(Finding) {
    let log: Log
    do throws(LogError) { log = try open(disk, .readWrite, configuration) } catch {
      try checkRefusal(error, before, disk)
      return
    }
    log.checkInvariants()
    try checkNothingIsGone(before, disk, log)
    let found = try contents(of: log, .logEnd)
    if let seen { try checkServed(found, seen, from: log.logStartOffset) }
    try lookUp(log)
    try goOn(log, found, disk, configuration)
  }

  private static func open(
    _ disk: SimulatedDisk, _ access: LogAccess, _ configuration: LogConfiguration
  ) throws(LogError) -> Log {
    try Log.open(SampleLog.path, configuration: configuration, access: access, environment: disk.environment)
  }

  /// What a reader sees that changes nothing; nil where it is refused.
  private static func readOnly(_ disk: SimulatedDisk) throws(Finding) -> Contents? {
    let before = snapshot(disk)
    let log: Log
    do throws(LogError) { log = try open(disk, .readOnly, SampleLog.configuration) } catch {
      try checkTyped(error)
      return nil
    }
    let found = try contents(of: log, .logEnd)
    try lookUp(log)
    try require(snapshot(disk) == before, "read-only opening has changed something")
    return found
  }

  private static func checkTyped(_ error: LogError) throws(Finding) {
    let expected: [LogError.Code] = [.damaged, .io, .notFound, .notADirectory]
    try require(expected.contains(error.code) && !error.path.isEmpty, "opening throws \(error)")
  }

  private static func checkRefusal(
    _ error: LogError, _ before: [String: [UInt8]], _ disk: SimulatedDisk
  ) throws(Finding) {
    try checkTyped(error)
    let now = segments(of: disk)
    for (path, bytes) in before { try require(now[path] == bytes, "\(path) was changed, and then: \(error)") }
  }

  /// No byte but zeros was cut without a copy, and none was changed. Whole segments before the log's start go.
  private static func checkNothingIsGone(
    _ before: [String: [UInt8]], _ disk: SimulatedDisk, _ log: Log
  ) throws(Finding) {
    let (now, report, start) = (segments(of: disk), log.recoveryReport, log.logStartOffset)
    let bases = before.keys.compactMap(baseOffset).sorted()
    var cut = 0
    for (path, bytes) in before {
      if now[path] == nil, let base = baseOffset(path), let next = bases.first(where: { $0 > base }),
        next <= start
      {
        continue
      }
      let rest = now[path] ?? []
      try require(
        rest.count <= bytes.count && bytes.starts(with: rest), "\(path) has other bytes than before")
      var gone = Array(bytes[rest.count...])
      if now[path] != nil {
        // Zeros at the end were written or reserved ahead of batches that never came.
        gone.removeLast(gone.reversed().prefix { $0 == 0 }.count)
        cut += gone.count
      }
      if gone.isEmpty { continue }
      let copy = report.quarantined.first { $0.segment == path && $0.position == rest.count }
      guard let copy, disk.contents(of: copy.path) == gone, copy.bytes == gone.count else {
        throw Finding("\(gone.count) bytes of \(path) are gone, and \(report) knows of no copy")
      }
    }
    try require(Int64(cut) == report.cutBytes, "\(cut) bytes are cut, \(report.cutBytes) reported")
  }

  private static func baseOffset(_ path: String) -> Offset? {
    SegmentFiles.parse(String(path.split(separator: "/").last ?? ""))?.baseOffset
  }

  /// A writer serves no record that a reader did not see: nothing is made up.
  private static func checkServed(
    _ found: Contents, _ seen: Contents, from start: Offset
  ) throws(Finding) {
    var places: [Offset: Record] = [:]
    for record in seen.records { places[record.offset] = record.record }
    for record in found.records where record.offset >= start {
      try require(places[record.offset] == record.record, "\(record) was not there before")
    }
  }

  /// Any time, without a trap.
  private static func lookUp(_ log: Log) throws(Finding) {
    for milliseconds: Int64 in [.min, 0, 1_700_000_000_001, .max] {
      let time = Timestamp(milliseconds: milliseconds)
      let result: Result<Offset?, LogError>
      do throws(LogError) { result = .success(try log.offset(for: time, isolation: .logEnd)) } catch {
        result = .failure(error)
      }
      switch result {
      case .success(nil): break
      case .success(let offset?):
        try require(
          offset >= log.logStartOffset && offset < log.logEndOffset, "\(time) is answered with \(offset)")
      case .failure(let error):
        try require(
          error.code == .damaged || error.code == .unreadableBatch, "looking for \(time): \(error)")
      }
    }
  }

  /// Appends, closes, opens again, twice: it is the same log.
  private static func goOn(
    _ log: Log, _ found: Contents, _ disk: SimulatedDisk, _ configuration: LogConfiguration
  ) throws(Finding) {
    let end = log.logEndOffset
    var expected = found
    expected.damaged = found.damaged.filter { $0.lowerBound < end }
    let record = Record(value: "after", timestamp: Timestamp(milliseconds: 1_700_000_000_000))
    do throws(LogError) {
      let place = try log.append(record)
      if place.baseOffset != end {
        throw LogError(.io, path: "", detail: "appended at \(place), not at \(end)")
      }
      expected.records.append(PlacedRecord(offset: end, record: record))
    } catch {
      try require(error.code == .offsetsExhausted, "appending throws \(error)")
    }
    try expect("closing") { () throws(LogError) in try log.close() }
    let kept = segments(of: disk)
    for _ in 0..<2 {
      let again = try expect("opening again") { () throws(LogError) in
        try open(disk, .readWrite, configuration)
      }
      try require(
        again.recoveryReport.wasClean && again.recoveryReport.cutBytes == 0, "\(again.recoveryReport)")
      var now = try contents(of: again, .durable)
      // At its old end a log that a durable point lies about may tell of an offset that nothing ever had.
      now.damaged = now.damaged.filter { $0.lowerBound < end }
      try require(now == expected, "another log: \(now) instead of \(expected)")
      try expect("closing again") { () throws(LogError) in try again.close() }
      try require(segments(of: disk) == kept, "opening and closing has changed a segment")
    }
  }

  /// The segments of the folder, by path.
  private static func segments(of disk: SimulatedDisk) -> [String: [UInt8]] {
    snapshot(disk).filter { $0.key.hasSuffix(".log") }
  }

  private static func snapshot(_ disk: SimulatedDisk) -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for path in disk.listing() where !path.hasSuffix("/") { files[path] = disk.contents(of: path) }
    return files
  }

  static func repair(_ input: inout [UInt8], choice: UInt32) {
    var folder = Folder(input)
    folder.repair(choice: choice)
    input = folder.encoded
  }

  static func seeds() -> [[UInt8]] { Folder.seeds().map(\.encoded) }
}
