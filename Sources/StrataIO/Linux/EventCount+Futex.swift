#if os(Linux) && !STRATA_PORTABLE_SLEEP
  internal import CStrataShims
  internal import Glibc
  internal import Synchronization

  extension EventCount {
    /// How a thread sleeps on a number: a futex.
    struct Sleep: Sendable {
      /// Returns after a wake-up, at the deadline, where the number is not `value`, and sometimes for no reason.
      func wait(_ number: UnsafeMutablePointer<Atomic<UInt32>>, while value: UInt32, until deadline: Int64?) {
        let result = unsafe strata_futex_wait(number, value, deadline ?? -1)
        precondition(
          result == 0 || result == EAGAIN || result == EINTR || result == ETIMEDOUT,
          "waiting failed with error \(result)")
      }

      func wake(_ number: UnsafeMutablePointer<Atomic<UInt32>>, _ count: Int32) {
        unsafe strata_futex_wake(number, count)
      }

      static var now: Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
      }
    }
  }
#endif
