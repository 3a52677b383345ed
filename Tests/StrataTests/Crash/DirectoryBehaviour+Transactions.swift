import Strata
import StrataIO
import StrataSimulation

/// What is promised of transactions over several logs.
extension DirectoryBehaviour {
  private static func open(_ disk: SimulatedDisk) throws -> LogDirectory {
    try LogDirectory.open(
      "data", configuration: TransactionWorkload.configuration(), environment: disk.environment)
  }

  private static func committed(_ directory: LogDirectory) throws -> [[String]] {
    try ["a-0", "b-0"].map { try directory.log(for: $0).values(from: 0, isolation: .committed) }
  }

  /// A directory in which a transaction is under way in two logs.
  private static func begin(
    _ disk: SimulatedDisk
  ) throws -> (directory: LogDirectory, transaction: DirectoryTransaction) {
    let directory = try open(disk)
    let transaction = try directory.beginTransaction()
    for name in ["a-0", "b-0"] { try transaction.append(Record(value: name), to: name) }
    for name in ["a-0", "b-0"] { try directory.log(for: name).flush() }
    return (directory, transaction)
  }

  static func shortTransaction() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let (directory, transaction) = try begin(disk)
    try transaction.append(Record(value: "taken back"), to: "b-0")
    try directory.log(for: "b-0").truncate(to: 1)
    let refusal = code { try transaction.commit() }
    try expect(refusal == .invalidTransactionState, "committed without a record: \(refusal, "no error")")
    try transaction.abort()
    for name in ["a-0", "b-0"] { try directory.log(for: name).flush() }
    let found = try committed(directory)
    try expect(found == [[], []], "there is \(found)")
  }

  /// The decision may have reached the disk when its commit fails.
  static func withdrawal() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let (directory, transaction) = try begin(disk)
    disk.add(FaultRule(.error(.device), on: [.synchronizeDirectory], pathSuffix: "data"))
    try expect(code { try transaction.commit() } == .io, "the commit did not fail")
    disk.removeFaults()
    let late = code { try transaction.append(Record(value: "late"), to: "a-0") }
    try expect(late == .invalidTransactionState, "appended to what may be decided: \(late, "no error")")
    // Maintenance would write the decisions too, and with them that this one is withdrawn.
    try transaction.abort()
    try directory.log(for: "a-0").flush()
    let states = disk.survivingStates()
    for seed in UInt64(0)..<16 {
      let found = try committed(try open(disk.restarted(into: states.sample(seed: seed))))
      try expect(found == [[], []], "aborted, and there is \(found)")
    }
  }

  static func wrongDecisions() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    do {
      let (_, transaction) = try begin(disk)
      disk.add(FaultRule(.error(.noSpace), on: [.write], pathSuffix: "b-0/00000000000000000000.log"))
      try transaction.commit()
      disk.removeFaults()
    }
    // The epoch of what was decided becomes another.
    let bytes = disk.contents(of: "data/strata.transactions")?.count ?? 0
    try expect(bytes > 37, "a file of \(bytes) bytes says what was decided")
    disk.flipBit(0, ofByte: 37, in: "data/strata.transactions")
    for path in ["data/b-0", "data/a-0"] {
      _ = try Log.open(path, configuration: .crash, environment: disk.environment)
    }
    let directory = try open(disk)
    let open = try directory.log(for: "b-0").openTransactions
    try expect(open.count == 1, "decided by a file that is damaged")
    let refusal = code { _ = try directory.beginTransaction() }
    try expect(refusal == .damaged, "the damaged file was taken: \(refusal, "no error")")
  }
}
