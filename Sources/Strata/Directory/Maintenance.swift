internal import StrataLock

/// What `run()` remembers.
struct MaintenanceState: Sendable {
  var health = LogDirectoryHealth()
}
