#if MUTANTS
  internal import StrataLock
#endif

/// Every check and every step, other than a `Barrier`, that a promise of the log rests on, by the name of what it
/// guards.
///
/// Tests leave each of them out in turn, as they do with the barriers, and have to notice. A new check that keeps
/// something from being lost or from being taken for what it is not gets a case here.
package enum Safeguard: String, CaseIterable, Sendable {
  /// A batch that claims more bytes than there are is damage, and not the end.
  case lengthCheck
  /// The bytes of a batch fit its CRC.
  case checksumCheck
  /// A batch's offsets lie behind those of the batch before, and within its segment.
  case offsetCheck
  /// After a failed sync nothing is acknowledged any more.
  case poisonLatch
  /// What lies above the durable point is written anew before it counts as durable.
  case rewrite
  /// What recovery cuts is copied aside before.
  case quarantineCopy
  /// Damage in bytes that were durable is refused, and not cut.
  case refusal
  /// A durable point that claims more than there is goes down before anything is cut.
  case lowerDurablePoint
  /// Offsets that were taken back are given again in a new leader epoch only.
  case newEpochAfterCut
  /// The durable point is written after the sync that it speaks of.
  case syncBeforeDurablePoint
  /// A durable point with a wrong checksum is none.
  case durablePointChecksum
  /// A durable point whose last batch is not in its segment says nothing of how that segment ends.
  case durablePointFit
  /// A snapshot of producers with a wrong checksum is none.
  case snapshotChecksum
  /// Readers are shown nothing that the loss of power can take back.
  case durableIsolation
  /// An index entry is followed only where the batch at its position is the one that it speaks of.
  case indexEntryCheck
  /// What is written in place has no other name: a snapshot's files stay as they are.
  case unsharedFiles
  /// Kafka's recovery point goes down before a log is cut below it.
  case lowerRecoveryPoint
  /// The mark that all logs were closed is there only when they are.
  case cleanMarkAfterClose
  /// A deleted log's offsets are forgotten before another gets its name.
  case forgottenOffsets
  /// The records of a transaction over several logs are durable in all of them before it is decided.
  case dataBeforeDecision
  /// A transaction over several logs is decided before its first end marker is written.
  case decisionBeforeMarkers
  /// What was decided is known until the end markers are durable in all logs.
  case decisionKept
  /// A transaction counts only where each of its logs has all of it still.
  case wholeTransaction
  /// A transaction that may have been decided is aborted only when the disk says no more that it was.
  case withdrawal
  /// Decisions with a wrong checksum are none.
  case decisionChecksum
}

/// Something that a test build can leave out of the log.
package enum Mutant: Hashable, Sendable, CaseIterable, CustomStringConvertible {
  case barrier(Barrier)
  case safeguard(Safeguard)

  package static var allCases: [Mutant] {
    Barrier.allCases.map(Mutant.barrier) + Safeguard.allCases.map(Mutant.safeguard)
  }

  package var description: String {
    switch self {
    case .barrier(let barrier): "barrier \(barrier.rawValue)"
    case .safeguard(let safeguard): "safeguard \(safeguard.rawValue)"
    }
  }
}

/// What is left out: nothing, but in a build with `-DMUTANTS`.
package enum Mutants {
  #if MUTANTS
    /// What this test leaves out. It holds for the calls of its task alone: what the threads of an environment
    /// or other threads of the test do stays whole, so mutants are tried with blocking verbs.
    @TaskLocal package static var leftOut: Mutant?

    /// Is told of everything that this test could have left out.
    @TaskLocal package static var record: Record?

    package final class Record: Sendable {
      private let mutants = Lock<Set<Mutant>>([])
      package init() {}
      package var all: Set<Mutant> { mutants.withLock { $0 } }
      func note(_ mutant: Mutant) { mutants.withLock { _ = $0.insert(mutant) } }
    }

    static func leavesOut(_ barrier: Barrier) -> Bool { leavesOut(.barrier(barrier)) }

    static func leavesOut(_ safeguard: Safeguard) -> Bool { leavesOut(.safeguard(safeguard)) }

    private static func leavesOut(_ mutant: Mutant) -> Bool {
      record?.note(mutant)
      return leftOut == mutant
    }
  #else
    @inline(__always)
    static func leavesOut(_ barrier: Barrier) -> Bool { false }

    @inline(__always)
    static func leavesOut(_ safeguard: Safeguard) -> Bool { false }
  #endif
}
