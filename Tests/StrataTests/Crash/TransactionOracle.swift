import Strata
import StrataIO
import StrataRecords
import StrataSimulation

/// Tells whether what a crash has left of transactions over several logs is all or nothing of each, whichever log is
/// opened first.
struct TransactionOracle {
  private struct Truth {
    /// The values in each log, in their order.
    var values: [String: [String]] = [:]
    var mayCount = false
    var counts = false
    var isAborted = false
  }

  private var truths: [Int: Truth] = [:]
  private var plain: [String: [String]] = [:]
  /// Logs whose deletion has begun: what was in them before may be gone.
  private var deleted: [String: Set<String>] = [:]

  init(_ promises: [TransactionPromise]) {
    for promise in promises { take(promise) }
  }

  private mutating func take(_ promise: TransactionPromise) {
    switch promise {
    case .attempted(let number, let name, let value):
      truths[number, default: Truth()].values[name, default: []].append(value)
    case .plain(let name, let value): plain[name, default: []].append(value)
    case .committing(let number): truths[number, default: Truth()].mayCount = true
    case .committed(let number): truths[number]!.counts = true
    case .aborted(let number): truths[number]!.isAborted = true
    case .deleting(let name):
      let gone = truths.values.flatMap { $0.values[name] ?? [] } + (plain[name] ?? []) + ["first"]
      deleted[name, default: []].formUnion(gone)
    }
  }

  /// In which order the logs of a directory are opened after a crash.
  enum Opening: CaseIterable {
    case directory, oneAlone, allAlone
  }

  func check(_ disk: SimulatedDisk, _ openings: [Opening] = Opening.allCases) throws {
    try checkReaders(disk.fork())
    for opening in openings {
      do { try check(disk.fork(), opening) } catch { throw BrokenPromise("\(opening) first: \(error)") }
    }
  }

  private static func open(_ disk: SimulatedDisk) throws -> LogDirectory {
    try LogDirectory.open(
      "data", configuration: TransactionWorkload.configuration(), environment: disk.environment)
  }

  private func existing(_ disk: SimulatedDisk) -> [String] {
    TransactionWorkload.logs.filter { name in
      disk.listing().contains { $0.hasPrefix("data/\(name)/") }
    }
  }

  private func check(_ disk: SimulatedDisk, _ opening: Opening) throws {
    var alone: [String: [String]] = [:]
    let names = existing(disk)
    switch opening {
    case .directory: break
    case .oneAlone: alone = try openAlone(names.suffix(1), disk)
    case .allAlone:
      // Side by side: each holds its folder, and all of them the one above.
      alone = try openAlone(names.reversed(), disk)
      try check(alone)
    }
    let directory = try Self.open(disk)
    let report = directory.recoveryReport
    try expect(
      report.failures.isEmpty && report.transactionFailure == nil && report.foreign.isEmpty, "\(report)")
    var found: [String: [String]] = [:]
    for name in directory.logs {
      let log = try directory.log(for: name)
      log.checkInvariants()
      try expect(log.openTransactions.isEmpty, "\(name) has \(log.openTransactions) under way")
      try expect(
        log.lastStableOffset == log.logEndOffset, "\(name) is stable to \(log.lastStableOffset) only")
      found[name] = try log.values(from: 0, isolation: .committed)
      if let alone = alone[name] {
        try expect(alone == found[name], "\(name) had \(alone) alone, and has \(found[name]!)")
      }
    }
    try check(found)
    try goOn(directory, found, disk)
  }

  private func openAlone(_ names: some Sequence<String>, _ disk: SimulatedDisk) throws -> [String: [String]] {
    var logs: [String: Log] = [:]
    for name in names {
      logs[name] = try Log.open("data/" + name, configuration: .crash, environment: disk.environment)
    }
    return try logs.mapValues { log in
      try expect(log.openTransactions.isEmpty, "\(log.path) has \(log.openTransactions) under way")
      return try log.values(from: 0, isolation: .committed)
    }
  }

  /// All or nothing of each, and nothing of whom nobody has committed.
  private func check(_ found: [String: [String]]) throws {
    for (number, truth) in truths {
      var (seen, missing): ([String], [String]) = ([], [])
      for (name, values) in truth.values {
        let gone = deleted[name] ?? []
        let there = (found[name] ?? []).filter(values.contains)
        try expect(there == values.filter(there.contains), "\(name) has \(there) in another order")
        seen += there
        missing += values.filter { !there.contains($0) && !gone.contains($0) }
      }
      try expect(
        seen.isEmpty || missing.isEmpty, "of transaction \(number) \(missing) is missing, \(seen) is there")
      try expect(
        missing.isEmpty || !truth.counts, "transaction \(number) was committed, and \(missing) is missing")
      try expect(
        seen.isEmpty || (truth.mayCount && !truth.isAborted), "of transaction \(number) there is \(seen)")
    }
    for (name, values) in plain {
      let gone = deleted[name] ?? []
      let lost = values.filter { !gone.contains($0) && !(found[name] ?? []).contains($0) }
      try expect(lost.isEmpty, "\(name) has lost \(lost)")
    }
    for (name, values) in found {
      let written = (plain[name] ?? []) + truths.values.flatMap { $0.values[name] ?? [] } + ["first"]
      // The last attempt of a plain record is not promised.
      let others = values.filter { !written.contains($0) && !$0.hasPrefix("value") }
      try expect(others.isEmpty && Set(values).count == values.count, "\(name) has \(values)")
    }
  }

  /// Who only reads changes nothing, so it may see less; but nothing that does not count.
  private func checkReaders(_ disk: SimulatedDisk) throws {
    for name in existing(disk) where disk.contents(of: "data/\(name)/00000000000000000000.log") != nil {
      let log = try Log.open(
        "data/" + name, configuration: .crash, access: .readOnly, environment: disk.environment)
      let values = try log.values(from: 0, isolation: .committed)
      for (number, truth) in truths where !truth.mayCount || truth.isAborted {
        let seen = (truth.values[name] ?? []).filter(values.contains)
        try expect(seen.isEmpty, "a reader sees \(seen) of transaction \(number)")
      }
    }
  }

  private func goOn(
    _ directory: LogDirectory, _ before: [String: [String]], _ disk: SimulatedDisk
  ) throws {
    var expected = before
    try directory.withTransaction { transaction in
      for name in TransactionWorkload.logs {
        try transaction.append(Record(value: "after"), to: name)
        expected[name, default: []].append("after")
      }
    }
    try directory.close()
    let again = try Self.open(disk)
    try expect(again.recoveryReport.wasClean, "closed, and not clean")
    for (name, values) in expected {
      let found = try again.log(for: name).values(from: 0, isolation: .committed)
      try expect(found == values, "\(name) has \(found), \(values) before")
    }
  }
}
