internal import StrataIO
internal import StrataLock
internal import StrataRecords

extension Log {
  /// Makes a snapshot of the log in the new folder `target`: a log of its own, with every record that is durable when
  /// the call begins, and perhaps some that become so meanwhile. Others append and read meanwhile.
  ///
  /// Sealed segments are linked, so that they take no room of their own as long as both logs have them; where the file
  /// system cannot link, they are copied. The last segment is copied. A linked file is never changed in place, by
  /// neither log. The snapshot is durable when this returns; after a crash before that there is nothing of the name
  /// `target`, and what lies beside it as `<target>.strata-partial` is removed by the next snapshot to there.
  ///
  /// A log that was opened to be read can make one too, also beside its writer.
  ///
  /// - Throws: `.alreadyExists` where anything has the name; `.noSpace`, `.damaged`, `.closed`, `.io`. What was made is
  ///   removed then, as far as that goes.
  public func snapshot(to target: String) throws(LogError) {
    try checkReadable()
    let place = SnapshotPlace(target: target, fileSystem: environment.fileSystem)
    try place.make { () throws(LogError) in
      for _ in 0..<SnapshotPlace.attempts {
        if access == .readOnly { try refresh() }
        guard let plan = state.withLock({ $0.snapshotPlan() }) else { continue }
        if try copy(plan, to: place.partial) { return }
      }
      throw LogError(
        .io, path: path, detail: "the log was truncated or shortened again and again; try the snapshot later")
    }
  }

  /// Makes a snapshot without blocking the task's thread. Else as the blocking form.
  public func snapshot(to target: String) async throws(LogError) {
    try await Log.onOwnThread(environment) { () throws(LogError) in try self.snapshot(to: target) }
  }

  private func checkReadable() throws(LogError) {
    guard state.withLock({ $0.phase }) == .open else {
      throw LogError(.closed, path: path, detail: "the log was closed; open it again")
    }
  }

  /// Puts what the plan says into `folder`, which is made anew, and ends it as a closed log. False where the log has
  /// changed meanwhile so that the plan does not hold.
  func copy(_ plan: SnapshotPlan, to folder: String) throws(LogError) -> Bool {
    let fileSystem = environment.fileSystem
    try io { () throws(IOError) in
      try SnapshotPlace.clear(folder, fileSystem)
      try fileSystem.createFolder(folder)
    }
    // While nobody replaces or removes a segment; what is copied is open then, and stays.
    let linked = try interruptingCompaction { () throws(LogError) -> (plan: SnapshotPlan, last: any File)? in
      guard let now = state.withLock({ $0.snapshotPlan(end: plan.end) }), now.truncations == plan.truncations
      else { return nil }
      do throws(LogError) {
        try link(now, into: folder)
        let path = now.last.segment.path(.log)
        return (now, try io { () throws(IOError) in try fileSystem.open(path, .read) })
      } catch {
        // Beside a writer in another process files go without a word.
        guard error.code == .notFound else { throw error }
        return nil
      }
    }
    guard let (now, last) = linked else { return false }
    defer { last.close() }
    let name = SegmentFiles.path(folder, SegmentFiles.name(now.last.baseOffset, .log))
    try io { () throws(IOError) in
      let copy = try fileSystem.open(name, .createNew)
      defer { copy.close() }
      try last.copy(0..<now.end.position, to: copy, at: 0)
    }
    guard state.withLock({ $0.truncations.count }) == now.truncations else { return false }
    try finishSnapshot(now, in: folder)
    return true
  }

  private func link(_ plan: SnapshotPlan, into folder: String) throws(LogError) {
    let fileSystem = environment.fileSystem
    try io { () throws(IOError) in
      for view in plan.linked {
        for kind in SegmentFiles.Kind.allCases {
          let name = SegmentFiles.path(folder, SegmentFiles.name(view.baseOffset, kind))
          do throws(IOError) { try take(view.segment.path(kind), as: name) } catch {
            guard error.code == .notFound, kind != .log else { throw error }
          }
        }
      }
      // Who was writing when the last segment began; and Kafka's and Strata's files about the log as a whole.
      let producers = SegmentFiles.name(plan.last.baseOffset, .snapshot)
      for name in [
        producers, "partition.metadata", ProducerIDs.fileName, SegmentFiles.compactionName,
      ] {
        try SnapshotPlace.copy(
          SegmentFiles.path(path, name), to: SegmentFiles.path(folder, name), fileSystem)
      }
    }
  }

  /// Links a file of a sealed segment, or copies it where that cannot be done.
  private func take(_ source: String, as target: String) throws(IOError) {
    do throws(IOError) { try environment.fileSystem.link(source, to: target) } catch {
      guard error.code == .unsupported || error.code == .permissionDenied else { throw error }
      guard try SnapshotPlace.copy(source, to: target, environment.fileSystem) else {
        throw IOError(.notFound, operation: "open", path: source)
      }
    }
  }

  /// Writes what belongs to the log as a whole, and then opens and closes it. That reads the copied segment, makes its
  /// indexes and its seal, and makes the files durable; their names follow.
  private func finishSnapshot(_ plan: SnapshotPlan, in folder: String) throws(LogError) {
    let fileSystem = environment.fileSystem
    let end = plan.end.nextOffset
    try io { () throws(IOError) in
      var epochs = try LeaderEpochs.load(path, fileSystem) ?? LeaderEpochs()
      epochs.cut(behind: end)
      try epochs.store(folder, fileSystem)
      var lost = state.withLock { $0.lost }
      lost.cut(at: end)
      if lost != LostOffsets() { try lost.store(folder, fileSystem) }
      var (file, _) = try DurablePointFile.open(folder, fileSystem)
      defer { file.close() }
      try file.write(
        logStart: plan.logStart, durable: plan.end,
        checkpoint: SegmentProgress(baseOffset: plan.end.baseOffset), synchronizing: false)
    }
    var recovery = LogRecovery(directory: folder, configuration: configuration, environment: environment)
    recovery.isLockedByDirectory = true
    let log = Log(
      path: folder, configuration: configuration, access: .readWrite, environment: environment,
      recovered: try recovery.run())
    guard log.logEndOffset == end else {
      throw LogError(
        .damaged, path: plan.last.segment.path(.log),
        offsets: min(log.logEndOffset, end)..<max(log.logEndOffset, end),
        detail: "the copy ends at \(log.logEndOffset), and \(end) offsets were durable; see verify")
    }
    try log.close()
    try io { () throws(IOError) in try fileSystem.synchronizeDirectory(folder, .snapshotFolder) }
  }
}

extension LeaderEpochs {
  /// Forgets the epochs that begin behind `end`. One that begins there is going to be used.
  fileprivate mutating func cut(behind end: Offset) {
    var kept = LeaderEpochs()
    for entry in entries where entry.startOffset <= end { kept.begin(entry.epoch, at: entry.startOffset) }
    self = kept
  }
}
