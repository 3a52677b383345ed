import Strata
import StrataIO
import StrataSimulation
import Testing

/// Folders of logs that somebody has filled with other things.
@Suite struct HostileDirectoryTests {
  /// A directory that was closed, with three logs of ten records.
  private func filled() throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let directory = try open(disk)
    for number in 0..<3 {
      let log = try directory.log(for: "orders-\(number)")
      for record in 0..<50 { try log.append(Record(value: "\(record)"), durability: .buffered) }
    }
    try directory.close()
    return disk
  }

  private func open(_ disk: SimulatedDisk) throws -> LogDirectory {
    try LogDirectory.open("data", configuration: .small, environment: disk.environment)
  }

  private func expectWhole(_ directory: LogDirectory, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    for number in 0..<3 {
      let values = try directory.log(for: "orders-\(number)").values()
      #expect(values == (0..<50).map(String.init), sourceLocation: sourceLocation)
    }
  }

  static let garbage: [(String, [UInt8])] = [
    ("nothing", []), ("zeros", [UInt8](repeating: 0, count: 5000)), ("a newline", [10]),
    ("no count", Array("0\n".utf8)), ("another version", Array("1\n1\norders 0 5\n".utf8)),
    ("too many", Array("0\n3\norders 0 5\n".utf8)), ("too few", Array("0\n0\norders 0 5\n".utf8)),
    ("an absurd count", Array("0\n99999999999999999999999\norders 0 5\n".utf8)),
    ("a negative offset", Array("0\n1\norders 0 -5\n".utf8)),
    ("an absurd offset", Array("0\n1\norders 0 99999999999999999999\n".utf8)),
    ("an absurd partition", Array("0\n1\norders 4294967296 5\n".utf8)),
    ("a path", Array("0\n1\n../../etc 0 5\n".utf8)), ("twice", Array("0\n2\norders 0 5\norders 0 6\n".utf8)),
    ("four fields", Array("0\n1\norders 0 5 6\n".utf8)),
    ("no UTF-8", [48, 10, 49, 10, 0xFF, 0xFE, 32, 48, 32, 48]),
    ("a long line", Array("0\n1\n".utf8) + [UInt8](repeating: 57, count: 1 << 20)),
  ]

  @Test(arguments: OffsetCheckpoint.Kind.allCases)
  func aCheckpointOfGarbageIsSaidAndWrittenAnew(_ kind: OffsetCheckpoint.Kind) throws {
    for (name, bytes) in Self.garbage {
      for isMarked in [true, false] {
        let disk = try filled()
        disk.install("data/" + kind.fileName, bytes)
        if !isMarked { try disk.environment.fileSystem.remove("data/" + CleanMark.fileName) }
        let directory = try open(disk)
        #expect(directory.recoveryReport.unreadable == [kind.fileName], "\(name)")
        #expect(directory.recoveryReport.wasClean == isMarked && directory.recoveryReport.failures.isEmpty)
        try expectWhole(directory)
        try directory.close()
        let again = try open(disk)
        #expect(again.recoveryReport.unreadable == [] && again.recoveryReport.wasClean, "\(name)")
      }
    }
  }

  @Test func noDamagedCheckpointHidesOrLosesARecord() throws {
    let seed = seed()
    print("seed \(seed)")
    var random = Random(seed: seed)
    for _ in 0..<60 {
      let disk = try filled()
      try disk.environment.fileSystem.remove("data/" + CleanMark.fileName)
      for kind in OffsetCheckpoint.Kind.allCases {
        var bytes = Array("0\n3\norders 0 50\norders 1 50\norders 2 50\n".utf8)
        for _ in 0..<(1 + random.below(3)) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
        // A log start within the log is what it says, and no damage.
        if kind == .logStart { bytes.swapAt(0, 2) }
        disk.install("data/" + kind.fileName, bytes)
      }
      // The logs' own notes are gone, so that the files have a say.
      if random.below(2) == 0 {
        for number in 0..<3 {
          try disk.environment.fileSystem.remove("data/orders-\(number)/" + DurablePoint.fileName)
        }
      }
      let directory = try open(disk)
      #expect(directory.recoveryReport.failures.isEmpty)
      try expectWhole(directory)
    }
  }

  @Test func whatSpeaksOfMoreThanThereIsSpeaksOfAnotherLog() throws {
    let disk = try filled()
    for kind in OffsetCheckpoint.Kind.allCases {
      disk.install("data/" + kind.fileName, Array("0\n2\norders 0 51\norders 1 9223372036854775807\n".utf8))
    }
    try disk.environment.fileSystem.remove("data/" + CleanMark.fileName)
    let directory = try open(disk)
    try expectWhole(directory)
    #expect(try directory.log(for: "orders-0").highWatermark == 50)
    try directory.close()
  }

  @Test func kafkasLogStartAndHighWatermarkAreTakenOver() throws {
    let disk = try filled()
    disk.install("data/log-start-offset-checkpoint", Array("0\n1\norders 0 20\n".utf8))
    disk.install("data/replication-offset-checkpoint", Array("0\n2\norders 0 30\norders 1 50\n".utf8))
    var directory = try open(disk)
    let log = try directory.log(for: "orders-0")
    #expect(log.logStartOffset == 20 && log.highWatermark == 30)
    #expect(code { _ = try log.values(from: 19) } == .offsetOutOfRange)
    #expect(try log.values() == (20..<50).map(String.init))
    let other = try directory.log(for: "orders-1")
    try other.append(Record(value: "more"))
    #expect(other.highWatermark == 51)
    try directory.close()
    let text = { (name: String) in String(decoding: disk.contents(of: "data/" + name)!, as: UTF8.self) }
    #expect(text("log-start-offset-checkpoint") == "0\n1\norders 0 20\n")
    #expect(text("replication-offset-checkpoint") == "0\n1\norders 0 30\n")
    #expect(text("recovery-point-offset-checkpoint") == "0\n3\norders 0 50\norders 1 51\norders 2 50\n")
    directory = try open(disk)
    #expect(try directory.log(for: "orders-0").logStartOffset == 20)
  }

  /// Without a durable point of its own a log is read from Kafka's recovery point on.
  @Test func aLogOfKafkasIsReadFromItsRecoveryPointOn() throws {
    var scanned: [Int64] = []
    for point in [0, 45] {
      let disk = try filled()
      for path in disk.listing() where path.contains("strata.") || path.hasSuffix(".seal") {
        try disk.environment.fileSystem.remove(path)
      }
      try disk.environment.fileSystem.remove("data/" + CleanMark.fileName)
      disk.install("data/recovery-point-offset-checkpoint", Array("0\n1\norders 0 \(point)\n".utf8))
      let directory = try open(disk)
      scanned.append(try directory.log(for: "orders-0").recoveryReport.scannedBytes)
      try expectWhole(directory)
    }
    #expect(scanned[1] > 0 && scanned[1] < scanned[0] / 2, "\(scanned)")
  }

  @Test func whatIsNoLogIsLeftAlone() throws {
    let disk = try filled()
    for path in [
      "data/lost+found/x", "data/orders/00000000000000000000.log", "data/notes.txt", "data/orders-1.txt",
      "data/-0/x", "data/orders-5-stray/x", "data/x.0123-delete/x", "data/orders-7",
      "data/orders-0.0123456789abcdef0123456789abcdeg-delete/x",
    ] { disk.install(path, [1, 2, 3]) }
    disk.install("data/gone-0.0123456789abcdef0123456789abcdef-delete/00000000000000000000.log", [1])
    disk.install("data/kept-0.0123456789abcdef0123456789abcdef-delete/folder/x", [1])
    let before = disk.listing().filter { !$0.contains("gone-0") && !$0.contains("cleanshutdown") }
    let directory = try open(disk)
    #expect(directory.logs == ["orders-0", "orders-1", "orders-2"])
    #expect(
      Set(directory.recoveryReport.foreign) == [
        "lost+found", "orders", "notes.txt", "orders-1.txt", "-0", "orders-5-stray", "x.0123-delete",
        "orders-7",
        "orders-0.0123456789abcdef0123456789abcdeg-delete",
        "kept-0.0123456789abcdef0123456789abcdef-delete",
      ])
    #expect(disk.listing() == before)
    try expectWhole(directory)
    #expect(code { _ = try directory.log(for: "orders-7") } == .notADirectory)
    #expect(directory.health.failures.keys.sorted() == ["orders-7"])
    try directory.log(for: "orders-3").append(Record(value: "new"))
  }

  @Test func foldersInThePlaceOfFilesAreErrorsThatNameThem() throws {
    for name in OffsetCheckpoint.Kind.allCases.map(\.fileName) + [CleanMark.fileName] {
      let disk = try filled()
      try? disk.environment.fileSystem.remove("data/" + name)
      disk.install("data/\(name)/x", [1])
      let directory = try open(disk)
      try expectWhole(directory)
      do {
        try directory.log(for: "orders-0").append(Record(value: "more"))
        try directory.close()
        Issue.record("\(name) is a folder, and the directory could be closed")
      } catch {
        #expect(error.code == .io && error.path.contains(name), "\(error)")
      }
      #expect(disk.contents(of: "data/\(name)/x") == [1])
      try expectWholeAgain(disk)
    }
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    disk.install("data", [1])
    #expect(code { _ = try open(disk) } == .notADirectory)
  }

  private func expectWholeAgain(_ disk: SimulatedDisk) throws {
    let directory = try open(disk)
    #expect(try directory.log(for: "orders-0").values().last == "more")
  }
}
