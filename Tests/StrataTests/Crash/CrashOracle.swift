import Strata
import StrataIO
import StrataSimulation

/// Tells whether what a crash has left keeps what was promised.
///
/// Every record acknowledged as durable is there with its offset; what else is there is a prefix of what was
/// written; no (epoch, offset) names two records; recovering twice is recovering once; the report is the truth;
/// Kafka's loader would find a whole log too, before and after; the durable point claims no more than there is; and
/// the log goes on.
struct CrashOracle: Sendable {
  var configuration = LogConfiguration.crash
  /// What lay in the folder before the workload: none of its bytes may vanish without a copy.
  var initial: [String: [UInt8]] = [:]
  /// The values that the folder had before the workload, by offset.
  var initialValues: [String] = []
  /// Whether another program wrote the folder, and synchronised nothing.
  var isForeign = false
  /// Whether the log that goes on loses its power once more.
  var crashesAgain = false

  /// What the promises come to.
  struct Truth {
    var attempted: [String]
    var roles: [CrashRole]
    var durable: Int64 = 0
    var isClosed = false
    /// The least leader epoch of each record, by the truncations before it.
    var epochs: [Int32]
    /// How many truncations have taken something back.
    var truncations: Int32 = 0
    /// How much was durable when a truncation began that has not returned.
    var durableBefore: Int64 = 0

    init(_ promises: [CrashPromise], initially values: [String]) {
      attempted = values
      roles = values.map { _ in .plain }
      epochs = values.map { _ in 0 }
      for promise in promises {
        isClosed = false
        switch promise {
        case .attempted(let value, let role):
          attempted.append(value)
          roles.append(role)
          epochs.append(truncations)
        case .durable(let end): durable = max(durable, end)
        case .found(let end):
          attempted.removeSubrange(Int(end)...)
          roles.removeSubrange(Int(end)...)
          epochs.removeSubrange(Int(end)...)
          durable = end
        case .truncating(let end):
          (durableBefore, durable) = (durable, min(durable, end))
        case .truncated(let end):
          if end < attempted.count { truncations += 1 }
          attempted.removeSubrange(Int(end)...)
          roles.removeSubrange(Int(end)...)
          epochs.removeSubrange(Int(end)...)
          (durableBefore, durable) = (0, end)
        case .closed: (isClosed, durable) = (true, Int64(attempted.count))
        }
      }
    }
  }

  func check(_ survivor: CrashSurvivor<CrashPromise>) throws {
    let disk = survivor.disk
    let truth = Truth(survivor.promises, initially: initialValues)
    let before = disk.folder("log")
    try checkStored(before, truth, "before recovery")
    try checkDurablePoint(before)

    var log: Log?
    try Log.reopen(&log, configuration, disk.environment)
    log!.checkInvariants()
    let report = log!.recoveryReport
    let values = try checkValues(log!, truth)
    if !isForeign {
      try checkCommitted(log!, truth, values)
      try checkOnce(log!, truth, values)
    }
    let after = disk.folder("log")
    if truth.isClosed { try expect(report.wasClean, "closed, and read again all the same") }
    try RecoveryTruth(before: before, after: after, calls: disk.calls).check(report)
    try checkNothingVanished(after)

    try Log.reopen(&log, configuration, disk.environment)
    let again = log!.recoveryReport
    try expect(log!.values(from: 0, isolation: .durable) == values, "recovering twice finds something else")
    try expect(again.cutBytes == 0 && again.quarantined.isEmpty, "the second recovery cut: \(again)")

    try log!.append(Record(value: "after"))
    try log!.append(Record(value: "then"), durability: .buffered)
    let more = values + ["after", "then"]
    try checkNames(
      disk.folder("log"), earlier: before.names.merging(StoredFolder(files: initial).names) { $1 })
    try checkEpochs(disk.folder("log"), truth, end: values.count)
    if crashesAgain { try checkAnotherCrash(disk, durable: values + ["after"], attempted: more) }
    try log!.close()
    let kafka = KafkaLoader(disk.folder("log"))
    try expect(kafka.records.map(\.value) == more, "Kafka finds \(kafka.records.count) of \(more.count)")
    try Log.reopen(&log, configuration, disk.environment)
    try expect(log!.recoveryReport.wasClean, "closed, and read again: \(log!.recoveryReport)")
    try expect(log!.values(from: 0) == more, "closing has changed what is there")
    if !log!.openTransactions.isEmpty { try checkAbandoned(&log, more, disk.environment) }
  }

  /// Transactions whose program is gone are aborted, and what lies behind them is seen.
  private func checkAbandoned(_ log: inout Log?, _ values: [String], _ environment: LogEnvironment) throws {
    let open = log!.openTransactions.count
    log = nil
    log = try Log.open("log", configuration: configuration, environment: environment)
    let markers = [String](repeating: CrashRole.markerValue, count: open)
    try expect(log!.values(from: 0) == values + markers, "ended otherwise")
    try expect(log!.lastStableOffset == log!.logEndOffset, "stable to \(log!.lastStableOffset)")
    try expect(log!.values(from: 0, isolation: .committed).suffix(2) == ["after", "then"], "not seen")
  }

  /// All that can be read, from every offset.
  private func checkValues(_ log: Log, _ truth: Truth) throws -> [String] {
    let values = try log.values(from: 0, isolation: .durable)
    // Of what nobody has synchronised anything may be missing, a whole segment too.
    if isForeign, truth.durable == 0 { return values }
    try expect(values.count >= truth.durable, "\(truth.durable) were acknowledged, \(values.count) are there")
    try expect(values == Array(truth.attempted.prefix(values.count)), "other records: \(values)")
    try expect(log.logEndOffset.rawValue == Int64(values.count), "ends at \(log.logEndOffset)")
    for offset in values.indices {
      let rest = try log.values(from: Offset(Int64(offset)), isolation: .durable)
      try expect(rest == Array(values[offset...]), "from \(offset) on \(rest)")
    }
    return values
  }

  /// Who reads what is committed sees what is decided, up to the first transaction that is not, and nothing that was
  /// aborted.
  private func checkCommitted(_ log: Log, _ truth: Truth, _ values: [String]) throws {
    let roles = truth.roles.prefix(values.count)
    var isCommitted: [Int: Bool] = [:]
    for role in roles { if case .end(let number, let commits) = role { isCommitted[number] = commits } }
    var expected: [String] = []
    for (value, role) in zip(values, roles) {
      switch role {
      case .plain, .once: expected.append(value)
      case .end: continue
      case .transactional(let number):
        if isCommitted[number] == true { expected.append(value) }
      }
    }
    let undecided = roles.firstIndex { role in
      if case .transactional(let number) = role { return isCommitted[number] == nil }
      return false
    }
    try expect(
      log.lastStableOffset.rawValue == Int64(undecided ?? values.count), "stable to \(log.lastStableOffset)")
    if let undecided {
      let decided = zip(values, roles).prefix(undecided)
      expected = decided.compactMap { value, role in
        switch role {
        case .plain, .once: value
        case .transactional(let number): isCommitted[number]! ? value : nil
        case .end: nil
        }
      }
    }
    let seen = try log.values(from: 0, isolation: .committed)
    try expect(seen == expected, "committed are \(expected), seen \(seen)")
  }

  /// The last record of each writer is known again.
  private func checkOnce(_ log: Log, _ truth: Truth, _ values: [String]) throws {
    var last: [Int64: (place: Int, producer: Producer)] = [:]
    for (place, role) in truth.roles.prefix(values.count).enumerated() {
      if case .once(let producer) = role { last[producer.id] = (place, producer) }
    }
    for (place, producer) in last.values {
      let again = try log.makeWriter(resuming: producer).append(Record(value: values[place]))
      try expect(
        again.isDuplicate && again.baseOffset.rawValue == Int64(place),
        "\(producer) at \(place) was appended once more: \(again)")
    }
  }

  /// Kafka's loader finds every durable record, and nothing that was not written.
  private func checkStored(_ folder: StoredFolder, _ truth: Truth, _ moment: String) throws {
    guard !isForeign else { return }
    let kafka = KafkaLoader(folder)
    if let refusal = kafka.refusal { throw BrokenPromise("Kafka refuses it \(moment): \(refusal)") }
    // A folder that was damaged before is none that Kafka has to find whole.
    guard initial.isEmpty else { return }
    let records = kafka.records
    try expect(records.count >= truth.durable, "Kafka finds \(records.count) of \(truth.durable) \(moment)")
    try expect(records.map(\.offset) == Array(0..<Int64(records.count)), "Kafka finds gaps \(moment)")
    try expect(
      records.map(\.value) == Array(truth.attempted.prefix(records.count)), "Kafka finds others \(moment)")
  }

  /// The durable point never claims more than there is. In a folder that somebody has damaged it may, until the
  /// log begins another leader epoch for what comes instead.
  private func checkDurablePoint(_ folder: StoredFolder) throws {
    guard let bytes = folder.files[DurablePoint.fileName] else { return }
    let slots = DurablePoint.slots(of: bytes.span).compactMap { $0 }
    guard let point = slots.max(by: { $0.sequence < $1.sequence }) else { return }
    let isUntouched = folder.files[LeaderEpochs.fileName] == initial[LeaderEpochs.fileName]
    if isForeign || (!initial.isEmpty && isUntouched) { return }
    let base = point.durable.baseOffset.rawValue
    let segment = folder.segments.first { $0.baseOffset == base }
    let ends = segment.map { StoredBatch.prefix(of: $0.bytes).map(\.end) + [0] } ?? []
    try expect(
      ends.contains(Int(point.durable.position)),
      "the durable point speaks of byte \(point.durable.position) of \(base), where no batch ends")
  }

  /// Every byte that was there and is no zero still is, at its place or in a copy.
  private func checkNothingVanished(_ folder: StoredFolder) throws {
    for (name, bytes) in initial where name.hasSuffix(".log") {
      let kept = folder.files[name] ?? []
      // Where it was cut; behind that place records may have been appended since.
      let copies = folder.quarantine.filter { $0.name.hasPrefix(name + ".") }
      var isKept = bytes.indices.map { bytes[$0] == 0 || ($0 < kept.count && kept[$0] == bytes[$0]) }
      for copy in copies {
        guard let start = Int(copy.name.dropFirst(name.utf8.count + 1).prefix { $0 != "." }) else { continue }
        for (place, byte) in copy.bytes.enumerated() where start + place < bytes.count {
          if bytes[start + place] == byte { isKept[start + place] = true }
        }
      }
      let lost = isKept.firstIndex(of: false)
      try expect(lost == nil, "byte \(lost ?? 0) of \(name) is nowhere: \(folder.files.keys.sorted())")
    }
  }

  /// What follows a truncation has a higher epoch than what it took back: also behind a crash, at `end`, where
  /// that took the place of a durable record.
  private func checkEpochs(_ folder: StoredFolder, _ truth: Truth, end: Int) throws {
    guard !isForeign, initial.isEmpty else { return }
    for batch in folder.segments.flatMap({ StoredBatch.prefix(of: $0.bytes) }) {
      let place = Int(batch.baseOffset)
      var least = place < truth.epochs.count ? truth.epochs[place] : truth.truncations
      if place == end, place < truth.durableBefore { least += 1 }
      try expect(batch.epoch >= least, "epoch \(batch.epoch) at \(place) instead of \(least) or more")
    }
  }

  /// No (epoch, offset) names another record than it did.
  private func checkNames(_ folder: StoredFolder, earlier: [EpochOffset: String]) throws {
    for segment in folder.segments {
      for batch in StoredBatch.prefix(of: segment.bytes) {
        for (place, value) in batch.values.enumerated() {
          let name = EpochOffset(epoch: batch.epoch, offset: batch.baseOffset + Int64(place))
          try expect(
            earlier[name] ?? value == value, "\(name) was \(earlier[name] ?? ""), and is \(value) now")
        }
      }
    }
  }

  /// The log was appended to after a crash, and the power goes again.
  private func checkAnotherCrash(_ disk: SimulatedDisk, durable: [String], attempted: [String]) throws {
    let names = disk.folder("log").names
    let states = disk.survivingStates()
    for seed in UInt64(0)..<3 {
      let second = disk.restarted(into: states.sample(seed: seed))
      let log = try Log.open("log", configuration: configuration, environment: second.environment)
      let values = try log.values(from: 0)
      try expect(values.starts(with: durable), "after a second crash \(values) of \(durable)")
      try expect(attempted.starts(with: values), "after a second crash \(values)")
      try log.append(Record(value: "second"))
      try checkNames(second.folder("log"), earlier: names.filter { $0.key.offset < Int64(durable.count) })
    }
  }
}

/// What a recovery really did, seen from outside.
struct RecoveryTruth {
  var before: StoredFolder
  var after: StoredFolder
  /// The calls of the recovery, and of reading afterwards.
  var calls: [Call]

  func check(_ report: RecoveryReport) throws {
    var cut = 0
    for segment in before.segments {
      guard let kept = after.files[segment.name] else {
        let isMoved = report.quarantined.contains { $0.segment.hasSuffix(segment.name) && $0.position == 0 }
        try expect(isMoved || segment.bytes.isEmpty, "\(segment.name) went, and nothing says so")
        continue
      }
      guard kept.count < segment.bytes.count else { continue }
      // Zeros at the end were written ahead: they are nobody's.
      let content = segment.bytes[kept.count...].trimmingZeros()
      cut += content.count
      let isCopied = report.quarantined.contains {
        $0.segment.hasSuffix(segment.name) && $0.position == Int64(kept.count)
          && $0.bytes == Int64(content.count)
      }
      try expect(content.isEmpty || isCopied, "\(segment.name) was cut at \(kept.count) without a copy")
    }
    try expect(Int64(cut) == report.cutBytes, "\(cut) bytes were cut, the report says \(report.cutBytes)")
    for moved in report.quarantined {
      let name = String(moved.path.dropFirst("log/".count))
      let bytes = before.files[String(moved.segment.dropFirst("log/".count))] ?? []
      let range = Int(moved.position)..<Int(moved.position + moved.bytes)
      try expect(
        range.upperBound <= bytes.count && after.files[name] == Array(bytes[range]),
        "\(name) is not what the report says")
    }
    let written = calls.filter { $0.operation == .write && $0.path.hasSuffix(".log") }
    let rewritten = written.reduce(0) { $0 + ($1.length ?? 0) }
    try expect(
      Int64(rewritten) == report.rewrittenBytes,
      "\(rewritten) bytes were rewritten, the report says \(report.rewrittenBytes)")
    try checkScanned(report)
  }

  private func checkScanned(_ report: RecoveryReport) throws {
    let whole = after.segments.reduce(0) { $0 + Int64(StoredBatch.prefix(of: $1.bytes).last?.end ?? 0) }
    if report.wasClean {
      try expect(report.scannedBytes == 0, "clean, and \(report.scannedBytes) bytes were read")
      return
    }
    let slots = before.files[DurablePoint.fileName].map { DurablePoint.slots(of: $0.span).compactMap { $0 } }
    let point = slots?.max { $0.sequence < $1.sequence }
    let known = point.map { point in
      before.segments.reduce(0) {
        $0 + ($1.baseOffset < point.checkpoint.baseOffset.rawValue ? Int64($1.bytes.count) : 0)
      } + point.checkpoint.position
    }
    // A segment that turns out to be the last one is read a second time, for its index.
    let most = report.quarantined.contains { $0.position == 0 } ? 2 * whole : whole
    try expect(
      report.scannedBytes >= whole - (known ?? 0) && report.scannedBytes <= most,
      "of \(whole) bytes, \(known ?? 0) known, the report says that \(report.scannedBytes) were read")
  }
}

extension SimulatedDisk {
  /// What every reader sees in a folder.
  func folder(_ name: String) -> StoredFolder {
    var folder = StoredFolder()
    for path in listing() where path.hasPrefix(name + "/") && !path.hasSuffix("/") {
      folder.files[String(path.dropFirst(name.utf8.count + 1))] = contents(of: path)
    }
    return folder
  }
}

extension Log {
  /// Opens the log in place of one that goes without a close, as with a process that is killed.
  static func reopen(
    _ log: inout Log?, _ configuration: LogConfiguration, _ environment: LogEnvironment
  ) throws {
    log = nil
    log = try openUndecided("log", configuration: configuration, environment: environment)
  }
}
