extension DirectoryTransaction {
  /// Commits without blocking the task's thread. Else as the blocking form.
  public func commit(durability: Durability? = nil) async throws(LogError) {
    try await Log.onOwnThread(directory.environment) { () throws(LogError) in
      try self.commit(durability: durability)
    }
  }

  /// Aborts without blocking the task's thread. Else as the blocking form.
  public func abort() async throws(LogError) {
    try await Log.onOwnThread(directory.environment) { () throws(LogError) in try self.abort() }
  }
}
