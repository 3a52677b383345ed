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

  /// The day and the time in UTC: 2026-11-22 03:01 UTC.
  public static var date: String {
    var now = Glibc.time(nil)
    var parts = unsafe tm()
    unsafe gmtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let count = unsafe strftime(&text, text.count, "%Y-%m-%d %H:%M UTC", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// How long `body` takes, in nanoseconds; never 0.
  public static func time<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Int64 {
    let start = now
    try body()
    return max(now - start, 1)
  }
}
