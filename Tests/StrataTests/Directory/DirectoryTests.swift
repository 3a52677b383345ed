import Strata
import StrataIO
import StrataSimulation
import Testing

/// Many logs in one folder.
@Suite struct DirectoryTests {
  private func disk(_ limit: Int? = nil) -> SimulatedDisk {
    var options = SimulatedDisk.Options()
    options.openFileLimit = limit
    return SimulatedDisk(seed: 1, crashAt: .never, options: options)
  }

  @Test func aLogIsThereAgainAfterACleanClose() throws {
    let disk = disk()
    let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    #expect(directory.logs == [])
    for name in ["orders-0", "orders-1", "a.b_c-d-12"] {
      try directory.log(for: name).append(Record(value: "in \(name)"))
    }
    #expect(directory.logs == ["a.b_c-d-12", "orders-0", "orders-1"])
    #expect(try directory.log(for: "orders-0") === directory.log(for: "orders-0"))
    try directory.close()
    try directory.close()
    #expect(disk.leaks == nil)
    #expect(code { _ = try directory.log(for: "orders-0") } == .closed)

    let again = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    #expect(again.recoveryReport.wasClean && again.recoveryReport.logs == 3)
    #expect(again.statistics.awakeLogs == 0)
    let log = try again.log(for: "orders-1")
    #expect(log.recoveryReport.wasClean)
    #expect(try log.values() == ["in orders-1"])
    #expect(again.statistics.awakeLogs == 1)
  }

  @Test func everyLogIsRecoveredAfterAnUncleanStop() throws {
    let disk = disk()
    do {
      let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
      for number in 0..<5 {
        try directory.log(for: "orders-\(number)").append(Record(value: "\(number)"), durability: .buffered)
      }
    }
    let again = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    let report = again.recoveryReport
    #expect(!report.wasClean && report.recovered.count == 5 && report.failures.isEmpty)
    for number in 0..<5 { #expect(try again.log(for: "orders-\(number)").values() == ["\(number)"]) }
  }

  @Test(arguments: [
    "orders", "orders-", "-1", "orders-01", "orders--", "orders-2147483648", "a/b-0", "..-0", ".-0", "ä-0",
    "a b-0", "orders-0x", "", String(repeating: "x", count: 250) + "-0",
  ])
  func aNameThatKafkaDoesNotKnowIsRefused(_ name: String) throws {
    let directory = try LogDirectory.open("data", environment: disk().environment)
    #expect(code { _ = try directory.log(for: name) } == .invalidName)
  }

  @Test func theLongestNameIsTaken() throws {
    let disk = disk()
    let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    let name = String(repeating: "x", count: 249) + "-0"
    try directory.log(for: name).append(Record(value: "here"))
    try directory.delete(name)
    #expect(directory.logs == [] && disk.listing().allSatisfy { !$0.contains("xx") })
  }

  @Test func oneHolderHasTheDirectoryAndItsLogs() throws {
    let disk = disk()
    let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    try directory.log(for: "orders-0").append(Record(value: "one"))
    #expect(code { _ = try LogDirectory.open("data", environment: disk.environment) } == .locked)
    #expect(code { _ = try Log.open("data/orders-0", environment: disk.environment) } == .locked)
    let reader = try Log.open("data/orders-0", access: .readOnly, environment: disk.environment)
    #expect(try reader.values() == ["one"])
    try directory.close()
    let log = try Log.open("data/orders-0", environment: disk.environment)
    #expect(code { _ = try LogDirectory.open("data", environment: disk.environment) } == .locked)
    try log.close()
    try LogDirectory.open("data", environment: disk.environment).close()
  }

  @Test func manyLogsWorkWithFewDescriptors() throws {
    let disk = disk(60)
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumOpenFiles = 30
    let directory = try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
    let logs = try (0..<40).map { try directory.log(for: "orders-\($0)") }
    for round in 0..<3 {
      for (number, log) in logs.enumerated() {
        try log.append(
          Record(value: "\(number) \(round) " + String(repeating: ".", count: 900)), durability: .buffered)
      }
    }
    for (number, log) in logs.enumerated() {
      let values = try log.values().map { $0.prefix { $0 != "." } }
      #expect(values == (0..<3).map { "\(number) \($0) " }, "\(log.path)")
      log.checkInvariants()
      #expect(log.logEndOffset == 3 && log.segments.count == 2)
    }
    #expect(directory.statistics.openFiles <= 40 && directory.statistics.fellAsleep > 80)
    try directory.close()
    let again = try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
    for number in 0..<40 { #expect(try again.log(for: "orders-\(number)").logEndOffset == 3) }
    try again.close()
    #expect(disk.leaks == nil)
  }

  /// A log whose many sealed segments are read gives their files back as well.
  @Test func aLogOfManySegmentsIsReadWithFewDescriptors() throws {
    let disk = disk(60)
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumOpenFiles = 30
    let directory = try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
    let log = try directory.log(for: "orders-0")
    for number in 0..<100 {
      try log.append(Record(value: "\(number) " + String(repeating: ".", count: 1500)))
    }
    #expect(log.segments.count == 100)
    #expect(try log.values().count == 100)
    #expect(try log.values(from: 50).count == 50)
  }

  @Test func aReaderGoesOnWhileItsLogSleepsAndWakes() throws {
    let disk = disk()
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumAwakeLogs = 1
    let directory = try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
    let log = try directory.log(for: "orders-0")
    let other = try directory.log(for: "orders-1")
    try log.append(Record(value: "0"))
    var cursor = log.fetch(from: 0)
    func next() throws -> String? {
      guard let batch = try cursor.next() else { return nil }
      var records = try batch.records()
      guard let record = try records.next() else { return nil }
      return String(copying: record.value!)
    }
    for number in 0..<20 {
      #expect(try next() == "\(number)")
      #expect(try next() == nil)
      try other.append(Record(value: "else"))
      try other.append(Record(value: "else"))
      try log.append(Record(value: "\(number + 1)"))
    }
    #expect(directory.statistics.fellAsleep >= 20)
    #expect(try log.truncate(to: 10) == 10)
    try other.append(Record(value: "else"))
    try log.append(Record(value: "again"))
    #expect(try log.values().suffix(2) == ["9", "again"])
    #expect(code { _ = try next() } == .offsetOutOfRange)
  }

  @Test func aLogThatWasChangedInItsSleepIsNotAppendedTo() throws {
    let disk = disk()
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumAwakeLogs = 1
    let directory = try LogDirectory.open("data", configuration: configuration, environment: disk.environment)
    let log = try directory.log(for: "orders-0")
    try log.append(Record(value: "one"))
    try log.append(Record(value: "two"))
    let other = try directory.log(for: "orders-1")
    try other.append(Record(value: "else"))
    try other.append(Record(value: "else"))
    let path = "data/orders-0/00000000000000000000.log"
    let bytes = try #require(disk.contents(of: path))
    disk.install(path, Array(bytes.prefix(bytes.count / 2)))
    #expect(code { try log.append(Record(value: "three")) } == .poisoned)
    #expect(code { try log.append(Record(value: "three")) } == .poisoned)
    try other.append(Record(value: "else"))
    #expect(directory.health.failures["orders-0"]?.code == .poisoned)
    #expect(directory.health.failures.count == 1)
  }

  @Test func aDeletedLogIsGoneAndItsNameFree() throws {
    let disk = disk()
    let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    let log = try directory.log(for: "orders-0")
    for _ in 0..<5 { try log.append(Record(value: "old")) }
    var cursor = log.fetch(from: 0)
    try directory.checkpoint()
    try directory.delete("orders-0")
    #expect(code { _ = try cursor.next() } == .closed)
    #expect(code { try directory.delete("orders-0") } == .notFound)
    #expect(directory.logs == [] && disk.listing().allSatisfy { !$0.contains("orders") })
    try directory.log(for: "orders-0").append(Record(value: "new"))
    #expect(try directory.log(for: "orders-0").values() == ["new"])
  }

  @Test func aLogThatCannotBeOpenedKeepsNobodyFromTheOthers() throws {
    let disk = disk()
    do {
      let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
      for name in ["bad-0", "good-0"] {
        let log = try directory.log(for: name)
        for number in 0..<10 { try log.append(Record(value: "\(number)")) }
      }
    }
    let path = "data/bad-0/00000000000000000000.log"
    var bytes = try #require(disk.contents(of: path))
    bytes[100] ^= 1
    disk.install(path, bytes)
    let directory = try LogDirectory.open("data", configuration: .small, environment: disk.environment)
    #expect(directory.recoveryReport.failures.keys.sorted() == ["bad-0"])
    #expect(directory.health.failures["bad-0"]?.code == .damaged)
    #expect(try directory.log(for: "good-0").values().count == 10)
    #expect(code { _ = try directory.log(for: "bad-0") } == .damaged)
    #expect(code { try directory.close() } == .damaged)
    #expect(disk.contents(of: "data/.kafka_cleanshutdown") == nil)
  }
}

extension LogDirectoryConfiguration {
  /// One thread, so that every run is the same, and small logs.
  static var small: LogDirectoryConfiguration {
    var configuration = LogDirectoryConfiguration()
    configuration.log = .small
    configuration.threads = 1
    return configuration
  }
}
