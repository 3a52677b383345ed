import Strata
import StrataIO
import StrataSimulation
import Testing

/// Snapshots of logs that have more than records: producers, transactions, compacted and removed parts.
@Suite struct SnapshotTransactionTests {
  @Test func aSnapshotKnowsWhatWasCommittedAndByWhom() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    for number in 0..<40 {
      let transaction = try log.beginTransaction()
      try transaction.append([Record(value: "\(number) " + String(repeating: ".", count: 100))])
      if number.isMultiple(of: 2) { try transaction.commit() } else { try transaction.abort() }
    }
    try log.flush()
    let values = try log.values(from: 0, isolation: .committed)
    #expect(values.count == 20 && log.segments.count > 2)
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(copy.recoveryReport.wasClean && copy.logEndOffset == log.logEndOffset)
    #expect(copy.lastStableOffset == log.lastStableOffset)
    #expect(try copy.values(from: 0, isolation: .committed) == values)
    #expect(try copy.verify().damages == [])
  }

  @Test func aSnapshotOfACompactedAndShortenedLogIsWhole() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = LogConfiguration.small
    configuration.cleanupPolicy = .compactAndDelete
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    for number in 0..<120 {
      try log.append(Record(key: "\(number % 50)", value: "value \(number)"), durability: .buffered)
    }
    try log.flush()
    try log.compact()
    try log.deleteRecords(before: 75)
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: configuration, environment: disk.environment)
    #expect(
      copy.logStartOffset == 75 && copy.logEndOffset == 120 && copy.compactedOffset == log.compactedOffset)
    #expect(try copy.all().map(\.offset) == log.all().map(\.offset))
    #expect(try copy.values() == log.values())
    #expect(try copy.verify().damages == [])
    // Compacting and shortening the log afterwards changes nothing of the snapshot.
    let before = disk.folder("copy").files
    for number in 0..<120 {
      try log.append(Record(key: "\(number % 5)", value: "new"), durability: .buffered)
    }
    try log.compact()
    try log.deleteRecords(before: 150)
    #expect(disk.folder("copy").files == before)
  }
}

/// A truncation that a crash has kept from being carried out, after its new leader epoch was written down.
@Suite struct InterruptedTruncationTests {
  @Test func recordsThatStayCanBeReadWithoutASeal() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    do {
      let log = try Log.open("log", configuration: .crash, environment: disk.environment)
      for number in 0..<4 { try log.append(Record(value: "value \(number)")) }
    }
    disk.install("log/leader-epoch-checkpoint", Array("0\n2\n0 0\n1 1\n".utf8))
    do {
      let log = try Log.open("log", configuration: .crash, environment: disk.environment)
      #expect(log.logEndOffset == 4)
    }
    for path in disk.listing() where path.hasSuffix(".seal") {
      try disk.environment.fileSystem.remove(path)
    }
    let reader = try Log.open("log", configuration: .crash, access: .readOnly, environment: disk.environment)
    #expect(try reader.values(from: 0) == (0..<4).map { "value \($0)" })
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    try log.append(Record(value: "value 4"))
    #expect(try log.all().last?.offset == 4)
    var cursor = log.fetch(from: 4)
    let batch = try cursor.next()
    #expect(batch?.header.partitionLeaderEpoch == 1)
  }
}
