internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

extension LogDirectory {
  /// Aborts the transactions that are under way, closes every log, several side by side, writes the checkpoint files, and leaves the mark that all of it was
  /// closed well: the next open reads no log. Afterwards every verb throws `.closed`, those of the logs too; closing
  /// again does nothing.
  ///
  /// - Throws: the first failure of a log or of the files. All is closed then all the same, there is no mark, and the
  ///   next open looks at every log.
  public func close() throws(LogError) {
    let entries: [DirectoryEntry]? = table.withLock { table in
      if table.isClosed { return nil }
      table.isClosed = true
      return table.entries.values.sorted { $0.name.text < $1.name.text }
    }
    guard let entries else { return }
    defer {
      transactions.giveUp()
      openLogs.release()
    }
    closeTransactions()
    let failures = Lock([LogError]())
    SideBySide.run(entries.count, threads: configuration.threads, environment) { place in
      let (log, failure) = entries[place].slot.withLock { ($0.log, $0.failure) }
      var found = failure
      do throws(LogError) { try log?.close() } catch { found = error }
      if let found { failures.withLock { $0.append(found) } }
    }
    let failure = failures.withLock { $0.first }
    if let failure, !Mutants.leavesOut(.cleanMarkAfterClose) { throw failure }
    try transactions.forgetDone()
    try writeCheckpoints()
    try io { () throws(IOError) in try CleanMark.store(path, environment.fileSystem) }
  }

  /// Closes the directory without blocking the task's thread. Else as the blocking form.
  public func close() async throws(LogError) {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.close() }
  }

  /// Deletes a log: closes it, and removes its folder. It is gone, durably, when this returns, and a new log may
  /// have the name; cursors of it end with `.closed`.
  ///
  /// The folder gets Kafka's name for what is being deleted first, so that a crash leaves all of it or none. Files that
  /// cannot be removed at once are removed when the directory is opened the next time.
  ///
  /// - Throws: `.notFound`, `.closed`; `.io` and others, after which the log is closed and still there.
  public func delete(_ name: String) throws(LogError) {
    let (found, isClosed) = table.withLock { ($0.entries[name], $0.isClosed) }
    if isClosed { throw closed }
    guard let entry = found else {
      throw LogError(
        .notFound, path: SegmentFiles.path(path, name), detail: "there is no log of this name; see logs")
    }
    let moved: String? = try entry.opening.withLock { _ throws(LogError) -> String? in
      let slot = entry.slot.withLock { $0 }
      if slot.isDeleted { return nil }
      // What cannot be closed well goes all the same.
      do throws(LogError) { try slot.log?.close() } catch {}
      let moved = try moveAway(entry.name)
      entry.slot.withLock { $0 = .init(isDeleted: true) }
      table.withLock { $0.entries[name] = nil }
      return moved
    }
    guard let moved else { return }
    transactions.forget(name)
    checkpoints.withLock { checkpoints in
      checkpoints.existing.remove(entry.name)
      checkpoints.opened.remove(entry.name)
    }
    do throws(IOError) { try DeletedFolder.remove(moved, environment.fileSystem) } catch {}
  }

  private func moveAway(_ name: LogName) throws(LogError) -> String {
    let number = deletions.wrappingAdd(1, ordering: .relaxed).newValue
    let moved = SegmentFiles.path(path, name.deletedName(environment.monotonicNanoseconds(), number))
    let fileSystem = environment.fileSystem
    try io { () throws(IOError) in
      do throws(IOError) {
        try fileSystem.rename(SegmentFiles.path(path, name.text), to: moved, .deleteRename)
      } catch {
        // A log that could never be created has no folder.
        guard error.code == .notFound else { throw error }
      }
      try fileSystem.synchronizeDirectory(path, .deleteDirectory)
    }
    return moved
  }
}
