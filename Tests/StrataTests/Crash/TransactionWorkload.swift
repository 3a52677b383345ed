import Strata
import StrataIO
import StrataSimulation
import Synchronization
import Testing

/// One operation on a directory of the logs `a-0`, `b-0` and `c-0`. Transactions go by their numbers.
enum TransactionStep: Sendable, CustomStringConvertible {
  case plain(String)
  case begin(Int)
  case append(Int, String)
  case commit(Int, Durability = .synced)
  case abort(Int)
  case delete(String)
  case checkpoint, close
  /// The directory is opened again, as after the end of its process.
  case open

  var description: String {
    switch self {
    case .plain(let name): "plain to \(name)"
    case .begin(let number): "begin \(number)"
    case .append(let number, let name): "\(number) to \(name)"
    case .commit(let number, let durability): "commit \(number) \(durability)"
    case .abort(let number): "abort \(number)"
    case .delete(let name): "delete \(name)"
    case .checkpoint: "checkpoint"
    case .close: "close"
    case .open: "open"
    }
  }
}

/// What the program on top of transactions may rely on.
enum TransactionPromise: Sendable {
  case attempted(Int, String, String)
  case plain(String, String)
  case committing(Int)
  case committed(Int)
  case aborted(Int)
  case deleting(String)
}

/// Transactions over three logs on a disk that may crash at every call.
struct TransactionWorkload: Sendable, CustomStringConvertible, CustomTestStringConvertible {
  var steps: [TransactionStep]
  /// So many of the logs may be awake.
  var awakeLogs = 3

  var description: String {
    "transactions (\(awakeLogs) awake): " + steps.map(\.description).joined(separator: ", ")
  }
  var testDescription: String { description }

  private static func whole(_ number: Int, _ names: [String] = logs) -> [TransactionStep] {
    [.begin(number)] + names.map { .append(number, $0) }
  }

  static let logs = ["a-0", "b-0", "c-0"]

  static let all = [
    TransactionWorkload(steps: whole(1) + [.commit(1)]),
    TransactionWorkload(steps: whole(1) + [.commit(1), .plain("b-0"), .close], awakeLogs: 1),
    TransactionWorkload(
      steps: whole(1) + [.commit(1, .buffered)] + whole(2, ["c-0", "b-0"]) + [.commit(2), .close]),
    TransactionWorkload(
      steps: whole(1, ["a-0", "b-0"]) + [.abort(1)] + whole(2, ["a-0", "c-0"]) + [.commit(2, .buffered)]),
    TransactionWorkload(
      steps: whole(1, ["a-0", "b-0"]) + whole(2) + [.append(1, "a-0"), .commit(2), .plain("a-0"), .commit(1)]),
    TransactionWorkload(
      steps: whole(1) + [.open] + whole(2, ["b-0", "a-0"]) + [.commit(2, .buffered), .open, .plain("a-0")],
      awakeLogs: 1),
    TransactionWorkload(
      steps: whole(1, ["a-0", "b-0"]) + [.close, .open] + whole(2, ["a-0"]) + [.commit(2), .checkpoint],
      awakeLogs: 1),
    TransactionWorkload(
      steps: whole(1) + [.commit(1, .buffered), .delete("b-0"), .plain("b-0"), .close]),
  ]

  static func configuration(awakeLogs: Int = 3) -> LogDirectoryConfiguration {
    var configuration = DirectoryWorkload.configuration
    configuration.maximumAwakeLogs = awakeLogs
    return configuration
  }

  static func options() -> CrashExplorer<TransactionPromise>.Options {
    var options = CrashExplorer<TransactionPromise>.Options()
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 2, 1)
    #if DEBUG
      (options.maximumStates, options.samples, options.samplesBesides) = (2, 1, 0)
      options.recoveryInterval = 80
    #else
      (options.maximumStates, options.samples, options.samplesBesides) = (64, 8, 1)
      options.recoveryInterval = CrashBudget.isLong ? 2 : 8
    #endif
    return options
  }

  func explorer(
    _ options: CrashExplorer<TransactionPromise>.Options
  ) -> CrashExplorer<TransactionPromise> {
    // A directory that goes closes its logs in any order: those calls are none of the workload's.
    let kept = Kept()
    return CrashExplorer<TransactionPromise>(
      options: options,
      prepare: { disk in
        // The logs are there, and closed.
        let directory = try LogDirectory.open(
          "data", configuration: Self.configuration(), environment: disk.environment)
        for name in Self.logs { try directory.log(for: name).append(Record(value: "first")) }
        try directory.close()
      },
      workload: { run in
        let session = TransactionSession(
          run.disk, Self.configuration(awakeLogs: awakeLogs)
        ) { run.promise($0) }
        try session.open()
        kept.session.withLock { $0 = session }
        for step in steps { try session.run(step) }
      },
      recover: { environment in
        // One of them alone first, and then all of them.
        let alone = try Log.open("data/b-0", configuration: .crash, environment: environment)
        try alone.close()
        _ = try LogDirectory.open("data", configuration: Self.configuration(), environment: environment)
      },
      check: { survivor in
        let oracle = TransactionOracle(survivor.promises)
        #if DEBUG
          // Unoptimised code takes twenty times as long: one order each, by what has survived.
          let all = TransactionOracle.Opening.allCases
          let number = survivor.disk.usedSpace / 512 + Int64(survivor.promises.count)
          try oracle.check(survivor.disk, [all[Int(number) % all.count]])
        #else
          try oracle.check(survivor.disk)
        #endif
      })
  }
}

/// The program of the last run.
private final class Kept: Sendable {
  let session = Mutex<TransactionSession?>(nil)
}

/// Carries steps out and says what it has promised. For one thread at a time.
final class TransactionSession: @unchecked Sendable {
  private let disk: SimulatedDisk
  private let configuration: LogDirectoryConfiguration
  private let promise: (TransactionPromise) -> Void
  private(set) var directory: LogDirectory?
  private var transactions: [Int: DirectoryTransaction] = [:]
  private var values = 0

  init(
    _ disk: SimulatedDisk, _ configuration: LogDirectoryConfiguration,
    _ promise: @escaping (TransactionPromise) -> Void
  ) {
    self.disk = disk
    self.configuration = configuration
    self.promise = promise
  }

  func open() throws {
    leave()
    directory = try LogDirectory.open(
      "data", configuration: configuration, environment: disk.environment)
  }

  /// As the end of the process leaves it.
  func leave() {
    transactions = [:]
    directory = nil
  }

  private func value() -> String {
    values += 1
    return "value \(values)"
  }

  func run(_ step: TransactionStep) throws {
    if case .open = step { return try open() }
    let directory = directory!
    switch step {
    case .open: break
    case .plain(let name):
      let value = value()
      try directory.log(for: name).append(Record(value: value))
      promise(.plain(name, value))
    case .begin(let number): transactions[number] = try directory.beginTransaction()
    case .append(let number, let name):
      let value = value()
      promise(.attempted(number, name, value))
      try transactions[number]!.append(Record(value: value), to: name)
    case .commit(let number, let durability):
      promise(.committing(number))
      try transactions[number]!.commit(durability: durability)
      promise(.committed(number))
    case .abort(let number):
      try transactions[number]!.abort()
      promise(.aborted(number))
    case .delete(let name):
      promise(.deleting(name))
      try directory.delete(name)
    case .checkpoint: try directory.checkpoint()
    case .close: try directory.close()
    }
  }
}
