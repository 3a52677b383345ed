internal import StrataLock

extension SimulatedDisk {
  /// Fails the first call that fits, then the second, and so on, each time on a new disk, until `attempt`
  /// gets through without a fault. Returns how many calls there were to fail.
  ///
  /// `attempt` runs the program and does its own checks: a typed error, nothing acknowledged lost, `leaks`
  /// nil. An error that it throws comes out in a `FaultFailure`.
  @discardableResult
  public static func failEachCall(
    _ fault: Fault, on operations: Set<Call.Operation>? = nil, pathSuffix: String? = nil, seed: UInt64 = 0,
    options: Options = Options(), _ attempt: (SimulatedDisk) throws -> Void
  ) throws -> Int {
    var occurrence = 1
    while true {
      let rule = FaultRule(fault, on: operations, pathSuffix: pathSuffix, .nth(occurrence))
      let disk = SimulatedDisk(seed: seed, crashAt: .never, faults: [rule], options: options)
      do {
        try attempt(disk)
      } catch {
        throw FaultFailure(
          fault: fault, occurrence: occurrence, call: disk.calls.first { $0.fault != nil }, error: error)
      }
      guard disk.playedFaultCount > 0 else { return occurrence - 1 }
      occurrence += 1
    }
  }

  /// What is still open, in words; nil where nothing is.
  public var leaks: String? {
    state.withLock { state in
      let counts = (state.openFileCount, state.openMappingCount, state.openLockCount)
      return counts == (0, 0, 0)
        ? nil : "\(counts.0) open files, \(counts.1) mappings, \(counts.2) locks"
    }
  }
}

/// A program that did not bear a fault.
public struct FaultFailure: Error, CustomStringConvertible {
  public let fault: Fault
  /// Which of the calls that fit was failed, from 1.
  public let occurrence: Int
  /// That call; nil where all went without a fault.
  public let call: Call?
  /// What was thrown.
  public let error: any Error

  public var description: String {
    "\(error)\nwith \(call.map { "call \($0.number), \($0)" } ?? "no fault"), occurrence \(occurrence) of \(fault)"
  }
}
