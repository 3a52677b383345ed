import Strata
import StrataIO
import StrataRecords
import StrataSimulation

/// Tells whether what a crash has left of a directory keeps what was promised: each log for itself, and the files of the
/// directory, which never say more than there is.
struct DirectoryOracle {
  /// What the promises come to for one log.
  private struct Truth {
    var attempted: [String] = []
    var durable = 0
    /// A deletion of it has begun: it may be gone.
    var mayBeGone = false
    var isGone = true
    /// What the recovery point in the directory's file is at least.
    var checkpointed = 0
  }

  private let disk: SimulatedDisk
  private var logs: [String: Truth] = [:]
  private var isClosed = false
  private var snapshots: [String: [String: Int]] = [:]
  /// All values that a log ever had, at their places; a snapshot may be of any time.
  private var history: [String: [[String]]] = [:]

  init(_ survivor: CrashSurvivor<DirectoryPromise>) {
    disk = survivor.disk
    for promise in survivor.promises { take(promise) }
  }

  private mutating func take(_ promise: DirectoryPromise) {
    isClosed = false
    switch promise {
    case .attempted(let name, let value):
      logs[name, default: Truth()].attempted.append(value)
      logs[name]!.isGone = false
      logs[name]!.mayBeGone = logs[name]!.durable == 0
    case .durable(let name, let count):
      logs[name]!.durable = count
      logs[name]!.mayBeGone = false
    case .truncating(let name, let end):
      history[name, default: []].append(logs[name]!.attempted)
      logs[name]!.durable = min(logs[name]!.durable, end)
      logs[name]!.checkpointed = min(logs[name]!.checkpointed, end)
    case .truncated(let name, let end):
      logs[name]!.attempted.removeSubrange(end...)
      logs[name]!.durable = end
    case .deleting(let name):
      logs[name]!.mayBeGone = true
      logs[name]!.checkpointed = 0
    case .deleted(let name): logs[name] = Truth()
    case .opening: break
    case .found(let counts):
      for (name, count) in counts {
        logs[name]?.attempted.removeSubrange(count...)
        logs[name]?.durable = count
      }
    case .checkpointed(let ends):
      for (name, end) in ends { logs[name]!.checkpointed = end }
    case .closed:
      isClosed = true
      for name in logs.keys { logs[name]!.durable = logs[name]!.attempted.count }
    case .snapshot(let folder, let ends): snapshots[folder] = ends
    }
  }

  func check() throws {
    let isMarked = disk.contents(of: "data/.kafka_cleanshutdown") != nil
    let points = try checkpoint(.recoveryPoint)
    for kind in OffsetCheckpoint.Kind.allCases { _ = try checkpoint(kind) }
    if isClosed {
      try expect(
        disk.contents(of: "data/.kafka_cleanshutdown").map { String(decoding: $0, as: UTF8.self) }
          == CleanMark.text, "closed, and the mark is not there")
    }
    try checkSnapshots()

    var directory: LogDirectory? = try open()
    let report = directory!.recoveryReport
    try expect(report.wasClean == isMarked, "the mark is \(isMarked), and it was clean: \(report.wasClean)")
    try expect(report.failures.isEmpty, "cannot be opened: \(report.failures)")
    try expect(report.unreadable.isEmpty, "cannot be read: \(report.unreadable)")
    try expect(
      disk.listing().allSatisfy { !$0.contains("-delete") }, "what was deleted is there still")
    var values: [String: [String]] = [:]
    for (name, truth) in logs where !truth.isGone || directory!.logs.contains(name) {
      if !directory!.logs.contains(name), truth.mayBeGone { continue }
      let log = try directory!.log(for: name)
      values[name] = try check(log, name, truth, isMarked, points.offsets[LogName(name)!])
    }
    for name in directory!.logs { try expect(logs[name]?.isGone != true, "\(name) was deleted") }

    for name in values.keys.sorted() {
      try directory!.log(for: name).append(Record(value: "after"))
      values[name]!.append("after")
    }
    try directory!.close()
    directory = nil
    directory = try open()
    try expect(directory!.recoveryReport.wasClean, "closed, and not clean")
    for (name, values) in values {
      let found = try directory!.log(for: name).values(from: 0)
      try expect(found == values, "\(name) has \(found), \(values) before")
    }
    try expect(
      disk.contents(of: "data/meta.properties") == Array("version=1\n".utf8), "Kafka's properties are others")
  }

  private func open() throws -> LogDirectory {
    try LogDirectory.open(
      "data", configuration: DirectoryWorkload.configuration, environment: disk.environment)
  }

  private func check(
    _ log: Log, _ name: String, _ truth: Truth, _ isMarked: Bool, _ point: Offset?
  ) throws -> [String] {
    log.checkInvariants()
    try expect(log.logStartOffset == 0, "\(name) starts at \(log.logStartOffset)")
    let values = try log.values(from: 0, isolation: .durable)
    try expect(
      values.count >= truth.durable || truth.mayBeGone, "\(name): \(values) of \(truth.durable) durable ones")
    let all = [truth.attempted] + (history[name] ?? [])
    try expect(
      all.contains { values == Array($0.prefix(values.count)) }, "\(name): \(values) of \(truth.attempted)")
    try expect(log.logEndOffset.rawValue == Int64(values.count), "\(name) ends at \(log.logEndOffset)")
    if isMarked { try expect(log.recoveryReport.wasClean, "the mark lies: \(name) was not closed") }
    if let point {
      try expect(
        point.rawValue <= values.count, "\(name) ends at \(values.count), its recovery point is \(point)")
    }
    if truth.checkpointed > 0, !truth.mayBeGone {
      try expect(
        point?.rawValue ?? 0 >= truth.checkpointed, "\(name): the recovery point was \(truth.checkpointed)")
    }
    if isClosed {
      try expect(point?.rawValue == Int64(values.count), "\(name) was closed at \(values.count)")
    }
    return values
  }

  /// A checkpoint is there as a whole, or not at all.
  private func checkpoint(_ kind: OffsetCheckpoint.Kind) throws -> OffsetCheckpoint {
    guard let bytes = disk.contents(of: "data/\(kind.fileName)") else { return OffsetCheckpoint() }
    guard let checkpoint = OffsetCheckpoint(parsing: bytes) else {
      throw BrokenPromise("\(kind.fileName) is torn: \(String(decoding: bytes, as: UTF8.self))")
    }
    return checkpoint
  }

  /// What has a snapshot's name is a whole one; and it is there once it was said to be.
  private func checkSnapshots() throws {
    for folder in ["copy", "single"] {
      let isThere = disk.listing().contains { $0.hasPrefix(folder + "/") }
      try expect(isThere || snapshots[folder] == nil, "the snapshot \(folder) is not there")
      guard isThere else { continue }
      if folder == "single" {
        let log = try Log.open("single", configuration: .crash, environment: disk.environment)
        try checkSnapshot(log, "a-0", snapshots[folder])
        try log.close()
        continue
      }
      let copy = try LogDirectory.open(
        folder, configuration: DirectoryWorkload.configuration, environment: disk.environment)
      try expect(copy.recoveryReport.wasClean && copy.logs == ["a-0", "b-0"], "\(copy.logs) in the snapshot")
      for name in copy.logs { try checkSnapshot(try copy.log(for: name), name, snapshots[folder]) }
      try expect(
        disk.contents(of: "copy/meta.properties") == Array("version=1\n".utf8), "its properties are others")
      try copy.close()
    }
  }

  private func checkSnapshot(_ log: Log, _ name: String, _ promised: [String: Int]?) throws {
    try expect(log.recoveryReport.wasClean, "the snapshot of \(name) is not closed")
    let values = try log.values(from: 0)
    let all = [logs[name]?.attempted ?? []] + (history[name] ?? [])
    try expect(values.count >= promised?[name] ?? 0, "the snapshot of \(name) has \(values) alone")
    try expect(all.contains { $0.starts(with: values) }, "the snapshot of \(name) has \(values)")
    // Going on in the snapshot changes nothing of what it was made from, which is looked at afterwards.
    try log.append(Record(value: "in the snapshot"))
    try log.truncate(to: 1)
    try log.append(Record(value: "in the snapshot"))
  }
}
