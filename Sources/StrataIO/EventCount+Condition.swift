#if !os(Linux) || STRATA_PORTABLE_SLEEP
  #if canImport(Darwin)
    internal import Darwin
  #else
    internal import Glibc
  #endif
  internal import Synchronization

  extension EventCount {
    /// How a thread sleeps on a number where there is no futex: a condition variable. Built on Linux with
    /// `-Xswiftc -DSTRATA_PORTABLE_SLEEP`, to test it.
    @safe
    final class Sleep: Sendable {
      // At fixed addresses, as pthread wants them; they live as long as the object.
      private nonisolated(unsafe) let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
      private nonisolated(unsafe) let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

      init() {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
      }

      deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
      }

      func wait(_ number: UnsafeMutablePointer<Atomic<UInt32>>, while value: UInt32, until deadline: Int64?) {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        // Under the mutex that wake() takes after the number has changed: either it is seen here, or this
        // thread sleeps when the wake-up comes.
        guard unsafe number.pointee.load(ordering: .sequentiallyConsistent) == value else { return }
        guard let deadline else {
          unsafe pthread_cond_wait(condition, mutex)
          return
        }
        // The condition's clock is the wall clock, which may jump: for a second at most, then look again.
        let pause = min(max(deadline - Self.now, 0), 1_000_000_000)
        var until = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &until)
        let nanoseconds = Int64(until.tv_nsec) + pause
        until.tv_sec += Int(nanoseconds / 1_000_000_000)
        until.tv_nsec = Int(nanoseconds % 1_000_000_000)
        unsafe pthread_cond_timedwait(condition, mutex, &until)
      }

      func wake(_ number: UnsafeMutablePointer<Atomic<UInt32>>, _ count: Int32) {
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_mutex_unlock(mutex)
        guard count < .max else {
          unsafe pthread_cond_broadcast(condition)
          return
        }
        for _ in 0..<count { unsafe pthread_cond_signal(condition) }
      }

      static var now: Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
      }
    }
  }
#endif
