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
    struct Witness: Sendable {
      var name: String
      /// Tries it, and calls the closure for every state of a disk that it looks at.
      var run: @Sendable (@escaping @Sendable () -> Void) throws -> Void
    }

    /// How a mutant ended.
    private struct Outcome: Sendable {
      /// The place of the test that noticed, in the list of all.
      var witness: Int?
      var states = 0
      var seconds = 0.0
    }

    @Test func everyMutantIsNoticed() {
      let witnesses = Self.witnesses
      let mutants = Mutant.allCases
      let found = Mutex<[Mutant: Outcome]>([:])
      // Not as tasks: those of the other tests would wait behind them.
      DispatchQueue.concurrentPerform(iterations: mutants.count) { place in
        let outcome = Self.outcome(of: mutants[place], witnesses)
        found.withLock { $0[mutants[place]] = outcome }
      }
      let outcomes = found.withLock { $0 }
      var noticed = 0
      for mutant in mutants {
        let outcome = outcomes[mutant]!
        let seconds = outcome.seconds.formatted(.number.precision(.fractionLength(1)))
        let name = "mutants: \("\(mutant)".padding(34))"
        if let witness = outcome.witness {
          noticed += 1
          print(
            "\(name)noticed by \(witnesses[witness].name), after \(outcome.states) crash states, \(seconds) s"
          )
        } else {
          print("\(name)NOT NOTICED, \(seconds) s")
          Issue.record("nothing notices that \(mutant) is missing")
        }
      }
      // A test that fails without a mutant has noticed nothing.
      for witness in Set(outcomes.values.compactMap(\.witness)).map({ witnesses[$0] }) {
        do { try witness.run {} } catch {
          Issue.record("fails without a mutant too: \(witness.name): \(error)")
        }
      }
      print("mutants: \(outcomes.count) tried, \(noticed) noticed")
    }

    private static func outcome(of mutant: Mutant, _ witnesses: [Witness]) -> Outcome {
      let states = Mutex(0)
      let start = ContinuousClock.now
      var outcome = Outcome()
      outcome.witness = Mutants.$leftOut.withValue(mutant) {
        witnesses.firstIndex { witness in
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
      let behaviours =
        Behaviour.allCases.map { behaviour in
          Witness(name: behaviour.rawValue) { _ in try behaviour.check() }
        }
        + DirectoryBehaviour.allCases.map { behaviour in
          Witness(name: behaviour.rawValue) { _ in try behaviour.check() }
        }
      let rewritings = RewriteWorkload.all.map { workload in
        Witness(name: "“\(workload)”") { count in
          var options = RewriteWorkload.options()
          options.willTry = { _ in count() }
          _ = try workload.explorer(options).explore()
        }
      }
      let removals = RemovalWorkload.allCases.map { workload in
        Witness(name: "“\(workload)”") { count in
          var options = RemovalWorkload.options()
          options.willTry = { _ in count() }
          _ = try workload.explorer(options).explore()
        }
      }
      let directories = DirectoryWorkload.all.map { workload in
        Witness(name: "“\(workload)”") { count in
          var options = DirectoryWorkload.options()
          options.willTry = { _ in count() }
          _ = try workload.explorer(options).explore()
        }
      }
      let sequences = { (counts: ClosedRange<Int>) in
        counts.flatMap { CrashStep.sequences($0) }.map { CrashWorkload($0, lastAlone: true) }
      }
      var failing = CrashWorkload([.synced, .failedSync])
      failing.oracle.crashesAgain = true
      let recoveries = PreparedFolder.allCases.map(\.workload) + [failing]
      let others = [
        CrashWorkload([.synced, .close]),
        CrashWorkload([.buffered, .buffered, .truncate, .close], lastAlone: true),
        CrashWorkload([.buffered, .buffered, .truncate]),
        CrashWorkload([.pair, .pair, .roll, .truncate, .buffered]),
      ]
      return behaviours + crashes(sequences(0...1) + recoveries + others, .wide()) + rewritings + removals
        + directories + crashes(sequences(2...2), .wide()) + crashes(recoveries, .deep())
    }

    private static func crashes(
      _ workloads: [CrashWorkload], _ options: CrashExplorer<CrashPromise>.Options
    ) -> [Witness] {
      workloads.map { workload in
        Witness(name: "“\(workload)”") { count in
          var options = options
          options.willTry = { _ in count() }
          _ = try workload.explorer(options).explore()
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
