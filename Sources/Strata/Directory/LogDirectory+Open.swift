public import StrataIO
internal import StrataLock
internal import StrataRecords

extension LogDirectory {
  /// Opens the directory at `path`, and creates it where there is none.
  ///
  /// Where all logs were closed, none of them is read. Else every log is opened, several side by side
  /// (`LogDirectoryConfiguration.threads`), as `Log.open` does it; one that cannot be opened is in `recoveryReport`, and
  /// keeps nobody from using the others.
  ///
  /// - Throws: `.locked` where another holder has the directory, or a log of it (the detail names it);
  ///   `.notADirectory`, `.permissionDenied`, `.noSpace`, `.io`.
  public static func open(
    _ path: String, configuration: LogDirectoryConfiguration = LogDirectoryConfiguration(),
    environment: LogEnvironment = .system
  ) throws(LogError) -> LogDirectory {
    configuration.checkSense()
    let began = environment.monotonicNanoseconds()
    let counted = CountedFileSystem(environment.fileSystem)
    var environment = environment
    environment.fileSystem = counted
    let lock = try io { () throws(IOError) in
      try counted.createFolder(path)
      return try counted.lock(
        SegmentFiles.path(path, SegmentFiles.lockName), .exclusive, holder: environment.holder)
    }
    do {
      let opening = try DirectoryOpening(path: path, fileSystem: counted)
      let directory = LogDirectory(
        path: path, configuration: configuration, environment: environment,
        openLogs: OpenLogs(
          budget: configuration.budget(counted.openFileLimit), counts: counted.counts, lock: lock),
        checkpoints: opening.checkpoints, transactions: try TransactionCoordinator(path, environment))
      directory.take(opening)
      directory.report.withLock { $0.nanoseconds = environment.monotonicNanoseconds() - began }
      return directory
    } catch {
      lock.release()
      throw error
    }
  }

  /// Opens the directory without blocking the task's thread. Else as the blocking `open`.
  public static func open(
    _ path: String, configuration: LogDirectoryConfiguration = LogDirectoryConfiguration(),
    environment: LogEnvironment = .system
  ) async throws(LogError) -> LogDirectory {
    try await Log.onOwnThread(environment) { () throws(LogError) in
      try open(path, configuration: configuration, environment: environment)
    }
  }

  private func take(_ opening: DirectoryOpening) {
    let entries = opening.names.map { DirectoryEntry(name: $0) }
    table.withLock { table in
      for entry in entries { table.entries[entry.name.text] = entry }
    }
    var found = LogDirectoryReport()
    found.wasClean = opening.wasClean
    found.logs = entries.count
    (found.foreign, found.unreadable) = (opening.foreign, opening.unreadable)
    found.transactionFailure = transactions.failure
    if !opening.wasClean { recover(entries, &found) }
    let result = found
    report.withLock { $0 = result }
  }

  private func recover(_ entries: [DirectoryEntry], _ found: inout LogDirectoryReport) {
    SideBySide.run(entries.count, threads: configuration.threads, environment) { place in
      // What fails is noted in the entry.
      do throws(LogError) { _ = try self.open(entries[place]) } catch {}
    }
    for entry in entries {
      let (log, failure) = entry.slot.withLock { ($0.log, $0.failure) }
      if let failure { found.failures[entry.name.text] = failure }
      if let log, !log.recoveryReport.wasClean { found.recovered[entry.name.text] = log.recoveryReport }
    }
  }
}

extension LogDirectoryConfiguration {
  /// `limit`: how many files the process may have open.
  func budget(_ limit: Int?) -> OpenLogs.Budget {
    let ample = 16_384
    let files = maximumOpenFiles ?? min(ample, max(16, (limit ?? 2 * ample) / 2))
    return OpenLogs.Budget(files: files, mappings: maximumMappings, logs: maximumAwakeLogs)
  }
}

/// What a folder of logs holds, and its clean mark taken away.
struct DirectoryOpening {
  var names: [LogName] = []
  var foreign: [String] = []
  var unreadable: [String] = []
  var checkpoints = Checkpoints()
  var wasClean = false

  /// Files of Kafka's that are kept as they are.
  private static let kept: Set<String> = [
    "meta.properties", "cleaner-offset-checkpoint", "bootstrap.checkpoint",
  ]

  init(path: String, fileSystem: any FileSystem) throws(LogError) {
    try io { () throws(IOError) in
      wasClean = try CleanMark.isThere(path, fileSystem)
      for name in try fileSystem.list(path).sorted() { try take(name, path, fileSystem) }
      for kind in OffsetCheckpoint.Kind.allCases {
        switch try OffsetCheckpoint.load(kind, in: path, fileSystem) {
        case .none: break
        case .checkpoint(let found): checkpoints.stored[kind] = found
        case .unreadable: unreadable.append(kind.fileName)
        }
      }
      // From here on the logs are touched.
      if wasClean { try CleanMark.remove(path, fileSystem) }
      try fileSystem.synchronizeParents(of: path)
    }
    checkpoints.existing = Set(names)
  }

  private mutating func take(
    _ name: String, _ path: String, _ fileSystem: any FileSystem
  ) throws(IOError) {
    // What a crash has left half made is made anew the next time.
    let isTemporary = name.hasSuffix(SegmentFiles.temporarySuffix)
    let final = isTemporary ? String(name.dropLast(SegmentFiles.temporarySuffix.utf8.count)) : name
    let isOwnFile =
      final == SegmentFiles.lockName || final == CleanMark.fileName || Self.kept.contains(final)
      || final == TransactionDecisions.fileName
      || OffsetCheckpoint.Kind.allCases.contains { final == $0.fileName }
    if isOwnFile { return }
    let entry = SegmentFiles.path(path, name)
    if let parsed = LogName(name), try fileSystem.metadata(entry)?.kind == .directory {
      names.append(parsed)
    } else if LogName.isDeleted(name), try fileSystem.metadata(entry)?.kind == .directory {
      // What a deletion has left. What cannot be removed is tried again the next time.
      do throws(IOError) { try DeletedFolder.remove(entry, fileSystem) } catch { foreign.append(name) }
    } else {
      foreign.append(name)
    }
  }
}

/// The folder of a log that was deleted.
enum DeletedFolder {
  static func remove(_ path: String, _ fileSystem: any FileSystem) throws(IOError) {
    for name in try fileSystem.list(path) {
      try fileSystem.remove(SegmentFiles.path(path, name), .deleteRemove)
    }
    try fileSystem.removeDirectory(path, .deleteRemoveFolder)
  }
}
