internal import Glibc

/// The monotonic clock.
public enum Clock {
  /// Nanoseconds since some moment.
  public static var now: Int64 {
    var now = timespec()
    // Cannot fail: the clock exists on every Linux.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
  }

  /// How long `body` takes, in nanoseconds; never 0.
  public static func time<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Int64 {
    let start = now
    try body()
    return max(now - start, 1)
  }
}
