import Foundation
import Strata
import StrataIO
import Testing

/// Random operations on a directory and transactions over its logs, against a model that is simple enough to be right.
@Suite struct DirectoryModelTests {
  private struct Entry {
    var value: String
    /// The transaction that it is part of, or that it ends.
    var transaction: Int?
    var isMarker = false
  }

  private struct Open {
    var number: Int
    var transaction: DirectoryTransaction
    var logs: Set<String> = []
    /// A log that it had records in is gone: it can only be aborted.
    var isBroken = false
  }

  private struct Run {
    var random: Random
    let scratch = Scratch()
    var configuration = LogDirectoryConfiguration.small
    var directory: LogDirectory
    var entries: [String: [Entry]] = [:]
    var outcome: [Int: Bool] = [:]
    var open: [Open] = []
    var steps: [String] = []
    var count = 0

    static let names = ["a-0", "b-0", "b-1", "c-7"]

    init(seed: UInt64) throws {
      random = Random(seed: seed)
      configuration.log.segmentBytes = 400 + random.below(1500)
      configuration.maximumAwakeLogs = 1 + random.below(4)
      directory = try LogDirectory.open(scratch("data"), configuration: configuration)
    }

    private mutating func value() -> String {
      count += 1
      return "value \(count)" + String(repeating: ".", count: random.below(90))
    }

    private mutating func name() -> String { Self.names[random.below(Self.names.count)] }
    private var durability: Durability { count % 3 == 0 ? .synced : .buffered }

    mutating func step() throws {
      let choice = random.below(24)
      steps.append("\(choice)")
      switch choice {
      case 0...3: try append()
      case 4...5:
        open.append(Open(number: count, transaction: try directory.beginTransaction()))
        count += 1
      case 6...11: try appendInTransaction()
      case 12...14: try end()
      case 15: try atOnce()
      case 16: try reopen()
      case 17: try delete()
      case 18: try directory.checkpoint()
      case 19: try snapshot()
      case 20: for task in MaintenanceTask.allCases { directory.maintain(task) }
      case 21:
        for name in directory.logs { try directory.log(for: name).flush() }
        try check(isAllDurable: true)
      default: try check(isAllDurable: false)
      }
      for (name, entries) in entries {
        let end = try directory.log(for: name).logEndOffset.rawValue
        try #require(end == Int64(entries.count), "\(name): \(steps)")
      }
    }

    private mutating func append() throws {
      let (name, value) = (name(), value())
      let place = try directory.log(for: name).append(Record(value: value), durability: durability)
      try #require(place.baseOffset.rawValue == Int64(entries[name]?.count ?? 0), "\(steps)")
      entries[name, default: []].append(Entry(value: value))
    }

    private mutating func appendInTransaction() throws {
      guard !open.isEmpty else { return }
      let (chosen, name, value) = (random.below(open.count), name(), value())
      let transaction = open[chosen].transaction
      if open[chosen].isBroken { return }
      try transaction.append(Record(value: value), to: name, durability: durability)
      open[chosen].logs.insert(name)
      entries[name, default: []].append(Entry(value: value, transaction: open[chosen].number))
    }

    private mutating func mark(_ number: Int, in logs: some Sequence<String>, _ commits: Bool) {
      outcome[number] = commits
      for name in logs where entries[name] != nil {
        entries[name]!.append(Entry(value: "", transaction: number, isMarker: true))
      }
    }

    private mutating func end() throws {
      guard !open.isEmpty else { return }
      let ended = open.remove(at: random.below(open.count))
      let logs = ended.logs.filter { name in
        (entries[name] ?? []).contains { $0.transaction == ended.number }
      }
      if ended.isBroken {
        let refusal = code { try ended.transaction.commit() }
        try #require(refusal == .closed, "\(String(describing: refusal)): \(steps)")
      }
      let commits = !ended.isBroken && random.below(3) > 0
      try commits ? ended.transaction.commit(durability: durability) : ended.transaction.abort()
      mark(ended.number, in: logs, commits)
    }

    /// A transaction that nothing comes between.
    private mutating func atOnce() throws {
      struct Stop: Error {}
      let (values, number, fails) = ((0..<3).map { _ in value() }, count, random.below(3) == 0)
      count += 1
      let names = Self.names.prefix(3)
      do {
        try directory.withTransaction(durability: durability) { transaction in
          for (name, value) in zip(names, values) { try transaction.append(Record(value: value), to: name) }
          if fails { throw Stop() }
        }
      } catch is Stop {}
      for (name, value) in zip(names, values) {
        entries[name, default: []].append(Entry(value: value, transaction: number))
      }
      mark(number, in: names, !fails)
    }

    private mutating func delete() throws {
      guard let name = entries.keys.sorted().randomElement(using: &random) else { return }
      try directory.delete(name)
      entries[name] = nil
      for place in open.indices where open[place].logs.contains(name) { open[place].isBroken = true }
    }

    private mutating func reopen() throws {
      let isClean = Bool.random(using: &random)
      if isClean { try directory.close() }
      open = []
      directory = try LogDirectory.open(scratch("other"), configuration: configuration)
      // What is under way is aborted by whoever opens a log first.
      var undecided: [(String, Int)] = []
      for (name, entries) in entries {
        for number in Set(entries.compactMap(\.transaction)) where outcome[number] == nil {
          undecided.append((name, number))
        }
      }
      for (name, number) in undecided { mark(number, in: [name], false) }
      if let name = entries.keys.sorted().randomElement(using: &random), Bool.random(using: &random) {
        let alone = try Log.open(scratch("data/" + name), configuration: configuration.log)
        try #require(alone.openTransactions.isEmpty, "\(steps)")
        let committed = try alone.values(from: 0, isolation: .committed)
        try #require(committed == expected(name, alone.logEndOffset), "\(name) alone: \(steps)")
      }
      directory = try LogDirectory.open(scratch("data"), configuration: configuration)
      try #require(directory.recoveryReport.failures.isEmpty, "\(steps)")
      try #require(directory.logs == entries.keys.sorted(), "\(steps)")
    }

    /// The values that count below an offset.
    private func expected(_ name: String, _ end: Offset) -> [String] {
      entries[name]!.prefix(Int(end.rawValue)).filter { entry in
        !entry.isMarker && entry.transaction.map { outcome[$0] == true } ?? true
      }.map(\.value)
    }

    private mutating func snapshot() throws {
      count += 1
      var ends: [String: Offset] = [:]
      for name in directory.logs { ends[name] = try directory.log(for: name).recoveryPoint }
      try directory.snapshot(to: scratch("copy \(count)"))
      let copy = try LogDirectory.open(scratch("copy \(count)"), configuration: configuration)
      try #require(copy.logs == directory.logs && copy.recoveryReport.wasClean, "\(steps)")
      for name in copy.logs {
        let log = try copy.log(for: name)
        try #require(log.openTransactions.isEmpty && log.logEndOffset >= ends[name]!, "\(name): \(steps)")
        // What fell asleep meanwhile got durable.
        let unsure = mayBeAborted(name, ends[name]!)
        let values = try log.values(from: 0, isolation: .committed).filter { !unsure.contains($0) }
        let least = expected(name, ends[name]!).filter { !unsure.contains($0) }
        let most = expected(name, .max).filter { !unsure.contains($0) }
        try #require(values.starts(with: least), "\(name) in the copy: \(steps)")
        try #require(most.starts(with: values), "\(name) in the copy: \(steps)")
      }
      try copy.close()
    }

    /// Values of transactions in one log alone, whose end marker was not durable there: a commit that was buffered.
    private func mayBeAborted(_ name: String, _ durableEnd: Offset) -> Set<String> {
      let late = entries[name]!.enumerated().filter { $1.isMarker && $0 >= durableEnd.rawValue }
      let alone = late.compactMap(\.element.transaction).filter { number in
        entries.values.count { $0.contains { $0.transaction == number } } == 1
      }
      return Set(entries[name]!.filter { $0.transaction.map { alone.contains($0) } ?? false }.map(\.value))
    }

    func check(isAllDurable: Bool) throws {
      for (name, entries) in entries {
        let log = try directory.log(for: name)
        log.checkInvariants()
        let undecided = entries.firstIndex { $0.transaction.map { outcome[$0] == nil } ?? false }
        let stable = log.lastStableOffset
        try #require(stable.rawValue <= Int64(undecided ?? entries.count), "\(name): \(steps)")
        if isAllDurable {
          try #require(stable.rawValue == Int64(undecided ?? entries.count), "\(name): \(steps)")
        }
        let found = try log.values(from: 0, isolation: .committed)
        try #require(found == expected(name, stable), "\(name): \(steps)")
        let all = try log.values(from: 0)
        try #require(
          all.filter { $0.hasPrefix("value") } == entries.filter { !$0.isMarker }.map(\.value), "\(steps)")
      }
    }
  }

  @Test(arguments: 0..<6) func aDirectoryDoesWhatTheModelDoes(number: Int) async throws {
    let seed = seed() &+ UInt64(number)
    var run = try Run(seed: seed)
    do {
      for _ in 0..<120 { try run.step() }
      // Its upkeep changes nothing that counts.
      run.directory.maintain(.transactions)
      let upkeep = Task { [directory = run.directory] in await directory.run() }
      try await Task.sleep(for: .milliseconds(20))
      upkeep.cancel()
      await upkeep.value
      try run.check(isAllDurable: false)
    } catch {
      Issue.record("STRATA_SEED=\(seed &- UInt64(number)), run \(number), after \(run.steps): \(error)")
    }
  }
}
