internal import StrataIO
internal import StrataRecords

/// What opening makes of a folder: all that a `Log` starts with.
struct RecoveredLog: ~Copyable {
  var state: LogState
  var appender: Appender?
  var durablePoint: DurablePointFile?
  var lock: LogLock?
  var report: RecoveryReport
}
