package import Synchronization

/// A value that one thread at a time may touch: `Mutex`, in a form that ThreadSanitizer understands.
///
/// `Mutex` waits inside the runtime, whose code the sanitizer does not see, so each contended lock looks to it
/// like a race (Swift 6.3.1 on Linux). Here a release at the end of one critical section and an acquire at the
/// start of the next say in the open what the mutex guarantees anyway; on x86-64 both are plain moves.
package struct Lock<Value: ~Copyable>: ~Copyable, Sendable {
  @usableFromInline package let mutex: Mutex<Value>
  @usableFromInline package let order = Atomic<Bool>(false)

  @inlinable
  package init(_ initialValue: consuming sending Value) {
    mutex = Mutex(initialValue)
  }

  /// Runs `body` alone with the value.
  @inlinable
  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock { (value) throws(Failure) in
      _ = order.load(ordering: .acquiring)
      defer { order.store(true, ordering: .releasing) }
      return try body(&value)
    }
  }

  /// The same if nobody else is at it; nil where somebody is.
  @inlinable
  package borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result? {
    try mutex.withLockIfAvailable { (value) throws(Failure) in
      _ = order.load(ordering: .acquiring)
      defer { order.store(true, ordering: .releasing) }
      return try body(&value)
    }
  }
}
