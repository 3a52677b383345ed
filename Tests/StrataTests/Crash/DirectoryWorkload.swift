import Strata
import StrataIO
import StrataSimulation
import Testing

/// One operation on a directory of the logs `a-0` and `b-0`.
enum DirectoryStep: Sendable, CustomStringConvertible {
  case synced(String)
  case buffered(String)
  /// Half of a log is taken back.
  case truncate(String)
  case delete(String)
  case checkpoint, close, open
  /// Of the directory, to `copy`.
  case snapshot
  /// Of one log, to `single`.
  case snapshotOf(String)

  var description: String {
    switch self {
    case .synced(let name): "synced \(name)"
    case .buffered(let name): "buffered \(name)"
    case .truncate(let name): "truncate \(name)"
    case .delete(let name): "delete \(name)"
    case .checkpoint: "checkpoint"
    case .close: "close"
    case .open: "open"
    case .snapshot: "snapshot"
    case .snapshotOf(let name): "snapshot of \(name)"
    }
  }
}

/// What the program on top of a directory may rely on.
enum DirectoryPromise: Sendable {
  case attempted(String, String)
  case durable(String, Int)
  case truncating(String, Int)
  case truncated(String, Int)
  case deleting(String)
  case deleted(String)
  /// The directory is going to be opened.
  case opening
  /// An open has found so many records in each.
  case found([String: Int])
  case checkpointed([String: Int])
  case closed
  /// A folder holds a snapshot of these logs, of so many records at least.
  case snapshot(String, [String: Int])
}

/// A directory on a disk that may crash at every call. Its budget is one log that is awake, so that every change from
/// one log to the other lets one fall asleep.
struct DirectoryWorkload: Sendable, CustomStringConvertible, CustomTestStringConvertible {
  var steps: [DirectoryStep]

  var description: String { "directory: " + steps.map(\.description).joined(separator: ", ") }
  var testDescription: String { description }

  static let all = [
    DirectoryWorkload(steps: [.synced("a-0"), .buffered("b-0"), .synced("a-0"), .synced("b-0")]),
    DirectoryWorkload(steps: [.synced("a-0"), .checkpoint, .synced("a-0"), .close]),
    DirectoryWorkload(steps: [.buffered("a-0"), .buffered("b-0"), .close, .open, .synced("b-0"), .close]),
    DirectoryWorkload(
      steps: [
        .synced("a-0"), .synced("a-0"), .synced("a-0"), .checkpoint, .truncate("a-0"), .buffered("a-0"),
      ]),
    DirectoryWorkload(steps: [.synced("a-0"), .checkpoint, .delete("a-0"), .synced("a-0"), .close]),
    DirectoryWorkload(
      steps: [
        .synced("a-0"), .synced("b-0"), .synced("a-0"), .buffered("a-0"), .snapshot, .synced("a-0"),
        .truncate("a-0"), .close,
      ]),
    DirectoryWorkload(steps: [.synced("a-0"), .synced("a-0"), .synced("a-0"), .snapshotOf("a-0")]),
  ]

  static var configuration: LogDirectoryConfiguration {
    var configuration = LogDirectoryConfiguration.small
    configuration.log = .crash
    configuration.maximumAwakeLogs = 1
    return configuration
  }

  static func options() -> CrashExplorer<DirectoryPromise>.Options {
    var options = CrashExplorer<DirectoryPromise>.Options()
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 2, 1)
    #if DEBUG
      (options.maximumStates, options.samples, options.samplesBesides) = (2, 1, 0)
      options.recoveryInterval = 64
    #else
      (options.maximumStates, options.samples, options.samplesBesides) = (64, 8, 1)
      options.recoveryInterval = CrashBudget.isLong ? 2 : 8
    #endif
    return options
  }

  func explorer(
    _ options: CrashExplorer<DirectoryPromise>.Options
  ) -> CrashExplorer<DirectoryPromise> {
    CrashExplorer<DirectoryPromise>(
      options: options,
      prepare: { disk in
        disk.install("data/meta.properties", Array("version=1\n".utf8))
      },
      workload: { run in
        var session = DirectorySession(run.disk) { run.promise($0) }
        try session.open()
        for step in steps { try session.run(step) }
      },
      recover: { environment in
        _ = try LogDirectory.open("data", configuration: Self.configuration, environment: environment)
      },
      check: { try DirectoryOracle($0).check() })
  }
}

/// Carries steps out and says what it has promised.
private struct DirectorySession {
  let disk: SimulatedDisk
  let promise: (DirectoryPromise) -> Void
  var directory: LogDirectory?
  var counts: [String: Int] = [:]
  var values = 0

  init(_ disk: SimulatedDisk, _ promise: @escaping (DirectoryPromise) -> Void) {
    self.disk = disk
    self.promise = promise
  }

  mutating func open() throws {
    directory = nil
    promise(.opening)
    let opened = try LogDirectory.open(
      "data", configuration: DirectoryWorkload.configuration, environment: disk.environment)
    directory = opened
    counts = [:]
    for name in opened.logs { counts[name] = Int(try opened.log(for: name).logEndOffset.rawValue) }
    promise(.found(counts))
  }

  mutating func run(_ step: DirectoryStep) throws {
    let directory = directory!
    switch step {
    case .synced(let name): try append(name, .synced)
    case .buffered(let name): try append(name, .buffered)
    case .truncate(let name):
      let end = counts[name]! / 2
      promise(.truncating(name, end))
      try directory.log(for: name).truncate(to: Offset(Int64(end)))
      counts[name] = end
      promise(.truncated(name, end))
    case .delete(let name):
      promise(.deleting(name))
      try directory.delete(name)
      counts[name] = nil
      promise(.deleted(name))
    case .checkpoint:
      try directory.checkpoint()
      var ends: [String: Int] = [:]
      for name in directory.logs { ends[name] = Int(try directory.log(for: name).recoveryPoint.rawValue) }
      promise(.checkpointed(ends))
    case .close:
      try directory.close()
      promise(.closed)
    case .open: try open()
    case .snapshot:
      let ends = try directory.logs.map { ($0, Int(try directory.log(for: $0).recoveryPoint.rawValue)) }
      try directory.snapshot(to: "copy")
      promise(.snapshot("copy", Dictionary(uniqueKeysWithValues: ends)))
    case .snapshotOf(let name):
      let log = try directory.log(for: name)
      let end = Int(log.recoveryPoint.rawValue)
      try log.snapshot(to: "single")
      promise(.snapshot("single", [name: end]))
    }
  }

  private mutating func append(_ name: String, _ durability: Durability) throws {
    values += 1
    let value = "value \(values)"
    promise(.attempted(name, value))
    let place = try directory!.log(for: name).append(Record(value: value), durability: durability)
    counts[name] = Int(place.lastOffset.rawValue) + 1
    if durability == .synced { promise(.durable(name, counts[name]!)) }
  }
}
