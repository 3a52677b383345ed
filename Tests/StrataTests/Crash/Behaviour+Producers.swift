import Strata
import StrataIO
import StrataSimulation

/// What is promised of producers and of the files that remember them.
extension Behaviour {
  private static func fill(_ log: Log) throws {
    for place in 0..<6 {
      try log.append(Log.batch(5, from: Int32(place), ["value \(place)"]))
    }
    try log.append(Log.batch(6, from: 0, ["aborted"], isTransactional: true))
    try log.endTransaction(.abort, producerID: 6, producerEpoch: 0)
  }

  /// A close has returned, and then the power goes: producers and aborted transactions are there, and nothing has to
  /// be read for them.
  static func closedProducers() throws {
    var options = CrashExplorer<Bool>.Options()
    options.recoveries = 0
    (options.maximumStates, options.samples, options.samplesBesides) = (16, 8, 1)
    let explorer = CrashExplorer<Bool>(
      options: options, prepare: { _ in },
      workload: { run in
        let log = try Log.open("log", configuration: configuration, environment: run.environment)
        try fill(log)
        try log.close()
        run.promise(true)
      },
      check: { survivor in
        guard !survivor.promises.isEmpty else { return }
        let folder = survivor.disk.folder("log").files
        let snapshot = folder["00000000000000000008.snapshot"] ?? []
        let known = ProducerSnapshot.decode(snapshot.span, at: 8)
        try expect(known?.count == 2, "the snapshot of the close is \(snapshot)")
        for base in folder.keys.filter({ $0.hasSuffix(".log") }).map({ $0.prefix(20) }) where Int64(base)! > 0 {
          let snapshot = folder[base + ".snapshot"] ?? []
          let known = ProducerSnapshot.decode(snapshot.span, at: Offset(Int64(base)!))
          try expect(known != nil, "the snapshot of the roll at \(base) is \(snapshot)")
        }
        let aborted = folder.filter { $0.key.hasSuffix(".txnindex") }.values.flatMap { $0 }
        let entries = TransactionIndex.parse(aborted.span)
        try expect(entries?.map(\.producerID) == [6], "the transaction index is \(aborted)")
        let log = try Log.open(
          "log", configuration: configuration, environment: survivor.disk.environment)
        try expect(log.recoveryReport.wasClean, "read again: \(log.recoveryReport)")
        try expect(log.producers[5]?.lastSequence == 5, "producer 5 is \(log.producers[5], "unknown")")
      })
    _ = try explorer.explore()
  }

  static func staleSnapshots() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log: Log? = try open(disk)
    try fill(log!)
    try log!.close()
    log = try open(disk)
    let end = try log!.truncate(to: 3)
    func snapshots() -> [Int64] {
      disk.folder("log").files.keys.filter { $0.hasSuffix(".snapshot") }.map { Int64($0.prefix(20))! }.sorted()
    }
    try expect(snapshots().allSatisfy { $0 <= end.rawValue }, "left behind: \(snapshots())")
    // Other producers come to the same offsets.
    for place in 0..<5 { try log!.append(Log.batch(9, from: Int32(place), ["other \(place)"])) }
    log = nil
    log = try open(disk)
    try expect(log!.producers[6] == nil, "a producer whose records are gone is still known")
    try expect(log!.producers[5]?.lastSequence == 2, "producer 5 is \(log!.producers[5], "unknown")")
    // Off the segments' starts the newest one is enough.
    try log!.close()
    for place in 5..<7 {
      log = try open(disk)
      try log!.append(Log.batch(9, from: Int32(place), ["other \(place)"]))
      try log!.close()
    }
    log = try open(disk)
    let bases = Set(log!.segments.map(\.baseOffset.rawValue))
    let strays = snapshots().filter { !bases.contains($0) }
    try expect(strays == [log!.logEndOffset.rawValue], "strays: \(strays)")
  }

  static func wrongSnapshot() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try open(disk)
    try fill(log)
    try log.close()
    // The last sequence number of the first producer becomes another.
    disk.flipBit(2, ofByte: 10 + 13, in: "log/00000000000000000008.snapshot")
    let again = try open(disk)
    try expect(again.producers[5]?.lastSequence == 5, "producer 5 is \(again.producers[5], "unknown")")
  }

  /// A producer id is used, and then the power goes: nobody else ever gets it.
  static func producerIDs() throws {
    var options = CrashExplorer<Int64>.Options()
    options.recoveries = 0
    (options.maximumStates, options.samples, options.samplesBesides) = (16, 8, 1)
    let explorer = CrashExplorer<Int64>(
      options: options, prepare: { _ in },
      workload: { run in
        let log = try Log.open("log", configuration: configuration, environment: run.environment)
        run.promise(try log.makeWriter().id)
        run.promise(try log.makeWriter().id)
      },
      check: { survivor in
        let log = try Log.open(
          "log", configuration: configuration, environment: survivor.disk.environment)
        let id = try log.makeWriter().id
        try expect(!survivor.promises.contains(id), "producer id \(id) is given out twice")
      })
    _ = try explorer.explore()
  }
}

extension DefaultStringInterpolation {
  fileprivate mutating func appendInterpolation(_ entry: ProducerEntry?, _ otherwise: String) {
    appendInterpolation(entry.map { "\($0)" } ?? otherwise)
  }
}
