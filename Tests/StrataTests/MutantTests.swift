import Foundation
import Strata
import StrataSimulation
import Synchronization
import Testing

/// What the log promises beside what a crash shows.
@Suite struct BehaviourTests {
  @Test(arguments: Behaviour.allCases)
  func itIsAsPromised(_ behaviour: Behaviour) throws {
    try behaviour.check()
  }

  @Test(arguments: DirectoryBehaviour.allCases)
  func itIsAsPromised(_ behaviour: DirectoryBehaviour) throws {
    try behaviour.check()
  }
}

#if MUTANTS
  /// Leaves out every barrier and every safeguard that the code names, one at a time: some test has to notice, or
  /// the tests show nothing.
  @Suite struct MutantTests {
    /// A test that may notice.
    final class Witness: Sendable {
      let name: String
      /// Tries it, and calls the closure for every state of a disk that it looks at.
      let run: @Sendable (@escaping @Sendable () -> Void) throws -> Void
      private let passed = Mutex<Set<Mutant>?>(nil)

      init(_ name: String, _ run: @escaping @Sendable (@escaping @Sendable () -> Void) throws -> Void) {
        self.name = name
        self.run = run
      }

      /// Whether the test comes past what could be left out. If not, it is the same test without it.
      func passes(_ mutant: Mutant) -> Bool {
        passed.withLock { passed in
          if passed == nil { passed = tryWhole() }
          return passed!.contains(mutant)
        }
      }

      private func tryWhole() -> Set<Mutant> {
        let record = Mutants.Record()
        do { try Mutants.$record.withValue(record) { try run {} } } catch {
          // A test that fails without a mutant notices nothing.
          Issue.record("fails without a mutant too: \(name): \(error)")
          return []
        }
        return record.all
      }
    }

    /// How a mutant ended.
    private struct Outcome: Sendable {
      var witness: Witness?
      var states = 0
      var seconds = 0.0
    }

    @Test func everyMutantIsNoticed() {
      let witnesses = Self.witnesses
      // STRATA_MUTANTS="transaction decision" tries those alone whose names have one of the words.
      let words = ProcessInfo.processInfo.environment["STRATA_MUTANTS"]?.split(separator: " ") ?? []
      let mutants = Mutant.allCases.filter { mutant in
        words.isEmpty || words.contains { mutant.description.contains($0) }
      }
      let found = Mutex<[Mutant: Outcome]>([:])
      // Not as tasks: those of the other tests would wait behind them.
      DispatchQueue.concurrentPerform(iterations: mutants.count) { place in
        let outcome = Self.outcome(of: mutants[place], witnesses)
        found.withLock { $0[mutants[place]] = outcome }
      }
      let outcomes = found.withLock { $0 }
      for mutant in mutants {
        let outcome = outcomes[mutant]!
        let seconds = outcome.seconds.formatted(.number.precision(.fractionLength(1)))
        let end = outcome.witness.map { "noticed by \($0.name), after \(outcome.states) crash states" }
        print("mutants: \("\(mutant)".padding(34))\(end ?? "NOT NOTICED"), \(seconds) s")
        if outcome.witness == nil { Issue.record("nothing notices that \(mutant) is missing") }
      }
      print("mutants: \(outcomes.count) tried, \(outcomes.values.count { $0.witness != nil }) noticed")
    }

    private static func outcome(of mutant: Mutant, _ witnesses: [Witness]) -> Outcome {
      let states = Mutex(0)
      let start = ContinuousClock.now
      var outcome = Outcome()
      outcome.witness = witnesses.first { witness in
        guard witness.passes(mutant) else { return false }
        return Mutants.$leftOut.withValue(mutant) {
          do { try witness.run { states.withLock { $0 += 1 } } } catch { return true }
          return false
        }
      }
      outcome.states = states.withLock { $0 }
      outcome.seconds = (ContinuousClock.now - start) / .seconds(1)
      return outcome
    }

    /// The quick ones first.
    private static var witnesses: [Witness] {
      let sequences = { (counts: ClosedRange<Int>) in
        counts.flatMap { CrashStep.sequences($0) }.map { CrashWorkload($0, lastAlone: true) }
      }
      var failing = CrashWorkload([.synced, .failedSync])
      failing.oracle.crashesAgain = true
      var preparing = CrashWorkload([.prepare, .buffered, .roll, .synced])
      preparing.oracle.configuration = .crash(.written, .mapped)
      let recoveries = PreparedFolder.allCases.map(\.workload) + [failing]
      let others = [
        CrashWorkload([.synced, .close]),
        CrashWorkload([.buffered, .buffered, .truncate, .close], lastAlone: true),
        CrashWorkload([.buffered, .buffered, .truncate]),
        CrashWorkload([.pair, .pair, .roll, .truncate, .buffered]), preparing,
      ]
      var all = Behaviour.allCases.map { behaviour in
        Witness(behaviour.rawValue) { _ in try behaviour.check() }
      }
      all += DirectoryBehaviour.allCases.map { behaviour in
        Witness(behaviour.rawValue) { _ in try behaviour.check() }
      }
      all += crashes(sequences(0...1) + recoveries + others, .wide()) { $0.explorer($1) }
      all += crashes(RewriteWorkload.all, RewriteWorkload.options()) { $0.explorer($1) }
      all += crashes(RemovalWorkload.allCases, RemovalWorkload.options()) { $0.explorer($1) }
      all += crashes(DirectoryWorkload.all, DirectoryWorkload.options()) { $0.explorer($1) }
      all += crashes(TransactionWorkload.all, TransactionWorkload.options()) { $0.explorer($1) }
      all += crashes(sequences(2...2), .wide()) { $0.explorer($1) }
      all += crashes(recoveries, .deep()) { $0.explorer($1) }
      return all
    }

    private static func crashes<Workload: Sendable, Promise>(
      _ workloads: [Workload], _ options: CrashExplorer<Promise>.Options,
      _ explorer: @escaping @Sendable (Workload, CrashExplorer<Promise>.Options) -> CrashExplorer<Promise>
    ) -> [Witness] {
      workloads.map { workload in
        Witness("“\(workload)”") { count in
          var options = options
          options.willTry = { _ in count() }
          _ = try explorer(workload, options).explore()
        }
      }
    }
  }

  extension String {
    fileprivate func padding(_ width: Int) -> String {
      self + String(repeating: " ", count: max(1, width - utf8.count))
    }
  }
#endif
