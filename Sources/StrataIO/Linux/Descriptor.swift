#if os(Linux)
  internal import Glibc
  internal import Synchronization

  /// Owns a file descriptor: closed exactly once, and never while a call uses it.
  ///
  /// A number that is closed under a call may name another file a moment later, and the call would read or
  /// write there. So every use is counted, and of `close()` and the uses still running the last one closes.
  package struct Descriptor: ~Copyable {
    private let number: Int32
    /// Bit 0: `close()` was called. The rest: how many uses are running, times two.
    private let state = Atomic<Int>(0)

    /// Takes over `number`, which is open and nobody else's.
    package init(owning number: Int32) {
      self.number = number
    }

    deinit {
      // No use can be running: each of them holds a reference to the owner.
      if state.load(ordering: .acquiring) & 1 == 0 { Self.close(number) }
    }

    /// Begins a use; `endUse()` follows. Traps where `close()` came first.
    @inline(__always)
    package borrowing func beginUse(of path: @autoclosure () -> String) -> Int32 {
      let before = state.wrappingAdd(2, ordering: .acquiring).oldValue
      if before & 1 != 0 { Self.trap(path()) }
      return number
    }

    @inline(__always)
    package borrowing func endUse() {
      if state.wrappingSubtract(2, ordering: .acquiringAndReleasing).newValue == 1 { Self.close(number) }
    }

    /// Closes it now, or with the end of the last use. Idempotent.
    package borrowing func close() {
      // Only the first call goes from 0 to 1; with uses running the last of those gets there.
      if state.bitwiseOr(1, ordering: .acquiringAndReleasing).oldValue == 0 { Self.close(number) }
    }

    private static func close(_ number: Int32) {
      // Never tried again: Linux frees the number even where it reports EINTR. Nor is EIO of interest:
      // what has to be durable was synchronised before.
      _ = Glibc.close(number)
    }

    @inline(never)
    private static func trap(_ path: String) -> Never {
      // fatalError, because its message is printed in release builds too.
      fatalError("\(path) was used after close()")
    }
  }
#endif
