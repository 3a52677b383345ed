internal import Synchronization

/// A number that threads can wait for to change: the blocking half of group commit, and of the I/O thread.
///
/// Whoever waits looks at `current`, then at what it waits for, and then calls `wait(while:)` with the number
/// it saw. Whoever changes what is waited for does so first and then calls `advance()`. No wake-up gets lost,
/// because a number seen before the change makes the wait return at once.
///
/// Between the two calls of one who waits the number must not advance 2³² times.
///
/// Sleeping costs two atomic additions besides the system call, and advancing without sleepers one addition and
/// one load. That `advance()` may skip the system call rests on one order of all four (sequential consistency):
///
///     wait:     sleepers += 1;  sleep if events == value
///     advance:  events += 1;    wake if sleepers != 0
///
/// If `advance` sees no sleeper, its addition comes before the sleeper's, hence before the sleeper's look at
/// `events`, which then differs from `value`. And the system looks at `events` once more under the lock that a
/// wake-up takes, so that nobody falls asleep after the call that was to wake them.
@safe
package final class EventCount: Sendable {
  /// Two cells on the heap, because the system waits on an address, which a stored property does not have.
  /// They live as long as the object and are only ever touched as atomics.
  private nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt32>>
  private let sleep = Sleep()

  /// Begins at `value`; after the largest number comes 0.
  package init(_ value: UInt32 = 0) {
    unsafe cells = .allocate(capacity: 2)
    unsafe cells.initialize(to: Atomic(value))
    unsafe (cells + 1).initialize(to: Atomic(0))
  }

  deinit {
    unsafe cells.deinitialize(count: 2)
    unsafe cells.deallocate()
  }

  private var events: UnsafeMutablePointer<Atomic<UInt32>> { unsafe cells }
  private var sleepers: UnsafeMutablePointer<Atomic<UInt32>> { unsafe cells + 1 }

  /// The number now. What was written before the `advance()` that led to it can be seen.
  package var current: UInt32 {
    unsafe events.pointee.load(ordering: .sequentiallyConsistent)
  }

  /// Returns once the number is not `value`.
  package func wait(while value: UInt32) {
    guard current == value else { return }
    unsafe sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while current == value { unsafe sleep.wait(events, while: value, until: nil) }
    unsafe sleepers.pointee.wrappingSubtract(1, ordering: .relaxed)
  }

  /// Returns true once the number is not `value`, or false after the time given, by the monotonic clock.
  package func wait(while value: UInt32, timeoutNanoseconds: Int64) -> Bool {
    guard current == value else { return true }
    guard timeoutNanoseconds > 0 else { return false }
    let (deadline, never) = Sleep.now.addingReportingOverflow(timeoutNanoseconds)
    guard !never else {
      wait(while: value)
      return true
    }
    unsafe sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { unsafe sleepers.pointee.wrappingSubtract(1, ordering: .relaxed) }
    while current == value {
      unsafe sleep.wait(events, while: value, until: deadline)
      if Sleep.now >= deadline { return current != value }
    }
    return true
  }

  /// Adds one and wakes all.
  package func advance() {
    advance(waking: .max)
  }

  /// Adds one and wakes at most `count` of those who sleep. The others sleep on though the number has changed,
  /// until a later `advance` wakes them.
  package func advance(waking count: Int) {
    unsafe events.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard count > 0, unsafe sleepers.pointee.load(ordering: .sequentiallyConsistent) != 0 else { return }
    unsafe sleep.wake(events, Int32(clamping: count))
  }
}
