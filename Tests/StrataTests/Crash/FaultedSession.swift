import Strata
import StrataIO
import StrataSimulation

/// A program on a disk one call of which fails. After every failure the log has to go on, or to be poisoned until
/// it is opened again; nothing acknowledged may be lost, whatever becomes of the disk afterwards.
struct FaultedSession {
  let disk: SimulatedDisk
  var configuration = LogConfiguration.crash
  private var log: Log?
  /// What each offset may be the name of.
  private var attempts: [Int64: Set<String>] = [:]
  /// What each offset names now.
  private var written: [Int64: String] = [:]
  /// What each offset names for ever.
  private var durable: [Int64: String] = [:]
  private var values = 0

  init(_ disk: SimulatedDisk) {
    self.disk = disk
  }

  /// Carries `steps` out, and looks at the disk afterwards: with the process killed, with the page cache evicted,
  /// and with the power lost.
  mutating func run(_ steps: [CrashStep]) throws {
    try open()
    for step in steps {
      do { try run(step) } catch let error as LogError {
        try expect(Self.expected.contains(error.code), "\(step.rawValue) was answered with \(error)")
        try goOn(after: error)
      }
    }
    disk.removeFaults()
    try checkReadable()
    log = nil
    try expect(disk.leaks == nil, "left open: \(disk.leaks ?? "")")
    try check(disk.fork(), "killed")
    let evicted = disk.fork()
    evicted.evictCleanPages()
    try check(evicted, "evicted")
    let states = disk.survivingStates()
    for seed in UInt64(0)..<6 {
      try check(disk.restarted(into: states.sample(seed: seed)), "without power, sample \(seed)")
    }
  }

  /// What a failing disk may be answered with.
  private static let expected: Set<LogError.Code> = [.io, .noSpace, .poisoned]

  private mutating func run(_ step: CrashStep) throws {
    switch step {
    case .synced: try append(.synced)
    case .buffered: try append(.buffered)
    case .roll: try append(.buffered, size: 120)
    case .flush:
      try log!.flush()
      durable = written
    case .close:
      let closing = log!
      log = nil
      try closing.close()
      durable = written
    case .truncate:
      // What goes is no longer promised, from the moment on at which it begins to.
      let end = (log!.logEndOffset.rawValue) / 2
      durable = durable.filter { $0.key < end }
      try log!.truncate(to: Offset(end))
      written = written.filter { $0.key < end }
      durable = written
    case .open: try open()
    case .prepare: try log!.prepare()
    case .pair, .page, .failedSync, .once, .inTransaction, .commit, .abort:
      preconditionFailure("not a verb whose calls are failed")
    }
  }

  private mutating func append(_ durability: Durability, size: Int = 0) throws {
    let log = log!
    values += 1
    let text = "value \(values)"
    let value = text + String(repeating: ".", count: max(0, size - text.utf8.count))
    let offset = log.logEndOffset.rawValue
    attempts[offset, default: []].insert(value)
    defer { if log.logEndOffset.rawValue > offset { written[offset] = value } }
    let place = try log.append(Record(value: value), durability: durability)
    try expect(place.baseOffset.rawValue == offset, "offset \(place.baseOffset) instead of \(offset)")
    written[offset] = value
    if durability == .synced { durable = written }
  }

  /// Opens the log, twice where the first time fails.
  private mutating func open() throws {
    log = nil
    do { try openOnce() } catch let error as LogError {
      log = nil
      try expect(Self.expected.contains(error.code), "opening was answered with \(error)")
      try expect(disk.leaks == nil, "a failed open left open: \(disk.leaks ?? "")")
      try openOnce()
    }
  }

  private mutating func openOnce() throws {
    let opened = try Log.open("log", configuration: configuration, environment: disk.environment)
    written = try found(in: opened)
    durable = written
    log = opened
  }

  /// What a log has, which has to be what it was given.
  private func found(in log: Log) throws -> [Int64: String] {
    log.checkInvariants()
    var found: [Int64: String] = [:]
    for (place, record) in try log.all(from: 0, isolation: .durable).enumerated() {
      let value = String(decoding: record.record.value ?? [], as: UTF8.self)
      try expect(record.offset == Int64(place), "offset \(record.offset) at place \(place)")
      try expect(
        attempts[record.offset]?.contains(value) ?? false, "\(value) at \(record.offset) was never written")
      found[record.offset] = value
    }
    for (offset, value) in durable {
      try expect(
        found[offset] == value, "\(value) at \(offset) is lost; \(found[offset] ?? "nothing") is there")
    }
    return found
  }

  /// The log is as usable as before, or poisoned: then it says so until it is opened again.
  private mutating func goOn(after error: LogError) throws {
    guard log != nil else { return try open() }
    try checkReadable()
    do { try append(.synced) } catch let second as LogError {
      try expect(second.code == .poisoned, "after \(error) the next append was answered with \(second)")
      let third = code { try append(.buffered) }
      try expect(third == .poisoned, "poisoned, and an append was answered with \(third, "success")")
      try checkReadable()
      return try open()
    }
    try expect(error.code != .poisoned, "poisoned, and the next append was acknowledged")
  }

  /// What was durable can be read.
  private func checkReadable() throws {
    guard let log else { return }
    do { _ = try found(in: log) } catch let error as LogError {
      // The fault that was waiting may have met this read; the next one it does not.
      try expect(error.code == .io, "reading was answered with \(error)")
      _ = try found(in: log)
    }
  }

  /// Opens what is left, and goes on.
  private func check(_ disk: SimulatedDisk, _ what: String) throws {
    do {
      let log = try Log.open("log", configuration: configuration, environment: disk.environment)
      let end = Int64(try found(in: log).count)
      let place = try log.append(Record(value: "after"))
      try expect(place.baseOffset.rawValue == end, "goes on at \(place.baseOffset) instead of \(end)")
      try log.close()
    } catch { throw BrokenPromise("\(what): \(error)") }
  }
}
