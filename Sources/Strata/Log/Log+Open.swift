public import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

extension Log {
  /// Opens the log in the folder `path`, and creates it where there is none (with `.readWrite`).
  ///
  /// After an unclean stop this reads what lies above the known durable point (at most 64 MiB and what was not
  /// synchronised), moves a torn tail aside and cuts it, and makes the rest durable; `recoveryReport` says what
  /// was done. After a clean close it reads nothing. Read-only opening changes nothing, and works beside a writer.
  ///
  /// - Throws: `.locked` where another holder writes (the detail names it); `.damaged` where bytes are broken
  ///   that were durable; `.notADirectory`, `.notFound`, `.permissionDenied`, `.noSpace`, `.io`.
  public static func open(
    _ path: String, configuration: LogConfiguration = LogConfiguration(), access: LogAccess = .readWrite,
    environment: LogEnvironment = .system
  ) throws(LogError) -> Log {
    let log = try openUndecided(
      path, configuration: configuration, access: access, environment: environment)
    try log.endAbandonedTransactions()
    return log
  }

  /// Ends the transactions that nobody else is going to end, where that can be done: the log's own, and of those over
  /// several logs the ones whose end the folder above knows. A directory ends those of its logs by itself.
  func endAbandonedTransactions() throws(LogError) {
    guard access == .readWrite, !openTransactions.isEmpty else { return }
    do throws(LogError) {
      try abortAbandonedTransactions()
      if openLogs == nil { try endTransactionsOfDirectory() }
    } catch {
      // Without room, or where nobody knows which are the log's own, they stay under way, and what is committed
      // ends before them.
      guard error.code == .noSpace || error.code == .damaged else { throw error }
    }
  }

  /// Opens the log, and leaves the transactions as they are that were under way: for who knows how they end.
  package static func openUndecided(
    _ path: String, configuration: LogConfiguration, access: LogAccess = .readWrite,
    environment: LogEnvironment
  ) throws(LogError) -> Log {
    configuration.checkSense()
    let recovered: RecoveredLog
    switch access {
    case .readWrite:
      var recovery = LogRecovery(directory: path, configuration: configuration, environment: environment)
      recovered = try recovery.run()
    case .readOnly:
      recovered = try ReadOnlyOpening(
        directory: path, configuration: configuration, environment: environment
      ).run()
    }
    return Log(
      path: path, configuration: configuration, access: access, environment: environment,
      recovered: recovered)
  }

  /// Makes everything durable, gives reserved space back, and leaves the log so that the next open has nothing
  /// to read. Afterwards every verb throws `.closed`; closing again does nothing. A reader that is under way ends
  /// with `.closed`, and holds the file that it reads until it is gone.
  ///
  /// - Throws: `.poisoned`, `.io`, `.noSpace`; the log is closed all the same, and the next open repairs it.
  public func close() throws(LogError) {
    try interruptingCompaction { () throws(LogError) in try closeAlone() }
  }

  private func closeAlone() throws(LogError) {
    var failure: LogError?
    stopsPreparing.store(true, ordering: .relaxed)
    let isFirst = preparing.withLock { _ in
      appender.withLock { appender in
        guard state.withLock({ $0.phase }) == .open else { return false }
        if appender != nil {
          if !appender!.isDormant {
            do throws(LogError) { try finish(&appender!) } catch { failure = error }
            // Where it stays, the next opening removes it.
            do throws(IOError) { _ = try appender!.discardPrepared(environment.fileSystem) } catch {}
          }
          appender = nil
        }
        endPhase()
        return true
      }
    }
    guard isFirst else { return }
    durablePoint.withLock { $0?.close() }
    refreshing.withLock { _ in
      for view in state.withLock({ $0.sealed + [$0.active] }) { view.segment.close() }
    }
    lock?.release()
    openLogs?.forget(self)
    if let failure { throw failure }
  }

  private func endPhase() {
    let waiters = state.withLock { state in
      state.phase = .closed
      return state.takeWaiters { _ in true }
    }
    let error = LogError(.closed, path: path, detail: "the log was closed; open it again")
    for waiter in waiters { waiter.resume(.failure(error)) }
    turnEnded.0.advance()
    turnEnded.1.advance()
  }

  /// The clean end: records, indexes and the durable point are on the disk, in this order.
  func finish(_ appender: inout Appender) throws(LogError) {
    let turn = try takeTurn()
    do {
      try io { () throws(IOError) in
        try appender.cutLeftovers()
        try appender.trim(.closeTrim)
        try appender.file.synchronize(.closeSegment)
      }
      // The entry that ends the time index stays: the next batch's entry comes behind it, as in Kafka.
      if let entry = appender.progress.takeTimeEntry() {
        try io { () throws(IOError) in
          try appender.index.reserve(0, behind: appender.progress, &appender.indexAllocation)
        }
        appender.index.store(
          entry, at: appender.progress.timeEntries - 1, base: appender.progress.baseOffset)
      }
      let progress = appender.progress
      let earlier = state.withLock { $0.checkpoint }
      let written = writtenEntries(progress)
      let producers = state.withLock { $0.producers }
      let isSealed = try io { () throws(IOError) in
        try appender.index.synchronize(
          progress, written: .init(points: progress.offsetEntries, transactions: written.transactions))
        let isSealed = try orWithoutRoom { () throws(IOError) in
          try appender.index.writeSeal(progress, written: written.points)
        }
        try appender.index.trim(progress)
        return isSealed ? try storeSnapshot(producers, progress) : false
      }
      // Without room for the seal the next open reads on from the checkpoint, and that is all.
      let checkpoint = isSealed ? progress : earlier
      appender.sealed = isSealed ? progress : nil
      try writeDurablePoint(durable: progress, checkpoint: checkpoint, synchronizing: true)
      if isSealed { try replaceCheckpointSnapshot(progress.hasProducers ? progress.nextOffset : nil) }
      // The other slot says the same from now on: whichever is damaged, nobody takes an earlier end for this one.
      try writeDurablePoint(durable: progress, checkpoint: checkpoint, synchronizing: false)
      endTurn(turn, .success(progress), checkpoint: checkpoint)
    } catch {
      endTurn(turn, .failure(poisoned(by: error)))
      throw error
    }
  }
}
