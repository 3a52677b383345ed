internal import StrataIO
internal import StrataLock
internal import StrataRecords

/// What the checkpoint files of a directory hold, and for which logs that still counts.
struct Checkpoints: Sendable {
  /// As the files are on the disk.
  var stored: [OffsetCheckpoint.Kind: OffsetCheckpoint] = [:]
  /// The logs that the directory has. What the files say of others is about logs that are gone.
  var existing: Set<LogName> = []
  /// The logs that were opened since: they know better.
  var opened: Set<LogName> = []

  private func offset(_ name: LogName, _ kind: OffsetCheckpoint.Kind) -> Offset? {
    existing.contains(name) && !opened.contains(name) ? stored[kind]?.offsets[name] : nil
  }

  func known(_ name: LogName) -> KnownOffsets {
    KnownOffsets(recoveryPoint: offset(name, .recoveryPoint), logStart: offset(name, .logStart))
  }

  func highWatermark(_ name: LogName) -> Offset? { offset(name, .highWatermark) }

  /// The next contents of a file: what the open logs say, and for the others what it said before.
  func next(
    _ kind: OffsetCheckpoint.Kind, _ logs: [LogName: DirectoryOffsets]
  ) -> OffsetCheckpoint {
    var next = OffsetCheckpoint()
    for name in existing {
      if let log = logs[name] {
        next.offsets[name] = log[kind]
      } else {
        next.offsets[name] = stored[kind]?.offsets[name]
      }
    }
    return next
  }
}

/// The offsets of one log that the files of its directory tell.
struct DirectoryOffsets: Sendable {
  var recoveryPoint: Offset
  var logStart: Offset?
  var highWatermark: Offset?

  subscript(_ kind: OffsetCheckpoint.Kind) -> Offset? {
    switch kind {
    case .recoveryPoint: recoveryPoint
    case .logStart: logStart
    case .highWatermark: highWatermark
    }
  }
}

extension Log {
  var directoryOffsets: DirectoryOffsets {
    state.withLock { state in
      let first = (state.sealed.first ?? state.active).baseOffset
      return DirectoryOffsets(
        recoveryPoint: state.durableEnd, logStart: state.logStart > first ? state.logStart : nil,
        highWatermark: state.highWatermark)
    }
  }

  var isClosed: Bool { state.withLock { $0.phase == .closed } }
}

extension LogDirectory {
  /// Writes Kafka's checkpoint files: how far each log is durable, where it starts, and the high watermarks that were
  /// set. They are durable when it returns. `run()` and `close()` do it too.
  ///
  /// Strata's logs do without them, since each keeps its own durable point; Kafka reads from them how much it has to
  /// check after an unclean stop, and where a log starts.
  ///
  /// - Throws: `.closed`, `.noSpace`, `.io`; the files of before are there still.
  public func checkpoint() throws(LogError) {
    guard !table.withLock({ $0.isClosed }) else { throw closed }
    try writeCheckpoints()
  }

  func writeCheckpoints() throws(LogError) {
    try writingCheckpoints.withLock { _ throws(LogError) in try store(offsetsNow()) }
  }

  private func offsetsNow() -> [LogName: DirectoryOffsets] {
    var logs: [LogName: DirectoryOffsets] = [:]
    for (name, log) in openedLogs() { logs[name] = log.directoryOffsets }
    return logs
  }

  /// Puts new files in place of those that change. Only for who holds `writingCheckpoints`.
  private func store(_ logs: [LogName: DirectoryOffsets]) throws(LogError) {
    let fileSystem = environment.fileSystem
    let now = checkpoints.withLock { $0 }
    var stored = now.stored
    for kind in OffsetCheckpoint.Kind.allCases {
      let next = now.next(kind, logs)
      if next == stored[kind] { continue }
      try io { () throws(IOError) in try next.store(kind, in: path, fileSystem) }
      stored[kind] = next
    }
    guard stored != now.stored else { return }
    try io { () throws(IOError) in
      try fileSystem.synchronizeDirectory(path, .offsetCheckpointDirectory)
    }
    let written = stored
    checkpoints.withLock { $0.stored = written }
  }

  /// A log is going to end at `offset`: no file may say that more of it is on the disk.
  func lowerRecoveryPoint(of name: LogName, to offset: Offset) throws(LogError) {
    if Mutants.leavesOut(.lowerRecoveryPoint) { return }
    try writingCheckpoints.withLock { _ throws(LogError) in
      guard var file = checkpoints.withLock({ $0.stored[.recoveryPoint] }), let point = file.offsets[name],
        point > offset
      else { return }
      file.offsets[name] = offset
      let lowered = file
      try io { () throws(IOError) in
        try lowered.store(.recoveryPoint, in: path, environment.fileSystem)
        try environment.fileSystem.synchronizeDirectory(path, .offsetCheckpointDirectory)
      }
      checkpoints.withLock { $0.stored[.recoveryPoint] = lowered }
    }
  }

  /// A log of this name is going to be created: what the files say of an earlier one is forgotten first.
  func forgetOffsets(of name: LogName) throws(LogError) {
    try writingCheckpoints.withLock { _ throws(LogError) in
      let isKnown = checkpoints.withLock { checkpoints in
        !checkpoints.existing.contains(name) && checkpoints.stored.values.contains { $0.offsets[name] != nil }
      }
      if isKnown, !Mutants.leavesOut(.forgottenOffsets) { try store(offsetsNow()) }
      checkpoints.withLock { _ = $0.existing.insert(name) }
    }
  }
}
