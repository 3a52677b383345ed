internal import StrataIO
internal import StrataLock
public import StrataRecords

/// Records of several logs of a directory that count all together or not at all.
///
///     let transaction = try directory.beginTransaction()
///     try transaction.append(Record(value: "ordered"), to: "orders-0")
///     try transaction.append(Record(value: "paid"), to: "payments-0")
///     try transaction.commit()
///
/// Readers with `.committed` see nothing of it before it is committed, and nothing at all where it was aborted; and of
/// each of its logs nothing behind its first record there while it is under way. When `commit()` has returned, it counts
/// in every log, also if the power goes then: whoever opens one of the logs, through the directory or alone, finds that
/// out first. It does not show in all of them at one instant: each log shows it when its own end marker is on the disk.
///
/// One that was not ended when the directory was closed, or its process killed, never counts. `LogDirectory.run()` aborts
/// those that nobody holds any more, and those that take longer than
/// `LogDirectoryConfiguration.transactionTimeoutMilliseconds`.
///
/// Any number of threads may append to one transaction, and any number of transactions may be under way at once.
public final class DirectoryTransaction: Sendable {
  /// The directory of its logs.
  public let directory: LogDirectory
  let key: TransactionDecisions.Key
  private let state: Lock<State>

  private enum Phase: Sendable {
    case active
    /// A commit has failed: it may be on the disk that it counts.
    case inDoubt
    /// Somebody is ending it.
    case ending
    case ended(String)
  }

  private struct State: Sendable {
    var phase = Phase.active
    var members: [String: Member] = [:]
  }

  /// A log with records of it.
  private struct Member: Sendable {
    let name: String
    let log: Log
    let writer: IdempotentWriter
    var part: TransactionPart?
  }

  init(_ directory: LogDirectory, _ key: TransactionDecisions.Key) {
    self.directory = directory
    self.key = key
    state = Lock(State())
  }

  /// What nobody holds any more is aborted by `run()`, or by the next opening.
  deinit { coordinator.end(key, isEverywhere: false) }

  /// The producer's number, which no other transaction of the directory has at the same time.
  public var producerID: Int64 { key.producerID }
  /// The producer's epoch. Its end markers have the next one, so that nothing can be appended to it afterwards.
  public var producerEpoch: Int16 { key.epoch }
  /// The names of the logs that have records of it.
  public var logs: [String] {
    state.withLock { $0.members.values.filter { $0.part != nil }.map(\.name).sorted() }
  }

  private var coordinator: TransactionCoordinator { directory.transactions }

  /// Appends records to a log of the directory, as one batch of the transaction. The log is created where there is none.
  /// They are `.buffered` if nothing else is said: committing makes them durable.
  ///
  /// - Throws: `.invalidTransactionState` where the transaction has ended or a `commit()` of it has thrown, or where the
  ///   log was deleted or opened anew since it took part; `.fencedProducer` where its producer was taken over; else as `LogDirectory.log(for:)` and
  ///   `Log.append`, after which the same may be tried again.
  @discardableResult
  public func append(
    _ records: some Collection<Record>, to name: String, durability: Durability = .buffered
  ) throws(LogError) -> AppendedBatch {
    let log = try directory.log(for: name)
    let appended = try state.withLock { state throws(LogError) in
      try check(state, isAppending: true)
      var member =
        state.members[name]
        ?? Member(
          name: name, log: log,
          writer: IdempotentWriter(
            log: log, Producer(id: key.producerID, epoch: key.epoch, baseSequence: 0)))
      guard member.log === log else { throw changed(log) }
      let appended = try member.writer.append(records, durability: .buffered, isTransactional: true)
      member.part = TransactionPart(
        key: key, firstOffset: member.part?.firstOffset ?? appended.baseOffset,
        lastOffset: appended.lastOffset, nextSequence: member.writer.next.baseSequence)
      state.members[name] = member
      return appended
    }
    try log.settle(appended, durability)
    return appended
  }

  /// Appends one record to a log of the directory.
  ///
  /// - Throws: as for several.
  @discardableResult
  public func append(
    _ record: Record, to name: String, durability: Durability = .buffered
  ) throws(LogError) -> AppendedBatch {
    try append(CollectionOfOne(record), to: name, durability: durability)
  }

  /// Lets its records count, in all of its logs.
  ///
  /// First the records are made durable in each log, then the decision. From then on nothing takes it back, whatever
  /// `durability` says. With `.synced` this returns when the end markers are durable too, so that readers see the
  /// records; with `.buffered` when they are appended (nil: as `LogDirectoryConfiguration.log` says). A log that cannot
  /// take its marker then, since its disk is full or has failed, gets it by `LogDirectory.run()` or when it is opened the
  /// next time, and readers of what is committed wait for it there; `LogDirectory.health` names it.
  ///
  /// A transaction in one log alone needs no decision: its end marker is the decision. After a `commit()` that threw
  /// nothing more can be appended.
  ///
  /// - Throws: `.invalidTransactionState` where it has ended, or where a log has not all of it any more;
  ///   `.fencedProducer`; `.closed` where the directory or one of the logs is; what syncing throws. After another error
  ///   than that it has ended nobody knows yet how it ends: try again, or abort it.
  public func commit(durability: Durability? = nil) throws(LogError) {
    let members = try beginEnding()
    let markers: [Marker]
    do throws(LogError) {
      if members.count > 1 { try decide(members) }
      markers = try members.count == 1 ? commit(alone: members[0]) : mark(members)
    } catch {
      state.withLock { $0.phase = .inDoubt }
      throw error
    }
    state.withLock { $0.phase = .ended("it was committed") }
    for (log, marker) in markers {
      do throws(LogError) {
        try log.settle(marker, durability ?? directory.configuration.log.durability)
      } catch {
        // Of several, the log is poisoned, and says so to everybody who asks for its health.
        if members.count == 1 { throw error }
      }
    }
  }

  /// Lets its records never be seen by who reads what is committed. The end markers are appended to every log that can
  /// take them now; the others get theirs by `LogDirectory.run()`, or when they are opened the next time.
  ///
  /// - Throws: `.invalidTransactionState` where it has ended; `.closed`; and, after a `commit()` that threw, what writing
  ///   down that it does not count throws: try again.
  public func abort() throws(LogError) {
    try abort(because: "it was aborted")
  }

  func abort(because reason: String) throws(LogError) {
    let members = try beginEnding()
    do throws(LogError) { try coordinator.withdraw(key) } catch {
      state.withLock { $0.phase = .inDoubt }
      throw error
    }
    var isEverywhere = true
    for member in members {
      do throws(LogError) { _ = try member.log.endTransaction(.abort, of: key) } catch {
        isEverywhere = false
      }
    }
    coordinator.end(key, isEverywhere: isEverywhere)
    state.withLock { $0.phase = .ended(reason) }
  }

  private func beginEnding() throws(LogError) -> [Member] {
    try state.withLock { state throws(LogError) in
      try check(state, isAppending: false)
      state.phase = .ending
      return state.members.values.filter { $0.part != nil }.sorted { $0.name < $1.name }
    }
  }

  private func check(_ state: State, isAppending: Bool) throws(LogError) {
    let reason: String
    switch state.phase {
    case .active: return
    case .inDoubt where !isAppending: return
    case .inDoubt: reason = "a commit of it has failed; commit or abort it"
    case .ending: reason = "somebody is ending it"
    case .ended(let how): reason = how
    }
    throw LogError(
      .invalidTransactionState, path: directory.path,
      detail: "nothing more can be done in the transaction: \(reason)")
  }

  private func changed(_ log: Log) -> LogError {
    LogError(
      .invalidTransactionState, path: log.path,
      detail: "the log was deleted or opened anew since the transaction came to it; abort the transaction")
  }
}

// MARK: Committing

extension DirectoryTransaction {
  private typealias Marker = (log: Log, marker: AppendedBatch)

  /// In one log the end marker decides.
  private func commit(alone member: Member) throws(LogError) -> [Marker] {
    let marker = try member.log.endTransaction(.commit, of: key, having: member.part)
    coordinator.end(key, isEverywhere: true)
    return marker.map { [(member.log, $0)] } ?? []
  }

  /// Makes its records durable, and then the decision.
  private func decide(_ members: [Member]) throws(LogError) {
    for member in members {
      let last = member.part!.lastOffset
      // What a truncation has taken back never gets durable; the check below says so.
      if last < member.log.logEndOffset, !Mutants.leavesOut(.dataBeforeDecision) {
        try member.log.commit(through: last)
      }
      try member.log.checkUsable()
      try member.log.check(member.part!)
    }
    try coordinator.commit(key, in: Set(members.map(\.name)))
  }

  /// Appends the end markers of what is decided, as far as the logs can take them.
  private func mark(_ members: [Member]) -> [Marker] {
    var markers: [Marker] = []
    var isEverywhere = true
    for member in members {
      do throws(LogError) {
        guard let marker = try member.log.endTransaction(.commit, of: key) else { continue }
        coordinator.note(key, in: member.name, member.log, marker: marker.lastOffset)
        markers.append((member.log, marker))
      } catch {
        directory.noteUnmarked(member.name, member.log, error)
        isEverywhere = false
      }
    }
    coordinator.end(key, isEverywhere: isEverywhere)
    return markers
  }
}
