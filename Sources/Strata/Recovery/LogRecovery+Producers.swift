internal import StrataIO
internal import StrataRecords

/// Which producers the log knew when it stopped.
extension LogRecovery {
  /// The producers at a place in the log from which reading goes on, or at which the log ends.
  func producers(
    at progress: SegmentProgress, _ facts: RecoveryFacts
  ) throws(LogError) -> ProducerState {
    // Where none were known later there is nothing to be found: a log without producers reads nothing for them.
    if let durable = facts.durablePoint?.durable, !durable.hasProducers,
      durable.nextOffset >= progress.nextOffset
    {
      return ProducerState()
    }
    let history = ProducerHistory(
      directory: directory, fileSystem: fileSystem, limits: configuration.limits)
    return try history.state(at: progress.nextOffset)
  }

  /// Forgets who has expired, and writes down who is left at the end of a log that was read: the checkpoint that
  /// follows is not before it.
  mutating func settleProducers(_ found: inout Active, _ facts: RecoveryFacts) throws(LogError) {
    var state = producers ?? ProducerState()
    state.removeExpired(
      at: environment.wallClockMilliseconds(), after: configuration.producerExpirationMilliseconds)
    found.progress.hasProducers = !state.isEmpty
    let (end, stored) = (found.progress.nextOffset, state)
    try removeSnapshots(facts, behind: end)
    if !state.isEmpty {
      try io { () throws(IOError) in
        _ = try withoutRoom { () throws(IOError) in
          try ProducerSnapshot.store(stored, directory, at: end, fileSystem)
        }
      }
    }
    producers = state
  }

  /// Writes down which producers there were at the start of a segment, where nothing says so.
  func storeSnapshot(_ state: ProducerState, at base: Offset) throws(LogError) {
    guard !state.isEmpty else { return }
    try io { () throws(IOError) in
      guard try ProducerSnapshot.load(directory, at: base, fileSystem) == nil else { return }
      _ = try withoutRoom { () throws(IOError) in
        try ProducerSnapshot.store(state, directory, at: base, fileSystem)
      }
    }
  }

  /// A snapshot that does not fit on the disk is read for the next time, and that is all.
  private func withoutRoom(_ body: () throws(IOError) -> Void) throws(IOError) -> Bool {
    do throws(IOError) { try body() } catch {
      guard error.code == .noSpace else { throw error }
      return false
    }
    return true
  }

  /// Removes the snapshots of what is gone. Records that come instead must never be taken for those: the names are
  /// gone durably before anything is appended.
  private func removeSnapshots(_ facts: RecoveryFacts, behind end: Offset) throws(LogError) {
    let stale = facts.snapshots.filter { $0 > end }
    guard !stale.isEmpty else { return }
    try io { () throws(IOError) in
      try ProducerSnapshot.remove(stale, directory, fileSystem)
      try fileSystem.synchronizeDirectory(directory, .producersDirectory)
    }
  }

  /// Removes the snapshots that nobody needs: as Kafka does, those at which no segment begins, but for the newest.
  func removeSnapshots(_ facts: RecoveryFacts, end: Offset) throws(LogError) {
    try removeSnapshots(facts, behind: end)
    let strays = facts.snapshots.filter { offset in
      offset < end && !facts.segments.contains { $0.baseOffset == offset }
    }
    guard !strays.isEmpty else { return }
    let newest = facts.snapshots.contains(end) ? strays : Array(strays.dropFirst())
    try io { () throws(IOError) in
      try ProducerSnapshot.remove(newest, directory, fileSystem)
    }
  }
}
