public import StrataIO
internal import StrataLock

/// Runs a program once, and then sees what becomes of its files if the power goes at any of its calls, in
/// every way that the fault model of `SimulatedDisk` allows; also if it goes a second time while the program
/// recovers.
///
/// The workload says what it promises to its users at the moment it promises it. The check opens what is left
/// and throws where a promise is broken:
///
///     let explorer = CrashExplorer<Int>(
///       workload: { run in
///         let journal = try Journal(run.environment)
///         for entry in 1...3 {
///           try journal.append(entry)
///           run.promise(entry)
///         }
///       },
///       check: { survivor in
///         let entries = try Journal(survivor.environment).entries
///         guard survivor.promises.allSatisfy(entries.contains) else { throw Lost() }
///       })
///     print(try explorer.explore())
///
/// The workload runs once for all crash points: the disk before each call is kept, which costs little. It has
/// to do the same calls in every run, so it must not draw on chance, time or threads other than the
/// environment's; `explore()` runs it twice to see that it does.
///
/// Crash points are the moments before each call, and the end. The moment after a call is the one before the
/// next, with at least as much promised, so it is not tried apart.
public struct CrashExplorer<Promise: Sendable>: Sendable {
  public typealias Workload = @Sendable (CrashRun<Promise>) throws -> Void
  public typealias Check = @Sendable (CrashSurvivor<Promise>) throws -> Void

  public struct Options: Sendable {
    /// Decides the samples and what faults leave to chance.
    public var seed: UInt64 = 0
    /// Crash points with at most so many surviving states are counted out; of the others `samples` are drawn.
    public var maximumStates = 4096
    /// States that are drawn where they are too many.
    public var samples = 128
    /// States that are drawn besides those counted out, since they also have torn sectors.
    public var samplesBesides = 8
    /// Of how many surviving states of each crash point the recovery is crashed too. 0: of none.
    public var recoveries = 16
    /// The recovery is crashed behind every so many-th crash point. 1: behind each.
    public var recoveryInterval = 1
    /// Like `maximumStates`, for crashes during recovery.
    public var maximumRecoveryStates = 256
    /// Like `samples`, for crashes during recovery, counted out or not.
    public var recoverySamples = 16
    /// Faults that the workload meets with.
    public var faults: [FaultRule] = []
    /// Is told of each crash before it is tried. Where a check traps, the last token is the one to replay.
    public var willTry: (@Sendable (CrashToken) -> Void)?
    /// The disk; its `survival` says how states are counted out.
    public var disk = SimulatedDisk.Options()

    public init() {}
  }

  private(set) var options: Options
  let prepare: (@Sendable (SimulatedDisk) throws -> Void)?
  let workload: Workload
  let recover: (@Sendable (LogEnvironment) throws -> Void)?
  let check: Check

  /// An explorer of `workload`.
  ///
  /// - Parameters:
  ///   - options: How much is tried, and on which disk.
  ///   - prepare: Fills the disk before the workload starts. No crash is tried in it, and what it leaves
  ///     unsynchronised is dirty when the workload starts.
  ///   - workload: The program. An error that it throws ends the exploration.
  ///   - recover: What is crashed a second time. Without it, that is `check`.
  ///   - check: Throws if what is left is wrong. Swift Testing's `#expect` does not throw; use `#require`.
  public init(
    options: Options = Options(), prepare: (@Sendable (SimulatedDisk) throws -> Void)? = nil,
    workload: @escaping Workload, recover: (@Sendable (LogEnvironment) throws -> Void)? = nil,
    check: @escaping Check
  ) {
    self.options = options
    // A failure shows the calls.
    self.options.disk.recordsCalls = true
    self.prepare = prepare
    self.workload = workload
    self.recover = recover
    self.check = check
  }

  /// Tries every crash point, and says how much that was. Throws a `CrashFailure` for the first broken
  /// promise, and what the workload throws.
  public func explore() throws -> CrashReport {
    let recording = try record(options.seed)
    if let difference = recording.difference(try record(options.seed)) {
      throw CrashExplorerError.notDeterministic(difference)
    }
    var report = CrashReport()
    report.calls = recording.calls.count
    for moment in recording.moments {
      report.crashPoints += 1
      guard !moment.isRepetition else { continue }
      report.distinctCrashPoints += 1
      try explore(moment, recording, &report)
    }
    return report
  }

  /// Tries the one crash that `token`, from a `CrashFailure`, names. Throws the failure again if it is still
  /// there.
  public func replay(_ token: CrashToken) throws {
    let recording = try record(token.seed)
    guard let moment = recording.moments.first(where: { $0.number == token.call }) else {
      throw CrashExplorerError.noSuchCrash(token)
    }
    let state = try state(token.state, SurvivingStates(moment.image, options.disk.survival), token)
    let life = Life(state: state, moment: moment, promises: recording.promises(at: moment), token: token)
    guard let call = token.recoveryCall, let second = token.recoveryState else {
      _ = try attempt(life, recording.calls)
      return
    }
    let (moments, calls) = try recordRecovery(life, recording.calls)
    guard let moment = moments.first(where: { $0.number == call }) else {
      throw CrashExplorerError.noSuchCrash(token)
    }
    let next = try self.state(second, SurvivingStates(moment.image, options.disk.survival), token)
    _ = try attempt(
      Life(state: next, moment: moment, promises: life.promises, token: token), recording.calls, calls)
  }

  // MARK: One crash

  /// A machine that is about to be restarted.
  private struct Life {
    var state: SurvivingState
    var moment: Moment
    var promises: [Promise]
    var token: CrashToken
  }

  private func explore(
    _ moment: Moment, _ recording: Recording<Promise>, _ report: inout CrashReport
  ) throws {
    let states = SurvivingStates(moment.image, options.disk.survival)
    var random = SplitMix64(seed: options.seed &+ UInt64(moment.number), stream: Stream.samples)
    let promises = recording.promises(at: moment)
    let choices = choices(states, options.maximumStates, options.samples, options.samplesBesides, &random)
    report.note(states, isEnumerated: states.count ?? .max <= options.maximumStates)
    // Which of the states are crashed a second time: the first, and others spread over the rest.
    let stride = (choices.count - 1) / max(1, options.recoveries) + 1
    for (place, choice) in choices.enumerated() {
      let token = CrashToken(seed: options.seed, call: moment.number, state: choice)
      let life = Life(
        state: try state(choice, states, token), moment: moment, promises: promises, token: token)
      report.count(choice)
      let isCrashedAgain =
        options.recoveries > 0 && place % stride == 0 && moment.number % options.recoveryInterval == 0
      let seen = try attempt(life, recording.calls, recordsMoments: isCrashedAgain && recover == nil)
      guard isCrashedAgain else { continue }
      let (moments, calls) =
        recover == nil ? seen : try recordRecovery(life, recording.calls)
      for moment in moments where !moment.isRepetition {
        try exploreRecovery(life, moment, recording.calls, calls, &random, &report)
      }
    }
  }

  private func exploreRecovery(
    _ first: Life, _ moment: Moment, _ calls: [Call], _ recoveryCalls: [Call],
    _ random: inout SplitMix64, _ report: inout CrashReport
  ) throws {
    let states = SurvivingStates(moment.image, options.disk.survival)
    // Nothing dirty, nothing changed: the same disk as after the first crash.
    guard !states.units.isEmpty || moment.number > 1 else { return }
    report.recoveryCrashPoints += 1
    let samples = options.recoverySamples
    for choice in choices(states, options.maximumRecoveryStates, samples, samples, &random) {
      var token = first.token
      token.recoveryCall = moment.number
      token.recoveryState = choice
      report.countRecovery(choice)
      let life = Life(
        state: try state(choice, states, token), moment: moment, promises: first.promises, token: token)
      _ = try attempt(life, calls, recoveryCalls)
    }
  }

  /// Which states of a crash point are tried.
  private func choices(
    _ states: SurvivingStates, _ maximum: Int, _ samples: Int, _ besides: Int, _ random: inout SplitMix64
  ) -> [CrashToken.State] {
    guard let count = states.count, count <= maximum else {
      return (0..<samples).map { _ in .sample(random.next()) }
    }
    let extra = states.units.isEmpty ? 0 : besides
    return (0..<count).map { .index($0) } + (0..<extra).map { _ in .sample(random.next()) }
  }

  private func state(
    _ choice: CrashToken.State, _ states: SurvivingStates, _ token: CrashToken
  ) throws -> SurvivingState {
    switch choice {
    case .index(let index):
      guard index < states.count ?? 0 else { throw CrashExplorerError.noSuchCrash(token) }
      return states[index]
    case .sample(let seed): return states.sample(seed: seed)
    }
  }

  /// Restarts the machine and checks it. Returns the moments of the check, where they are asked for.
  private func attempt(
    _ life: Life, _ calls: [Call], _ recoveryCalls: [Call]? = nil, recordsMoments: Bool = false
  ) throws -> (moments: [Moment], calls: [Call]) {
    options.willTry?(life.token)
    let disk = boot(life)
    let recorder = MomentRecorder()
    if recordsMoments { recorder.observe(disk) { 0 } }
    do {
      try check(
        CrashSurvivor(disk: disk, promises: life.promises, crashCount: life.token.recoveryCall == nil ? 1 : 2)
      )
    } catch {
      throw failure(life, error, calls, recoveryCalls, disk)
    }
    return (recordsMoments ? recorder.finish(disk) { 0 } : [], disk.calls)
  }

  private func recordRecovery(_ life: Life, _ calls: [Call]) throws -> (moments: [Moment], calls: [Call]) {
    guard let recover else { return try attempt(life, calls, recordsMoments: true) }
    let disk = boot(life)
    let recorder = MomentRecorder()
    recorder.observe(disk) { 0 }
    do {
      try recover(disk.environment)
    } catch {
      throw failure(life, error, calls, nil, disk)
    }
    return (recorder.finish(disk) { 0 }, disk.calls)
  }

  private func boot(_ life: Life) -> SimulatedDisk {
    SimulatedDisk(
      life.state.image, life.moment.time.afterRestart(), seed: life.token.seed &+ 1, crashAt: .never,
      faults: [],
      options: options.disk)
  }

  private func failure(
    _ life: Life, _ error: any Error, _ calls: [Call], _ recoveryCalls: [Call]?, _ disk: SimulatedDisk
  ) -> CrashFailure {
    CrashFailure(
      token: life.token, state: life.state, error: error, workload: calls, recovery: recoveryCalls,
      check: disk.calls)
  }

  // MARK: The run without a crash

  private func record(_ seed: UInt64) throws -> Recording<Promise> {
    let disk = SimulatedDisk(seed: seed, crashAt: .never, faults: [], options: options.disk)
    try prepare?(disk)
    let first = disk.callCount
    for fault in options.faults { disk.add(fault) }
    let run = CrashRun<Promise>(disk)
    let recorder = MomentRecorder(first)
    recorder.observe(disk) { run.promiseCount }
    try workload(run)
    let moments = recorder.finish(disk) { run.promiseCount }
    return Recording(moments: moments, promises: run.promises, calls: Array(disk.calls.dropFirst(first)))
  }
}

/// What a workload runs in.
public final class CrashRun<Promise: Sendable>: Sendable {
  /// The disk itself, for its clock and its jobs. It does not crash while it is recorded.
  public let disk: SimulatedDisk
  public let environment: LogEnvironment
  private let made = Lock<[Promise]>([])

  init(_ disk: SimulatedDisk) {
    self.disk = disk
    environment = disk.environment
  }

  /// Says that something holds from now on, whatever happens.
  public func promise(_ promise: Promise) {
    made.withLock { $0.append(promise) }
  }

  /// All promises so far.
  public var promises: [Promise] { made.withLock { $0 } }

  var promiseCount: Int { made.withLock { $0.count } }
}

/// What is left after a crash.
public struct CrashSurvivor<Promise: Sendable>: Sendable {
  /// The restarted machine.
  public let disk: SimulatedDisk
  public var environment: LogEnvironment { disk.environment }
  /// What the workload had promised before the power went.
  public let promises: [Promise]
  /// 2 where the power went again during recovery.
  public let crashCount: Int
}
