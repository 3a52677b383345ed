public import StrataIO
@_exported public import StrataRecords

/// The world that a log lives in. `LogEnvironment.system` is the machine; a simulated one comes with
/// `StrataSimulation`.
public typealias LogEnvironment = StrataIO.LogEnvironment

extension Timestamp {
  /// The time of the system's clock.
  public static var now: Timestamp {
    Timestamp(milliseconds: LogEnvironment.system.wallClockMilliseconds())
  }
}
