internal import StrataIO
internal import StrataLock
internal import StrataRecords

extension LogDirectory {
  /// Makes a snapshot of all logs in the new folder `target`: a directory of its own, closed well. Others append and
  /// read meanwhile.
  ///
  /// It is one moment of all logs: a record that somebody appended after another one had become durable is in it only
  /// with that one, whichever logs they are in; and a transaction over several logs counts in all of them or in none. Each
  /// log is taken as by `Log.snapshot(to:)`; `meta.properties` and the
  /// cleaner's checkpoint are copied. It is durable when this returns; before, nothing has the name `target`.
  ///
  /// - Throws: `.alreadyExists`; what opening a log throws that cannot be opened, since it would be missing; `.closed`,
  ///   `.noSpace`, `.damaged`, `.io`.
  public func snapshot(to target: String) throws(LogError) {
    let place = SnapshotPlace(target: target, fileSystem: environment.fileSystem)
    try place.make { () throws(LogError) in
      for _ in 0..<SnapshotPlace.attempts {
        if try copyAll(to: place.partial) { return }
        try io { () throws(IOError) in try SnapshotPlace.clear(place.partial, environment.fileSystem) }
      }
      throw LogError(
        .io, path: path, detail: "logs were truncated again and again; try the snapshot later")
    }
  }

  /// Makes a snapshot without blocking the task's thread. Else as the blocking form.
  public func snapshot(to target: String) async throws(LogError) {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.snapshot(to: target) }
  }

  /// One log, and where it ended at the moment of the snapshot.
  private struct Cut: Sendable {
    var name: LogName
    var log: Log
    var plan: SnapshotPlan?
  }

  /// False where a log was truncated meanwhile.
  private func copyAll(to folder: String) throws(LogError) -> Bool {
    var logs: [Cut] = []
    for name in logNames() {
      guard !table.withLock({ $0.isClosed }) else { throw closed }
      guard let entry = table.withLock({ $0.entries[name.text] }), let log = try open(entry) else { continue }
      logs.append(Cut(name: name, log: log))
    }
    // While the gate is held nothing becomes durable anywhere: that is the moment. What was decided by then has all of
    // its records in it, and perhaps not all of its end markers.
    let (cuts, decisions) = openLogs.gate.withLock { [logs] _ in
      let cuts = logs.map { cut in
        Cut(name: cut.name, log: cut.log, plan: cut.log.state.withLock { $0.snapshotPlan() })
      }
      return (cuts, transactions.decisions)
    }
    try io { () throws(IOError) in try environment.fileSystem.createFolder(folder) }
    let failures = Lock([LogError]())
    let ends = Lock([LogName: DirectoryOffsets]())
    let changed = Lock(false)
    SideBySide.run(cuts.count, threads: configuration.threads, environment) { place in
      let (name, log) = (cuts[place].name, cuts[place].log)
      do throws(LogError) {
        if let offsets = try self.copy(cuts[place], to: SegmentFiles.path(folder, name.text)) {
          ends.withLock { $0[name] = offsets }
        } else {
          changed.withLock { $0 = true }
        }
      } catch {
        guard error.code != .closed || !self.isGone(name.text, log) else { return }
        failures.withLock { $0.append(error) }
      }
    }
    if let failure = failures.withLock({ $0.first }) { throw failure }
    if changed.withLock({ $0 }) { return false }
    let found = ends.withLock { $0 }
    try finish(folder, found, decisions)
    return true
  }

  private func logNames() -> [LogName] {
    table.withLock { $0.entries.values.map(\.name) }.sorted {
      ($0.topic, $0.partition) < ($1.topic, $1.partition)
    }
  }

  /// Whether the log was deleted meanwhile: then it is none of the directory's.
  func isGone(_ name: String, _ log: Log) -> Bool {
    table.withLock { $0.entries[name] }?.slot.withLock { $0.log } !== log
  }

  /// Copies one log up to its cut; nil where it was truncated since.
  private func copy(_ cut: Cut, to folder: String) throws(LogError) -> DirectoryOffsets? {
    guard let first = cut.plan else { return nil }
    var plan = first
    for _ in 0..<SnapshotPlace.attempts {
      if try cut.log.copy(plan, to: folder) {
        let base = (plan.linked.first ?? plan.last).baseOffset
        return DirectoryOffsets(
          recoveryPoint: plan.end.nextOffset, logStart: plan.logStart > base ? plan.logStart : nil,
          highWatermark: cut.log.state.withLock { $0.highWatermark }.map { min($0, plan.end.nextOffset) })
      }
      // What was taken away from the front leaves the end as it was.
      guard let next = cut.log.state.withLock({ $0.snapshotPlan(end: first.end) }),
        next.truncations == first.truncations
      else { return nil }
      plan = next
    }
    return nil
  }

  /// Writes the directory's own files beside the logs of a snapshot.
  private func finish(
    _ folder: String, _ offsets: [LogName: DirectoryOffsets], _ decisions: TransactionDecisions?
  ) throws(LogError) {
    let fileSystem = environment.fileSystem
    try io { () throws(IOError) in
      try decisions?.store(folder, fileSystem)
      for name in ["meta.properties", "cleaner-offset-checkpoint"] {
        try SnapshotPlace.copy(
          SegmentFiles.path(path, name), to: SegmentFiles.path(folder, name), fileSystem)
      }
      for kind in OffsetCheckpoint.Kind.allCases {
        var checkpoint = OffsetCheckpoint()
        for (name, offsets) in offsets { checkpoint.offsets[name] = offsets[kind] }
        try checkpoint.store(kind, in: folder, fileSystem)
      }
      // Makes the names of the logs' folders durable as well.
      try CleanMark.store(folder, fileSystem)
    }
  }
}
