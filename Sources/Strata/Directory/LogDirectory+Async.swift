extension LogDirectory {
  /// The log of this name, without blocking the task's thread. Else as the blocking form.
  public func log(for name: String) async throws(LogError) -> Log {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.log(for: name) }
  }

  /// Deletes a log without blocking the task's thread. Else as the blocking form.
  public func delete(_ name: String) async throws(LogError) {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.delete(name) }
  }

  /// Writes the checkpoint files without blocking the task's thread. Else as the blocking form.
  public func checkpoint() async throws(LogError) {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.checkpoint() }
  }
}
