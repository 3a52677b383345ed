import Strata
import StrataIO
import StrataSimulation

/// What a workload has told its users, or has begun to do.
enum CrashPromise: Sendable {
  /// This value was given to an append; it gets the next offset.
  case attempted(String)
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
      promise(.truncated(end))
    case .close:
      try log!.close()
      promise(.closed)
      log = nil
    case .open: try open()
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

  /// Opens the log. What was open goes without a close, as with a process that is killed.
  func open() throws {
    log = nil
    let opened = try Log.open("log", configuration: configuration, environment: disk.environment)
    count = opened.logEndOffset.rawValue
    bases.removeAll { $0 >= count }
    promise(.found(count))
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
