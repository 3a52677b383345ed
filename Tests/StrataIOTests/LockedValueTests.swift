import Foundation
import StrataIO
import StrataLock
import Testing

/// One thread at a time, and ThreadSanitizer agrees.
@Suite(.timeLimit(.minutes(1)))
struct LockedValueTests {
  @Test func nothingIsLostAmongThreads() {
    let values = Shared()
    onThreads(6) { index in
      for round in 0..<500 {
        values.lock.withLock {
          $0[round, default: 0] += 1
          // Others come meanwhile and have to wait in the runtime.
          if round % 50 == 0 { usleep(1_000) }
        }
        _ = values.lock.withLockIfAvailable { $0[-1 - index] = round }
      }
    }
    #expect(values.lock.withLock { $0.filter { $0.key >= 0 }.values.allSatisfy { $0 == 6 } })
    #expect(values.lock.withLock { _ in values.lock.withLockIfAvailable { $0.count } } == nil)
  }

  private final class Shared: Sendable {
    let lock = Lock<[Int: Int]>([:])
  }
}
