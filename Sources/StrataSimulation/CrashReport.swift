/// How much an exploration has tried. Reports of several workloads can be added.
public struct CrashReport: Hashable, Sendable, CustomStringConvertible {
  /// Calls of the workload.
  public internal(set) var calls = 0
  /// Moments at which the power went: before each call, and at the end.
  public internal(set) var crashPoints = 0
  /// Those of them whose disk or promises differ from the moment before; only these had to be tried.
  public internal(set) var distinctCrashPoints = 0
  /// Surviving states that were counted out and checked.
  public internal(set) var enumeratedStates = 0
  /// Surviving states that were drawn and checked.
  public internal(set) var sampledStates = 0
  /// Crash points all of whose states were checked.
  public internal(set) var enumeratedCrashPoints = 0
  /// The most dirty units of a crash point all of whose states were checked.
  public internal(set) var largestEnumeratedUnits = 0
  /// The most dirty units of any crash point.
  public internal(set) var largestUnits = 0
  /// Moments of recoveries at which the power went again.
  public internal(set) var recoveryCrashPoints = 0
  public internal(set) var enumeratedRecoveryStates = 0
  public internal(set) var sampledRecoveryStates = 0

  public init() {}

  /// All states that were checked.
  public var states: Int {
    enumeratedStates + sampledStates + enumeratedRecoveryStates + sampledRecoveryStates
  }

  public static func + (a: CrashReport, b: CrashReport) -> CrashReport {
    var sum = a
    sum.calls += b.calls
    sum.crashPoints += b.crashPoints
    sum.distinctCrashPoints += b.distinctCrashPoints
    sum.enumeratedStates += b.enumeratedStates
    sum.sampledStates += b.sampledStates
    sum.enumeratedCrashPoints += b.enumeratedCrashPoints
    sum.largestEnumeratedUnits = max(a.largestEnumeratedUnits, b.largestEnumeratedUnits)
    sum.largestUnits = max(a.largestUnits, b.largestUnits)
    sum.recoveryCrashPoints += b.recoveryCrashPoints
    sum.enumeratedRecoveryStates += b.enumeratedRecoveryStates
    sum.sampledRecoveryStates += b.sampledRecoveryStates
    return sum
  }

  public static func += (a: inout CrashReport, b: CrashReport) {
    a = a + b
  }

  public var description: String {
    """
    \(crashPoints) crash points (\(distinctCrashPoints) distinct) of \(calls) calls, \
    \(enumeratedStates) surviving states enumerated and \(sampledStates) sampled; \
    up to \(largestEnumeratedUnits) dirty units enumerated whole, \(largestUnits) at most; \
    \(recoveryCrashPoints) crash points of recoveries, \(enumeratedRecoveryStates) states enumerated and \
    \(sampledRecoveryStates) sampled
    """
  }

  mutating func note(_ states: SurvivingStates, isEnumerated: Bool) {
    largestUnits = max(largestUnits, states.units.count)
    guard isEnumerated else { return }
    enumeratedCrashPoints += 1
    largestEnumeratedUnits = max(largestEnumeratedUnits, states.units.count)
  }

  mutating func count(_ choice: CrashToken.State) {
    if case .index = choice { enumeratedStates += 1 } else { sampledStates += 1 }
  }

  mutating func countRecovery(_ choice: CrashToken.State) {
    if case .index = choice { enumeratedRecoveryStates += 1 } else { sampledRecoveryStates += 1 }
  }
}
