/// Which crash, in which outcome: all that is needed to see it again with `CrashExplorer.replay(_:)`.
///
/// Its text is `seed:call:state`, with `:call:state` of the crash during recovery where there was one. The
/// state is a number, or `~` and the seed of a sample.
public struct CrashToken: Hashable, Sendable, LosslessStringConvertible {
  /// An outcome of a crash.
  enum State: Hashable, Sendable {
    case index(Int)
    case sample(UInt64)
  }

  /// The seed of the exploration.
  public let seed: UInt64
  /// The power went before this call of the workload, from 1; one more than there are calls is the end.
  public let call: Int
  let state: State
  /// The power went again before this call of the recovery.
  public internal(set) var recoveryCall: Int?
  var recoveryState: State?

  init(seed: UInt64, call: Int, state: State) {
    self.seed = seed
    self.call = call
    self.state = state
  }

  /// Reads the text of a token; nil where it is none.
  public init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3 || parts.count == 5, let seed = UInt64(parts[0]), let call = Int(parts[1]),
      let state = State(parts[2])
    else { return nil }
    self.init(seed: seed, call: call, state: state)
    guard parts.count == 5 else { return }
    guard let recoveryCall = Int(parts[3]), let recoveryState = State(parts[4]) else { return nil }
    (self.recoveryCall, self.recoveryState) = (recoveryCall, recoveryState)
  }

  public var description: String {
    var text = "\(seed):\(call):\(state)"
    if let recoveryCall, let recoveryState { text += ":\(recoveryCall):\(recoveryState)" }
    return text
  }
}

extension CrashToken.State: CustomStringConvertible {
  init?(_ text: Substring) {
    if text.hasPrefix("~") {
      guard let seed = UInt64(text.dropFirst()) else { return nil }
      self = .sample(seed)
    } else {
      guard let index = Int(text), index >= 0 else { return nil }
      self = .index(index)
    }
  }

  var description: String {
    switch self {
    case .index(let index): "\(index)"
    case .sample(let seed): "~\(seed)"
    }
  }
}

/// A promise that did not outlive a crash. Its description says which crash, what survived of what was dirty,
/// the calls before it, and the token that replays it.
public struct CrashFailure: Error, CustomStringConvertible {
  public let token: CrashToken
  /// What of each dirty unit survived.
  public let state: SurvivingState
  /// What the check threw.
  public let error: any Error
  /// The calls of the workload, of the recovery that was crashed, and of the check that failed.
  public let workload: [Call]
  public let recovery: [Call]?
  public let check: [Call]

  public var description: String {
    var lines = ["\(error)", "crash \(token), before call \(token.call) of the workload"]
    if let recoveryCall = token.recoveryCall {
      lines.append("and again before call \(recoveryCall) of the recovery")
    }
    lines.append("\(state)")
    lines.append(contentsOf: Self.list("workload", workload, token.call))
    if let recovery, let call = token.recoveryCall {
      lines.append(contentsOf: Self.list("recovery", recovery, call))
    }
    lines.append(contentsOf: Self.list("check", check, check.count + 1))
    lines.append("replay with CrashToken(\"\(token)\")")
    return lines.joined(separator: "\n")
  }

  /// The calls up to the crash; of a long run only the last ones.
  private static func list(_ title: String, _ calls: [Call], _ end: Int) -> [String] {
    let shown = calls.prefix(max(0, end - 1)).suffix(25)
    var lines = ["\(title):"]
    if shown.startIndex > 0 { lines.append("  … \(shown.startIndex) calls") }
    lines += shown.enumerated().map { "  \(shown.startIndex + $0.offset + 1) \($0.element)" }
    return lines
  }
}

/// Why an exploration makes no sense.
@nonexhaustive
public enum CrashExplorerError: Error, Hashable, CustomStringConvertible {
  /// Two runs of the workload made different calls.
  case notDeterministic(String)
  /// The token belongs to another workload, or to another version of it.
  case noSuchCrash(CrashToken)

  public var description: String {
    switch self {
    case .notDeterministic(let difference): "the workload is not the same in every run: \(difference)"
    case .noSuchCrash(let token): "the workload has no crash \(token)"
    }
  }
}
