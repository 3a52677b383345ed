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
}

#if MUTANTS
  /// Leaves out every barrier and every safeguard that the code names, one at a time: some test has to notice, or
  /// the tests show nothing.
  @Suite struct MutantTests {
    /// A test that may notice.
    struct Witness {
      var name: String
      /// Tries it, and calls the closure for every state of a disk that it looks at.
      var run: (@escaping @Sendable () -> Void) throws -> Void
    }

    @Test func everyMutantIsNoticed() {
      let witnesses = Self.witnesses
      var isTrusted = [Bool](repeating: false, count: witnesses.count)
      var table: [String] = []
      var survivors: [Mutant] = []
      for mutant in Mutant.allCases {
        let name = "\(mutant)".padding(34)
        let states = Mutex(0)
        let found = Mutants.$leftOut.withValue(mutant) {
          witnesses.firstIndex { witness in
            do { try witness.run { states.withLock { $0 += 1 } } } catch { return true }
            return false
          }
        }
        guard let found else {
          table.append("mutants: \(name)NOT NOTICED")
          survivors.append(mutant)
          continue
        }
        // A test that fails without a mutant has noticed nothing.
        if !isTrusted[found] {
          do { try witnesses[found].run {} } catch {
            Issue.record("fails without a mutant too: \(witnesses[found].name): \(error)")
          }
          isTrusted[found] = true
        }
        let count = states.withLock { $0 }
        table.append("mutants: \(name)noticed by \(witnesses[found].name), after \(count) crash states")
      }
      print(table.joined(separator: "\n"))
      print("mutants: \(table.count) tried, \(table.count - survivors.count) noticed")
      #expect(survivors.isEmpty)
    }

    /// The quick ones first.
    private static var witnesses: [Witness] {
      Behaviour.allCases.map { behaviour in
        Witness(name: behaviour.rawValue) { _ in try behaviour.check() }
      }
        + workloads.map { workload, options in
          Witness(name: "“\(workload)”") { count in
            var options = options
            options.willTry = { _ in count() }
            _ = try workload.explorer(options).explore()
          }
        }
        + DirectoryWorkload.all.map { workload in
          Witness(name: "“\(workload)”") { count in
            var options = DirectoryWorkload.options()
            options.willTry = { _ in count() }
            _ = try workload.explorer(options).explore()
          }
        }
        + RewriteWorkload.all.map { workload in
          Witness(name: "“\(workload)”") { count in
            var options = RewriteWorkload.options()
            options.willTry = { _ in count() }
            _ = try workload.explorer(options).explore()
          }
        }
    }

    private static var workloads: [(CrashWorkload, CrashExplorer<CrashPromise>.Options)] {
      let sequences = { (counts: ClosedRange<Int>) in
        counts.flatMap { CrashStep.sequences($0) }.map { CrashWorkload($0, lastAlone: true) }
      }
      var failing = CrashWorkload([.synced, .failedSync])
      failing.oracle.crashesAgain = true
      let recoveries = PreparedFolder.allCases.map(\.workload) + [failing]
      let truncations = [
        CrashWorkload([.buffered, .buffered, .truncate]),
        CrashWorkload([.pair, .pair, .roll, .truncate, .buffered]),
      ]
      return (sequences(0...1) + recoveries + truncations + sequences(2...2)).map { ($0, .wide()) }
        + recoveries.map { ($0, .deep()) }
    }
  }

  extension String {
    fileprivate func padding(_ width: Int) -> String {
      self + String(repeating: " ", count: max(1, width - utf8.count))
    }
  }
#endif
