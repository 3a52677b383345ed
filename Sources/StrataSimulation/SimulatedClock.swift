internal import StrataLock

/// The clocks of a simulated machine. Each call to the disk moves both a little; otherwise they stand still
/// until somebody moves them.
public struct SimulatedClock: Sendable {
  let disk: SimulatedDisk

  /// Nanoseconds that never go back.
  public var monotonicNanoseconds: Int64 { disk.state.withLock { $0.time.monotonic } }

  /// Milliseconds since 1970, as the machine believes.
  public var wallClockMilliseconds: Int64 { disk.state.withLock { $0.time.wall } }

  /// Lets time pass, on both clocks.
  public func advance(by duration: Duration) {
    precondition(duration >= .zero, "time does not go back; set the wall clock instead")
    let (seconds, attoseconds) = duration.components
    disk.state.withLock { $0.time.monotonic += seconds * 1_000_000_000 + attoseconds / 1_000_000_000 }
  }

  /// Sets the wall clock, also back, as an administrator or a time server does.
  public func setWallClock(milliseconds: Int64) {
    disk.state.withLock { $0.time.wallOffset = milliseconds - $0.time.monotonic / 1_000_000 }
  }
}

struct SimulatedTime: Sendable {
  /// 2026-01-01 00:00 UTC.
  static let epoch: Int64 = 1_767_225_600_000

  var monotonic: Int64 = 1_000_000_000
  var wallOffset: Int64

  init(wall: Int64 = SimulatedTime.epoch) {
    wallOffset = wall - monotonic / 1_000_000
  }

  var wall: Int64 { wallOffset + monotonic / 1_000_000 }

  /// The clocks after a restart: the wall clock went on for as long as a machine takes to boot, the monotonic
  /// one starts again.
  func afterRestart() -> SimulatedTime {
    SimulatedTime(wall: wall + 30_000)
  }
}
