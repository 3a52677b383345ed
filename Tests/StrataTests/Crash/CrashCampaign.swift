import Foundation
import Strata
import StrataSimulation
import Synchronization
import Testing

/// A workload with all that is needed to crash it at every call.
struct CrashWorkload: Sendable, CustomStringConvertible {
  var name: String
  var oracle = CrashOracle()
  /// Puts files there before.
  var install: (@Sendable (SimulatedDisk) throws -> Void)?
  /// What holds before the workload begins.
  var promisesFirst: [CrashPromise] = []
  /// Operations at which no crash is tried: other workloads do.
  var before: [CrashStep] = []
  var steps: [CrashStep]

  var description: String { name }

  /// Every crash point of opening a log and of `steps`, or of the last step alone.
  init(_ steps: [CrashStep], lastAlone: Bool = false) {
    name = (steps.isEmpty ? ["open"] : steps.map(\.rawValue)).joined(separator: " ")
    if lastAlone, let last = steps.last {
      before = Array(steps.dropLast())
      self.steps = [last]
    } else {
      self.steps = steps
    }
  }

  func explorer(_ options: CrashExplorer<CrashPromise>.Options) -> CrashExplorer<CrashPromise> {
    // What `prepare` began goes on in the workload, which runs next and on the same disk.
    let begun = Begun()
    let configuration = oracle.configuration
    var options = options
    // What the log's own thread would do at a time of its own is a step of the workload.
    options.disk.ioThread = .stepped
    return CrashExplorer<CrashPromise>(
      options: options,
      prepare: { disk in try prepare(disk, begun) },
      workload: { run in try work(run, begun) },
      recover: { environment in
        // Ending what nobody will end appends markers: `CrashOracle` does it at the end of all.
        _ = try Log.openUndecided("log", configuration: configuration, environment: environment)
      },
      check: { survivor in try oracle.check(survivor) })
  }

  private func prepare(_ disk: SimulatedDisk, _ begun: Begun) throws {
    try install?(disk)
    guard !before.isEmpty else { return }
    let session = CrashSession(disk, configuration: oracle.configuration)
    try session.open()
    try session.run(before)
    begun.session.withLock { $0 = session }
  }

  private func work(_ run: CrashRun<CrashPromise>, _ begun: Begun) throws {
    let earlier = begun.session.withLock { session in
      defer { session = nil }
      return session
    }
    let session = earlier ?? CrashSession(run.disk, configuration: oracle.configuration)
    for promise in promisesFirst + session.promises { run.promise(promise) }
    session.promiseAlso = { run.promise($0) }
    if earlier == nil { try session.open() }
    try session.run(steps)
  }

  /// The session that was begun, and waits for its last step.
  private final class Begun: Sendable {
    let session = Mutex<CrashSession?>(nil)
  }
}

/// How much is tried of each workload.
extension CrashExplorer.Options {
  /// A look at many workloads: every state where they are few, and no crash during recovery.
  static func wide(seed: UInt64 = 0) -> Self {
    var options = Self()
    options.seed = seed
    options.recoveries = 0
    #if DEBUG
      // Unoptimised code takes thirty times as long.
      (options.maximumStates, options.samples, options.samplesBesides) = (4, 2, 1)
    #else
      (options.maximumStates, options.samples, options.samplesBesides) = (64, 8, 1)
      if CrashBudget.isLong {
        (options.maximumStates, options.samples, options.samplesBesides) = (512, 32, 8)
      }
    #endif
    return options
  }

  /// The power goes again while the log recovers.
  static func deep(seed: UInt64 = 0) -> Self {
    var options = Self.wide(seed: seed)
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 4, 1)
    if CrashBudget.isLong {
      (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (16, 64, 4)
    }
    return options
  }

  /// A few states of each crash point, of the recoveries too.
  static func drawn(seed: UInt64) -> Self {
    var options = Self.wide(seed: seed)
    (options.maximumStates, options.samples, options.samplesBesides) = (8, 4, 1)
    (options.recoveries, options.maximumRecoveryStates, options.recoverySamples) = (1, 2, 1)
    return options
  }

  /// Every state, as far as they can be counted out.
  static func whole(seed: UInt64 = 0) -> Self {
    var options = Self.wide(seed: seed)
    options.maximumStates = 1 << 16
    options.samples = 64
    options.disk.survival.intermediateVersions = false
    return options
  }
}

/// How long this run may take beyond what every run does: minutes, from `CRASH_MINUTES`.
enum CrashBudget {
  static let minutes = Double(ProcessInfo.processInfo.environment["CRASH_MINUTES"] ?? "") ?? 0
  static let isLong = minutes > 0
  /// Where the random sequences begin: `CRASH_SEED`, or chance.
  static let seed =
    UInt64(ProcessInfo.processInfo.environment["CRASH_SEED"] ?? "") ?? UInt64.random(in: 1...1 << 40)
}

/// Tries workloads one after the other, and says which crash broke which promise.
struct CrashCampaign {
  var report = CrashReport()
  var workloads = 0
  var failures = 0

  /// False where too many promises were broken; each failure is recorded, with what replays it.
  mutating func explore(
    _ workload: CrashWorkload, _ options: CrashExplorer<CrashPromise>.Options
  ) -> Bool {
    do {
      report += try workload.explorer(options).explore()
      workloads += 1
      return true
    } catch {
      Issue.record("workload “\(workload)”: \(error)")
      failures += 1
      return failures < 4
    }
  }

  func summary(_ title: String) -> String { "\(title): \(workloads) workloads, \(report)" }
}
