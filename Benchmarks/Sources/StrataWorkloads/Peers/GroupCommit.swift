internal import BenchmarkKit
internal import Synchronization

/// Lets those who wait at the same time share one transaction, in front of an engine that has one writer.
///
/// Whoever comes and finds no leader leads: it takes all that wait, commits them, and wakes everybody at
/// once. SQLite and LMDB leave this to whoever uses them; RocksDB has it built in.
final class GroupCommit: Sendable {
  private struct State {
    var waiting: [Int] = []
    /// Counts the groups that were taken.
    var group: UInt32 = 0
    var isLed = false
    var failure: BenchmarkError?
  }

  private let state = Mutex(State())
  /// Counts the groups that were committed.
  private let committed = Gate()

  /// Returns when the value of this number is committed; `commit` gets the numbers of a group, in order.
  func append(_ number: Int, commit: ([Int]) throws(BenchmarkError) -> Void) throws(BenchmarkError) {
    let mine = state.withLock { state in
      state.waiting.append(number)
      return state.group
    }
    while true {
      let seen = committed.value
      if seen > mine { break }
      guard let taken = lead() else {
        committed.wait(while: seen)
        continue
      }
      var failure: BenchmarkError?
      do throws(BenchmarkError) { try commit(taken.numbers) } catch { failure = error }
      state.withLock { state in
        state.isLed = false
        state.failure = state.failure ?? failure
        // In the lock, so that it never goes back.
        committed.value = taken.group + 1
      }
      committed.wakeAll()
    }
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  /// Takes all that wait, where nobody else leads.
  private func lead() -> (group: UInt32, numbers: [Int])? {
    state.withLock { state in
      guard !state.isLed, !state.waiting.isEmpty else { return nil }
      state.isLed = true
      let numbers = state.waiting
      state.waiting = []
      state.waiting.reserveCapacity(64)
      state.group += 1
      return (state.group - 1, numbers)
    }
  }
}
