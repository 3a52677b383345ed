internal import StrataIO
internal import StrataLock
internal import StrataRecords

/// Decides the transactions over several logs of a directory.
///
/// A transaction is committed from the moment on at which its decision is in `TransactionDecisions`' file, durably: all
/// of its records were durable before, and its end markers are written after. The decision is forgotten when all of them
/// are durable. A transaction without a decision that nobody in this process has under way is aborted by whoever finds
/// it. So only commits are written down, and only those of more than one log.
///
/// Several threads that commit at once share one write of the file: the first one in writes what all of them want.
///
/// Invariant: a transaction is in `live` before its first record is in any log, and until its last end marker is, or
/// until somebody else has to see to that. Whoever finds one of `live` in a log leaves it alone.
final class TransactionCoordinator: Sendable {
  typealias Key = TransactionDecisions.Key

  /// A log that may lack the end marker of a committed transaction.
  struct Pending: Sendable {
    weak var log: Log?
    /// Where its marker lies; nil where it was not appended yet.
    var marker: Offset?

    /// Whether the marker is known to be on the disk.
    var isDone: Bool {
      guard let log, let marker else { return false }
      return log.recoveryPoint > marker
    }
  }

  fileprivate struct Live: Sendable {
    weak var transaction: DirectoryTransaction?
    let epoch: Int16
    let began: Int64
  }

  fileprivate struct State: Sendable {
    var isClosed = false
    /// Why nothing can be decided, where that is so.
    var failure: LogError?
    /// The ids that the file gives to this directory; nil where there is no file yet.
    var own: Range<Int64>?
    /// The next id of the block.
    var nextID: Int64 = 0
    /// How far the ids have to be given out in the next version of the file.
    var wantedEnd: Int64?
    /// Producers without a transaction, with their next epochs.
    var idle: [Key] = []
    var live: [Int64: Live] = [:]
    /// Committed, durably.
    var committed: [Key: [String: Pending]] = [:]
    /// Going to be committed, by the version of the file that is written next.
    var committing: [Key: Set<String>] = [:]
    /// Of those that could not be written down the ones that may be on the disk all the same: nobody ends them before
    /// the file says that they do not count.
    var inDoubt: Set<Key> = []
    /// Counts what the file has to say.
    var version: UInt64 = 1
  }

  /// What is on the disk.
  private struct Stored: Sendable {
    var version: UInt64 = 0
    /// Whether a write has failed, so that nobody knows.
    var isUnknown = false
    /// Whether the directory may be somebody else's by now.
    var isGivenUp = false
  }

  private let path: String
  private let environment: LogEnvironment
  private let state: Lock<State>
  /// Held by who writes the file.
  private let stored: Lock<Stored>

  /// - Throws: an error of the file system; a file that cannot be read is `failure`.
  init(_ path: String, _ environment: LogEnvironment) throws(LogError) {
    self.path = path
    self.environment = environment
    var state = State()
    var stored = Stored()
    let found = try io { () throws(IOError) in
      try TransactionDecisions.load(path, environment.fileSystem)
    }
    switch found {
    case .none: break
    case .unreadable: state.failure = Self.unreadable(path)
    case .decisions(let decisions):
      (state.own, state.nextID) = (decisions.own, decisions.own.upperBound)
      for (key, names) in decisions.committed {
        state.committed[key] = Dictionary(uniqueKeysWithValues: names.map { ($0, Pending()) })
      }
      stored.version = state.version
    }
    self.state = Lock(state)
    self.stored = Lock(stored)
  }

  private static func unreadable(_ path: String) -> LogError {
    LogError(
      .damaged, path: SegmentFiles.path(path, TransactionDecisions.fileName),
      detail: "nobody knows which transactions over several logs were committed; end those that a log's "
        + "openTransactions names by its endTransaction, and remove the file")
  }

  /// Why transactions cannot be decided; nil where they can.
  var failure: LogError? { state.withLock { $0.failure } }

  private var closed: LogError {
    LogError(.closed, path: path, detail: "the directory was closed; open it again")
  }
}

// MARK: Producers

extension TransactionCoordinator {
  /// A producer for one transaction: one whose last has ended, or one with a new id.
  func takeProducer() throws(LogError) -> Key {
    while true {
      let (key, version) = try state.withLock { state throws(LogError) -> (Key?, UInt64) in
        if state.isClosed { throw closed }
        if let failure = state.failure { throw failure }
        if let idle = state.idle.popLast() { return (idle, 0) }
        if let own = state.own, state.nextID < own.upperBound {
          defer { state.nextID += 1 }
          return (Key(producerID: state.nextID, epoch: 0), 0)
        }
        let own = state.own ?? TransactionDecisions(createdAt: environment.wallClockMilliseconds()).own
        let (end, over) = own.upperBound.addingReportingOverflow(TransactionDecisions.blockSize)
        guard !over else {
          throw LogError(
            .tooManyProducers, path: path, detail: "the producer ids of the directory are used up")
        }
        if state.own == nil { state.nextID = own.lowerBound }
        state.own = own
        state.wantedEnd = end
        state.version += 1
        return (nil, state.version)
      }
      if let key { return key }
      try store(version)
    }
  }

  /// The producer of a transaction whose end is in every log begins the next one, as its next epoch.
  private func giveBack(_ key: Key, _ state: inout State) {
    // The largest epochs are left for the markers that end a producer.
    guard key.epoch < .max - 2 else { return }
    state.idle.append(Key(producerID: key.producerID, epoch: key.epoch + 1))
  }

  func begin(_ transaction: DirectoryTransaction) {
    let key = transaction.key
    let live = Live(
      transaction: transaction, epoch: key.epoch, began: environment.monotonicNanoseconds())
    state.withLock { $0.live[key.producerID] = live }
  }

  /// A transaction has ended, and `isEverywhere` if its end is in all of its logs: else others see to that.
  func end(_ key: Key, isEverywhere: Bool) {
    state.withLock { state in
      // By now the producer may have the next one under way.
      guard state.live[key.producerID]?.epoch == key.epoch else { return }
      state.live[key.producerID] = nil
      if isEverywhere { giveBack(key, &state) }
    }
  }

  /// Transactions that began so many milliseconds ago, or before; all of them with 0. By their producers.
  func transactions(olderThan milliseconds: Int64) -> [DirectoryTransaction] {
    let now = environment.monotonicNanoseconds()
    return state.withLock { state in
      state.live.sorted { $0.key < $1.key }.compactMap { _, live in
        (now - live.began) / 1_000_000 >= milliseconds ? live.transaction : nil
      }
    }
  }
}

// MARK: Decisions

extension TransactionCoordinator {
  /// Commits a transaction whose records are durable in all logs: it counts when this returns, whatever happens then.
  ///
  /// - Throws: where that could not be written down. Nobody knows then whether it was, until it is tried again or
  ///   withdrawn.
  func commit(_ key: Key, in names: Set<String>) throws(LogError) {
    if Mutants.leavesOut(.decisionBeforeMarkers) { return }
    let version = try state.withLock { state throws(LogError) in
      if state.isClosed { throw closed }
      state.committing[key] = names
      state.version += 1
      return state.version
    }
    do throws(LogError) { try store(version) } catch {
      state.withLock { state in
        state.committing[key] = nil
        state.inDoubt.insert(key)
      }
      throw error
    }
    state.withLock { state in
      state.committing[key] = nil
      state.committed[key] = Dictionary(uniqueKeysWithValues: names.map { ($0, Pending()) })
    }
  }

  /// Makes sure that the transaction is not taken for committed later. Nothing to do where nobody has tried to commit it.
  func withdraw(_ key: Key) throws(LogError) {
    let version = try state.withLock { state throws(LogError) -> UInt64? in
      guard state.inDoubt.contains(key) else { return nil }
      if state.isClosed { throw closed }
      state.version += 1
      return state.version
    }
    if let version, !Mutants.leavesOut(.withdrawal) { try store(version) }
  }

  /// Notes where the end marker of a committed transaction lies in a log.
  func note(_ key: Key, in name: String, _ log: Log, marker: Offset) {
    state.withLock { state in
      guard state.committed[key]?[name] != nil else { return }
      state.committed[key]![name] = Pending(log: log, marker: marker)
    }
  }

  /// Notes that a log has all end markers that it lacked of what nobody has under way, through its present end.
  private func noteSettled(_ name: String, _ log: Log) {
    let settled = Pending(log: log, marker: Offset(log.logEndOffset.rawValue - 1))
    state.withLock { state in
      for (key, logs) in state.committed where state.live[key.producerID] == nil && logs[name] != nil {
        state.committed[key]![name] = settled
      }
    }
  }

  /// A log was deleted, and lacks nothing any more.
  func forget(_ name: String) {
    state.withLock { state in
      for key in state.committed.keys { state.committed[key]![name] = nil }
    }
  }

  /// Ends the transactions over several logs that are under way in a log and that nobody in this process has, by what
  /// was decided. Durable when it returns.
  func settle(_ log: Log, _ name: String) throws(LogError) {
    let isUnknown = state.withLock { $0.failure != nil || $0.own == nil }
    if isUnknown { return }
    try log.endTransactions { key in
      state.withLock { state in
        guard state.own?.contains(key.producerID) ?? false, state.live[key.producerID] == nil,
          !state.inDoubt.contains(key)
        else { return nil }
        return state.committed[key] == nil ? .abort : .commit
      }
    }
    noteSettled(name, log)
  }

  /// What was committed and may not be marked in each log, at this moment; nil where there was never a transaction over
  /// several logs, or nobody knows. For a snapshot of the directory.
  var decisions: TransactionDecisions? {
    state.withLock { state in
      guard let own = state.own else { return nil }
      var decisions = TransactionDecisions(own: own)
      decisions.committed = state.committed.mapValues { Set($0.keys) }
      return decisions
    }
  }

  /// Writes the file anew where it says more than it has to.
  func forgetDone() throws(LogError) {
    let version = state.withLock { state -> UInt64? in
      guard state.prune() || !state.inDoubt.isEmpty else { return nil }
      state.version += 1
      return state.version
    }
    if let version { try store(version) }
  }

  /// Nothing is decided from here on.
  func close() {
    state.withLock { $0.isClosed = true }
  }

  /// The file is never written again, not by who was about to either: the directory's lock is going to be given up.
  func giveUp() {
    stored.withLock { $0.isGivenUp = true }
  }

  /// Returns when the file has said on the disk what was wanted in `version`.
  private func store(_ version: UInt64) throws(LogError) {
    try stored.withLock { stored throws(LogError) in
      if stored.version >= version, !stored.isUnknown { return }
      if stored.isGivenUp { throw closed }
      let (next, number) = state.withLock { ($0.next(), $0.version) }
      stored.isUnknown = true
      try io { () throws(IOError) in try next.store(path, environment.fileSystem) }
      stored = Stored(version: number)
      state.withLock { state in
        state.inDoubt = state.inDoubt.filter { next.committed[$0] != nil }
        state.own = next.own
        if state.wantedEnd == next.own.upperBound { state.wantedEnd = nil }
      }
    }
  }
}

extension TransactionCoordinator.State {
  /// Forgets what is marked in each log. Whether that was anything.
  fileprivate mutating func prune() -> Bool {
    let before = committed.values.reduce(committed.count) { $0 + $1.count }
    for (key, logs) in committed {
      let left = Mutants.leavesOut(.decisionKept) ? [:] : logs.filter { !$0.value.isDone }
      committed[key] = left.isEmpty ? nil : left
    }
    return committed.values.reduce(committed.count) { $0 + $1.count } != before
  }

  /// What the file has to say now.
  fileprivate mutating func next() -> TransactionDecisions {
    _ = prune()
    var next = TransactionDecisions(own: own!.lowerBound..<(wantedEnd ?? own!.upperBound))
    next.committed = committed.mapValues { Set($0.keys) }
    next.committed.merge(committing) { _, new in new }
    return next
  }
}
