import Foundation
import Strata
import StrataIO
import Testing

/// Random producers and transactions, against a model that is simple enough to be right.
@Suite struct TransactionModelTests {
  struct Entry {
    var value: String
    /// The transaction that it is part of.
    var transaction: Int?
    var isMarker = false
  }

  struct Run {
    var random: Random
    let scratch = Scratch()
    var configuration = LogConfiguration.small
    var log: Log
    var entries: [Entry] = []
    var outcome: [Int: Bool] = [:]
    var open: [(number: Int, transaction: Transaction)] = []
    var writer: IdempotentWriter?
    /// The last acknowledged batch of the writer.
    var last: (producer: Producer, value: String, offset: Int)?
    var steps: [String] = []
    var count = 0

    init(seed: UInt64) throws {
      random = Random(seed: seed)
      configuration.segmentBytes = 400 + random.below(1500)
      log = try Log.open(scratch("log"), configuration: configuration)
    }

    private mutating func value() -> String {
      count += 1
      return "value \(count)" + String(repeating: ".", count: random.below(90))
    }

    private var durability: Durability { count % 3 == 0 ? .buffered : .synced }

    mutating func step() throws {
      let choice = random.below(18)
      steps.append("\(choice)")
      switch choice {
      case 0...2:
        let value = value()
        try log.append(Record(value: value), durability: durability)
        entries.append(Entry(value: value))
      case 3...4: try once()
      case 5:
        open.append((count, try log.beginTransaction()))
        count += 1
      case 6...9:
        guard !open.isEmpty else { return }
        let value = value()
        let chosen = open[random.below(open.count)]
        let place = try chosen.transaction.append(Record(value: value))
        try #require(place.baseOffset.rawValue == Int64(entries.count), "\(steps)")
        entries.append(Entry(value: value, transaction: chosen.number))
      case 10...11: try end()
      case 12: try reopen()
      case 13:
        try log.flush()
        try check(isAllDurable: true)
      case 14: try truncate()
      case 15: try takeOver()
      case 16: try atOnce()
      default: try check(isAllDurable: false)
      }
      log.checkInvariants()
      try #require(log.logEndOffset.rawValue == Int64(entries.count), "\(steps)")
    }

    private mutating func once() throws {
      if writer == nil { writer = try log.makeWriter() }
      let (value, producer) = (value(), writer!.next)
      let place = try writer!.append(Record(value: value), durability: durability)
      try #require(!place.isDuplicate && place.baseOffset.rawValue == Int64(entries.count), "\(steps)")
      last = (producer, value, entries.count)
      entries.append(Entry(value: value))
      let again = try log.makeWriter(resuming: producer).append(Record(value: value))
      try #require(again.isDuplicate && again.baseOffset == place.baseOffset, "\(steps)")
    }

    private mutating func end() throws {
      guard !open.isEmpty else { return }
      let (number, transaction) = open.remove(at: random.below(open.count))
      let commits = Bool.random(using: &random)
      try commits ? transaction.commit(durability: durability) : transaction.abort(durability: durability)
      guard entries.contains(where: { $0.transaction == number }) else { return }
      outcome[number] = commits
      entries.append(Entry(value: "", transaction: number, isMarker: true))
    }

    /// Somebody else goes on as the producer of a transaction: that one is aborted, and its holder is told.
    private mutating func takeOver() throws {
      // Before its first record nobody knows the producer.
      let begun = open.indices.filter { place in entries.contains { $0.transaction == open[place].number } }
      guard let chosen = begun.randomElement(using: &random) else { return }
      let (number, transaction) = open.remove(at: chosen)
      let fenced: Int64
      if Bool.random(using: &random) {
        fenced = try log.makeWriter(takingOver: transaction.producerID).id
      } else {
        fenced = transaction.producerID
        try log.endTransaction(
          .abort, producerID: fenced, producerEpoch: transaction.producerEpoch + 1, durability: durability)
      }
      try #require(fenced == transaction.producerID, "\(steps)")
      outcome[number] = false
      entries.append(Entry(value: "", transaction: number, isMarker: true))
      try #require(code { try transaction.append(Record(value: "late")) } == .fencedProducer, "\(steps)")
    }

    /// A transaction that nothing comes between.
    private mutating func atOnce() throws {
      struct Stop: Error {}
      let (value, number, fails) = (value(), count, random.below(3) == 0)
      count += 1
      do {
        try log.withTransaction(durability: durability) { transaction in
          try transaction.append(Record(value: value))
          if fails { throw Stop() }
        }
      } catch is Stop {}
      entries.append(Entry(value: value, transaction: number))
      entries.append(Entry(value: "", transaction: number, isMarker: true))
      outcome[number] = !fails
    }

    private mutating func reopen() throws {
      if Bool.random(using: &random) { try log.close() }
      open = []
      writer = nil
      log = try Log.open(scratch("other"), configuration: configuration)
      log = try Log.open(scratch("log"), configuration: configuration)
      let undecided = entries.compactMap(\.transaction).filter { outcome[$0] == nil }
      for number in undecided where outcome[number] == nil {
        outcome[number] = false
        entries.append(Entry(value: "", transaction: number, isMarker: true))
      }
      if let last, last.offset < entries.count {
        let again = try log.makeWriter(resuming: last.producer).append(Record(value: last.value))
        try #require(again.isDuplicate && again.baseOffset.rawValue == Int64(last.offset), "\(steps)")
      }
    }

    private mutating func truncate() throws {
      let end = max(0, entries.count - random.below(20))
      guard end < entries.count else { return }
      try #require(try log.truncate(to: Offset(Int64(end))).rawValue == Int64(end), "\(steps)")
      for gone in entries[end...] where gone.isMarker { outcome[gone.transaction!] = nil }
      entries.removeSubrange(end...)
      // What they have written may be gone: others begin.
      open = []
      writer = nil
      if let known = last, known.offset >= end { last = nil }
      // Nobody ends the ones that are under way again but an opening.
      try reopen()
    }

    private func check(isAllDurable: Bool) throws {
      let undecided = entries.firstIndex { $0.transaction.map { outcome[$0] == nil } ?? false }
      let stable = Int(log.lastStableOffset.rawValue)
      try #require(stable <= undecided ?? entries.count, "\(steps)")
      if isAllDurable { try #require(stable == undecided ?? entries.count, "\(steps)") }
      let expected = entries.prefix(stable).filter { entry in
        !entry.isMarker && (entry.transaction.map { outcome[$0] == true } ?? true)
      }
      try #require(log.values(from: 0, isolation: .committed) == expected.map(\.value), "\(steps)")
      let reader = try Log.open(
        scratch("log"), configuration: configuration, access: .readOnly)
      let seen = try reader.values(from: 0, isolation: .committed)
      try #require(seen == Array(expected.map(\.value).prefix(seen.count)), "\(steps)")
      if isAllDurable { try #require(seen.count == expected.count, "\(steps)") }
    }
  }

  @Test(arguments: 0..<8) func randomTransactionsAreDecidedAsTheModelSays(number: Int) throws {
    let seed = seed() &+ UInt64(number)
    var run = try Run(seed: seed)
    for _ in 0..<120 {
      do { try run.step() } catch {
        Issue.record("STRATA_SEED=\(seed &- UInt64(number)), run \(number), after \(run.steps): \(error)")
        return
      }
    }
  }
}
