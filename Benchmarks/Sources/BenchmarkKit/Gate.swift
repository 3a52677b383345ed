internal import CBenchmarkSupport
internal import Synchronization

/// A number that threads wait for, by futex: one system call wakes all that wait.
@safe
public final class Gate: Sendable {
  // On the heap: the system waits on an address, which a stored property does not have.
  private nonisolated(unsafe) let cell: UnsafeMutablePointer<Atomic<UInt32>>

  /// A gate at 0.
  public init() {
    unsafe cell = .allocate(capacity: 1)
    unsafe cell.initialize(to: Atomic(0))
  }

  deinit {
    unsafe cell.deinitialize(count: 1)
    unsafe cell.deallocate()
  }

  /// The number. Setting it wakes nobody yet.
  public var value: UInt32 {
    get { unsafe cell.pointee.load(ordering: .sequentiallyConsistent) }
    set { unsafe cell.pointee.store(newValue, ordering: .sequentiallyConsistent) }
  }

  /// Wakes all that wait.
  public func wakeAll() { unsafe benchmark_futex_wake(cell) }

  /// Sleeps while the number is `value`, or until somebody wakes those who wait: look at the number again.
  public func wait(while value: UInt32) { unsafe benchmark_futex_wait(cell, value) }
}
