internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// Many logs in one folder, in the layout of Apache Kafka's log directories: each in a folder `<topic>-<partition>`,
/// with Kafka's checkpoint files beside them.
///
///     let directory = try LogDirectory.open("data")
///     let log = try directory.log(for: "orders-0")         // creates it
///     try log.append(Record(value: "…"))
///     …
///     try directory.close()
///
/// **Names** are Kafka's: a topic of 1 to 249 of the characters `a–z A–Z 0–9 . _ -` (not `.` or `..`), a dash, and a
/// number from 0 to 2³¹ − 1. Whatever else lies in the folder is left alone.
///
/// **Thousands of logs.** After a clean close nothing of a log is read before its first use. Logs that were not used
/// lately give their files back when `LogDirectoryConfiguration`'s budget is used up, and take them again by
/// themselves: a `Log` stays valid, asleep or awake. Taking a file can fail, as every call can: then the verb throws,
/// and works again when there is one.
///
/// **One process** at a time has a directory open, by its `.lock`. Its logs can be opened one by one where nobody has the
/// directory, and read (`access: .readOnly`) at any time.
///
/// **Nothing happens behind the caller's back** but in `run()`.
public final class LogDirectory: Sendable {
  /// The folder.
  public let path: String
  /// What was asked for when it was opened.
  public let configuration: LogDirectoryConfiguration

  let environment: LogEnvironment
  let openLogs: OpenLogs
  let transactions: TransactionCoordinator
  let table: Lock<Table>
  let checkpoints: Lock<Checkpoints>
  /// Held while checkpoint files are written.
  let writingCheckpoints = Lock(())
  let report = Lock(LogDirectoryReport())
  /// What `run()` has found out.
  let maintenance = Lock(MaintenanceState())
  /// Makes the names of deleted logs differ.
  let deletions = Atomic<UInt64>(0)

  struct Table: Sendable {
    var isClosed = false
    var entries: [String: DirectoryEntry] = [:]
  }

  init(
    path: String, configuration: LogDirectoryConfiguration, environment: LogEnvironment, openLogs: OpenLogs,
    checkpoints: Checkpoints, transactions: TransactionCoordinator
  ) {
    self.path = path
    self.configuration = configuration
    self.environment = environment
    self.openLogs = openLogs
    table = Lock(Table())
    self.checkpoints = Lock(checkpoints)
    self.transactions = transactions
  }

  /// What opening it has found and done.
  public var recoveryReport: LogDirectoryReport { report.withLock { $0 } }

  /// The names of its logs, in order. Takes no look at the disk.
  public var logs: [String] { table.withLock { $0.entries.keys.sorted() } }

  /// The log of this name; created where there is none, and opened where it is not. Later calls return the same.
  ///
  /// - Throws: `.invalidName`; `.closed` where the directory is; `.damaged`, `.io` and what else opening a log can
  ///   throw: other logs are not concerned, and a later call tries again.
  public func log(for name: String) throws(LogError) -> Log {
    while true {
      let entry = try entry(for: name)
      if let log = try open(entry) { return log }
      // It was deleted just now; the next look makes it anew.
    }
  }

  private func entry(for name: String) throws(LogError) -> DirectoryEntry {
    let (found, isClosed) = table.withLock { ($0.entries[name], $0.isClosed) }
    if isClosed { throw closed }
    if let found { return found }
    guard let parsed = LogName(name), parsed.text == name else { throw Self.invalid(name, in: path) }
    try forgetOffsets(of: parsed)
    return table.withLock { table in
      if let found = table.entries[name] { return found }
      let entry = DirectoryEntry(name: parsed)
      table.entries[name] = entry
      return entry
    }
  }

  /// The log of an entry; nil where it was deleted. Who asks for the same log waits until it is open.
  func open(_ entry: DirectoryEntry) throws(LogError) -> Log? {
    try entry.opening.withLock { _ throws(LogError) -> Log? in
      let slot = entry.slot.withLock { $0 }
      if slot.isDeleted { return nil }
      if let log = slot.log, !log.isClosed { return log }
      openLogs.makeRoom()
      do throws(LogError) {
        let log = try openLog(entry.name)
        entry.slot.withLock { $0 = .init(log: log) }
        return log
      } catch {
        entry.slot.withLock { $0.failure = error }
        throw error
      }
    }
  }

  private func openLog(_ name: LogName) throws(LogError) -> Log {
    let folder = SegmentFiles.path(path, name.text)
    var recovery = LogRecovery(
      directory: folder, configuration: configuration.overrides[name.text] ?? configuration.log,
      environment: environment)
    recovery.isLockedByDirectory = true
    let (known, watermark) = checkpoints.withLock { ($0.known(name), $0.highWatermark(name)) }
    recovery.known = known
    if let point = known.recoveryPoint {
      recovery.willEnd = { [self] end throws(LogError) in
        if end < point { try lowerRecoveryPoint(of: name, to: end) }
      }
    }
    let log = Log(
      path: folder, configuration: recovery.configuration, access: .readWrite, environment: environment,
      recovered: try recovery.run(), openLogs: openLogs)
    if let watermark, watermark < log.logEndOffset { log.setHighWatermark(watermark) }
    log.residence.willEnd.withLock { willEnd in
      willEnd = { [weak self] end throws(LogError) in try self?.lowerRecoveryPoint(of: name, to: end) }
    }
    try log.endAbandonedTransactions()
    do throws(LogError) { try transactions.settle(log, name.text) } catch {
      // Without room they stay under way, and what is committed ends before them.
      guard error.code == .noSpace else { throw error }
      note(error, of: .transactions, name.text)
    }
    log.noteUse()
    checkpoints.withLock { _ = $0.opened.insert(name) }
    return log
  }

  /// The logs that are open, with their names.
  func openedLogs() -> [(name: LogName, log: Log)] {
    let entries = table.withLock { Array($0.entries.values) }
    return entries.compactMap { entry in
      entry.slot.withLock { $0.log }.map { (entry.name, $0) }
    }.sorted { ($0.name.topic, $0.name.partition) < ($1.name.topic, $1.name.partition) }
  }

  var closed: LogError {
    LogError(.closed, path: path, detail: "the directory was closed; open it again")
  }

  static func invalid(_ name: String, in path: String) -> LogError {
    LogError(
      .invalidName, path: SegmentFiles.path(path, name),
      detail: "a log is named <topic>-<partition>: 1 to 249 of a-z A-Z 0-9 . _ -, a dash, and 0 to 2147483647"
    )
  }
}

/// One log of a directory, open or not.
final class DirectoryEntry: Sendable {
  struct Slot: Sendable {
    var log: Log?
    /// Why it could not be opened the last time.
    var failure: LogError?
    var isDeleted = false
  }

  let name: LogName
  let slot = Lock(Slot())
  /// Held while the log is opened or deleted, so that each happens once. Everybody else looks at the slot.
  let opening = Lock(())

  init(name: LogName) { self.name = name }
}

/// What opening a directory has found, and what it did about it.
public struct LogDirectoryReport: Sendable {
  /// Whether the last stop was a clean one: no log was opened.
  public var wasClean = false
  /// How many logs there are.
  public var logs = 0
  /// What was done to the logs that were not closed well, by name.
  public var recovered: [String: RecoveryReport] = [:]
  /// The logs that could not be opened, by name; `log(for:)` tries again.
  public var failures: [String: LogError] = [:]
  /// What lies in the folder and is neither a log nor a file that a directory has. It was left alone.
  public var foreign: [String] = []
  /// Why nobody knows which transactions over several logs were committed; nil where it is known.
  public var transactionFailure: LogError?
  /// Checkpoint files that could not be read. They are written anew.
  public var unreadable: [String] = []
  /// The time that opening took, in nanoseconds.
  public var nanoseconds: Int64 = 0

  /// Nothing found, nothing done.
  public init() {}
}
