import Strata
import StrataIO
import StrataSimulation

/// What a workload has told its users, or has begun to do.
enum CrashPromise: Sendable {
  /// This value was given to an append; it gets the next offset.
  case attempted(String, role: CrashRole = .plain)
  /// Every record before this offset was acknowledged as durable.
  case durable(Int64)
  /// An open has returned and found so many records: they are durable, and those behind are gone.
  case found(Int64)
  /// A close has returned: the next open has nothing to read.
  case closed
  /// A truncation to this offset has begun.
  case truncating(Int64)
  /// It has returned: the log ends here.
  case truncated(Int64)
}

/// What a record is in its log.
enum CrashRole: Hashable, Sendable {
  case plain
  /// A writer's, which must not be there twice. With its sequence number.
  case once(Producer)
  /// Part of a transaction.
  case transactional(Int)
  /// The end marker of a transaction.
  case end(Int, isCommitted: Bool)

  /// What a second, simple reader takes for the value of an end marker: its version and the coordinator's epoch, 0.
  static let markerValue = String(repeating: "\0", count: 6)
}

/// One operation of a workload. A further verb is one more case here, and one more in `CrashSession.run`.
enum CrashStep: String, Sendable, CaseIterable {
  case synced, buffered
  /// A record for which the segment has no room.
  case roll
  case flush, close
  /// Half of the log is taken back.
  case truncate
  /// After a close, or without one: then the process was killed.
  case open
  /// Two records in one batch.
  case pair
  /// A record of about a page, buffered.
  case page
  /// A sync fails, as it does on ext4; the process is killed, and starts again.
  case failedSync
  /// A writer's record, synced, and the same once more.
  case once
  /// A record, buffered, in the transaction that is under way, or in a new one.
  case inTransaction
  /// The transaction that is under way ends; durably.
  case commit, abort
  /// Zeros are written where the next records go, and the next segment's file is made.
  case prepare

  /// The verbs whose every sequence is tried.
  static let verbs: [CrashStep] = [.synced, .buffered, .roll, .flush, .truncate, .close, .open]

  /// Whether it makes sense behind `earlier`: behind a close only an open does.
  func follows(_ earlier: [CrashStep]) -> Bool {
    earlier.last == .close ? self == .open : true
  }

  /// Every sequence of exactly `count` verbs.
  static func sequences(_ count: Int) -> [[CrashStep]] {
    guard count > 0 else { return [[]] }
    return sequences(count - 1).flatMap { earlier in
      verbs.filter { $0.follows(earlier) }.map { earlier + [$0] }
    }
  }

  /// A sequence of `count` operations that the generator draws.
  static func random(_ count: Int, _ random: inout Random) -> [CrashStep] {
    var steps: [CrashStep] = []
    while steps.count < count {
      let step = allCases[random.below(allCases.count)]
      if step.follows(steps) { steps.append(step) }
    }
    return steps
  }
}

extension LogConfiguration {
  /// Two small records fill a segment, and every second one has an index entry.
  static var crash: LogConfiguration {
    var configuration = LogConfiguration()
    configuration.segmentBytes = 170
    configuration.indexIntervalBytes = 60
    configuration.indexBytes = 4 << 10
    configuration.segmentMilliseconds = nil
    return configuration
  }

  /// The same with another way of making records' space ready, and of putting them there.
  static func crash(_ preparation: SegmentPreparation, _ writing: WritingMode) -> LogConfiguration {
    var configuration = crash
    configuration.preparation = preparation
    configuration.writing = writing
    return configuration
  }
}

/// A program on a disk that may crash: carries steps out, and says what it has promised. One thread at a time has
/// it.
final class CrashSession: @unchecked Sendable {
  let disk: SimulatedDisk
  let configuration: LogConfiguration
  var promises: [CrashPromise] = []
  private var log: Log?
  private var count: Int64 = 0
  /// The first offset of each batch.
  private var bases: [Int64] = []
  private var values = 0
  private var writer: IdempotentWriter?
  private var transaction: (number: Int, transaction: Transaction)?
  /// The transactions that were begun, by their first offsets, as long as nobody has ended them.
  private var begun: [Int64: Int] = [:]
  private var transactions = 0
  var promiseAlso: (CrashPromise) -> Void = { _ in }

  init(_ disk: SimulatedDisk, configuration: LogConfiguration = .crash) {
    self.disk = disk
    self.configuration = configuration
  }

  private func promise(_ promise: CrashPromise) {
    promises.append(promise)
    promiseAlso(promise)
  }

  func run(_ steps: some Sequence<CrashStep>) throws {
    for step in steps { try run(step) }
  }

  func run(_ step: CrashStep) throws {
    switch step {
    case .synced: try append(1, .synced)
    case .buffered: try append(1, .buffered)
    case .pair: try append(2, .synced)
    case .roll: try append(1, .buffered, size: 120)
    case .page: try append(1, .buffered, size: 4000)
    case .flush:
      try log!.flush()
      promise(.durable(count))
    case .truncate:
      // Only `pair` writes more than one record to a batch; a batch goes as a whole.
      let end = bases.last { $0 <= count / 2 } ?? 0
      promise(.truncating(end))
      let found = try log!.truncate(to: Offset(count / 2))
      guard found.rawValue == end else { throw BrokenPromise("truncated to \(found) instead of \(end)") }
      bases.removeAll { $0 >= end }
      count = end
      // Part of what they have written may be gone: others begin.
      (writer, transaction) = (nil, nil)
      promise(.truncated(end))
    case .close:
      try log!.close()
      promise(.closed)
      letGo()
    case .once: try appendOnce()
    case .inTransaction: try appendInTransaction()
    case .commit: try end(true)
    case .abort: try end(false)
    case .open: try open()
    case .prepare: try log!.prepare()
    case .failedSync:
      disk.add(FaultRule(.failedSync(.ext4), on: [.synchronize], pathSuffix: ".log"))
      let failure = code { try append(1, .synced) }
      // The segment may have ended with that record: then the roll's sync has failed, or the append's.
      guard failure == .poisoned else {
        throw BrokenPromise("a failed sync was answered with \(failure, "nothing")")
      }
      disk.removeFaults()
      try open()
    }
  }

  private func append(_ count: Int, _ durability: Durability, size: Int = 0) throws {
    let records = (0..<count).map { _ in
      values += 1
      let text = "value \(values)"
      return text + String(repeating: ".", count: max(0, size - text.utf8.count))
    }
    for value in records { promise(.attempted(value)) }
    // One that fails may be there all the same when the log is opened again.
    bases.append(self.count)
    let place = try log!.append(records.map { Record(value: $0) }, durability: durability)
    self.count = place.lastOffset.rawValue + 1
    if durability == .synced { promise(.durable(self.count)) }
  }

  private func appendOnce() throws {
    if writer == nil { writer = try log!.makeWriter() }
    values += 1
    let value = "value \(values)"
    let producer = writer!.next
    promise(.attempted(value, role: .once(producer)))
    bases.append(count)
    let place = try writer!.append(Record(value: value))
    count = place.lastOffset.rawValue + 1
    promise(.durable(count))
    let again = try log!.makeWriter(resuming: producer).append(Record(value: value))
    try expect(again.isDuplicate && again.baseOffset == place.baseOffset, "appended twice: \(again)")
  }

  private func appendInTransaction() throws {
    if transaction == nil {
      transactions += 1
      transaction = (transactions, try log!.beginTransaction())
      begun[count] = transactions
    }
    values += 1
    promise(.attempted("value \(values)", role: .transactional(transaction!.number)))
    bases.append(count)
    let place = try transaction!.transaction.append(Record(value: "value \(values)"))
    count = place.lastOffset.rawValue + 1
  }

  private func end(_ isCommitted: Bool) throws {
    if transaction == nil { try appendInTransaction() }
    let (number, ending) = transaction!
    promise(.attempted(CrashRole.markerValue, role: .end(number, isCommitted: isCommitted)))
    bases.append(count)
    try isCommitted ? ending.commit() : ending.abort()
    count = log!.logEndOffset.rawValue
    transaction = nil
    promise(.durable(count))
  }

  private func letGo() {
    (log, writer, transaction) = (nil, nil, nil)
  }

  /// Opens the log. What was open goes without a close, as with a process that is killed. Transactions that it had
  /// under way are aborted.
  func open() throws {
    letGo()
    let opened = try Log.openUndecided("log", configuration: configuration, environment: disk.environment)
    count = opened.logEndOffset.rawValue
    bases.removeAll { $0 >= count }
    promise(.found(count))
    for open in opened.openTransactions {
      let number = begun[open.firstOffset.rawValue]
      try expect(number != nil, "a transaction that nobody has begun: \(open)")
      promise(.attempted(CrashRole.markerValue, role: .end(number!, isCommitted: false)))
      bases.append(count)
      count += 1
    }
    if count > opened.logEndOffset.rawValue {
      try opened.abortAbandonedTransactions()
      promise(.durable(count))
    }
    log = opened
  }
}

extension DefaultStringInterpolation {
  mutating func appendInterpolation(_ code: LogError.Code?, _ otherwise: String) {
    appendInterpolation(code.map(\.description) ?? otherwise)
  }
}

/// A promise that was not kept, in words.
struct BrokenPromise: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Throws where `condition` does not hold.
func expect(_ condition: Bool, _ words: @autoclosure () -> String) throws {
  if !condition { throw BrokenPromise(words()) }
}
