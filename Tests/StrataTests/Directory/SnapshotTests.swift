import Foundation
import Strata
import StrataIO
import StrataSimulation
import Synchronization
import Testing

/// Snapshots of a log and of a directory.
@Suite struct SnapshotTests {
  private func disk() -> SimulatedDisk { SimulatedDisk(seed: 1, crashAt: .never) }

  private func filled(_ disk: SimulatedDisk, _ count: Int = 50) throws -> Log {
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    for number in 0..<count { try log.append(Record(value: "value \(number)")) }
    return log
  }

  private func links(_ disk: SimulatedDisk, _ path: String) throws -> Int {
    try #require(try disk.environment.fileSystem.metadata(path)).linkCount
  }

  @Test func aSnapshotIsALogOfItsOwn() throws {
    let disk = disk()
    let log = try filled(disk)
    try log.append(Record(value: "not durable"), durability: .buffered)
    disk.install("log/partition.metadata", Array("version: 0\n".utf8))
    try log.snapshot(to: "deep/er/copy")
    let copy = try Log.open("deep/er/copy", configuration: .small, environment: disk.environment)
    #expect(copy.recoveryReport.wasClean && copy.logEndOffset == 50 && log.logEndOffset == 51)
    #expect(try copy.values() == (0..<50).map { "value \($0)" })
    #expect(copy.segments.map(\.baseOffset) == log.segments.map(\.baseOffset) && log.segments.count > 1)
    #expect(try copy.verify().damages == [])
    #expect(disk.contents(of: "deep/er/copy/partition.metadata") == Array("version: 0\n".utf8))
    // Sealed segments are linked, with their indexes; the last one is not.
    for (place, segment) in copy.segments.enumerated() {
      #expect(try links(disk, segment.path) == (place < copy.segments.count - 1 ? 2 : 1))
    }
    try copy.append(Record(value: "in the copy"))
    try log.append(Record(value: "in the log"))
    #expect(try copy.values().last == "in the copy" && log.values().last == "in the log")
    try copy.close()
    try log.close()
    #expect(disk.leaks == nil)
  }

  @Test func whatIsLinkedStaysAsItIsWhenALogIsTruncated() throws {
    let disk = disk()
    let log = try filled(disk)
    try log.snapshot(to: "copy")
    try log.truncate(to: 5)
    for _ in 0..<5 { try log.append(Record(value: "else")) }
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(try copy.values() == (0..<50).map { "value \($0)" })
    #expect(try copy.verify().damages == [])
    try copy.truncate(to: 3)
    try copy.append(Record(value: "third"))
    #expect(try log.values() == (0..<5).map { "value \($0)" } + Array(repeating: "else", count: 5))
    #expect(try log.verify().damages == [])
  }

  @Test func aCopyMadeOfLinksStaysAsItIsWhenTheLogGoesOn() throws {
    let disk = disk()
    try filled(disk, 10).close()
    let fileSystem = disk.environment.fileSystem
    try fileSystem.createDirectory("links")
    for name in try fileSystem.list("log") where name != ".lock" {
      try fileSystem.link("log/" + name, to: "links/" + name)
    }
    let before = disk.folder("links")
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    #expect(log.recoveryReport.wasClean)
    try log.append(Record(value: "more"))
    try log.close()
    #expect(disk.folder("links").files == before.files)
    let copy = try Log.open("links", configuration: .small, environment: disk.environment)
    #expect(try copy.recoveryReport.wasClean && copy.values().count == 10)
  }

  @Test func whereNothingCanBeLinkedItIsCopied() throws {
    let disk = disk()
    let log = try filled(disk)
    disk.add(FaultRule(.error(.unsupported), on: [.link], .every))
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(try copy.recoveryReport.wasClean && copy.values().count == 50)
    for segment in copy.segments { #expect(try links(disk, segment.path) == 1) }
  }

  @Test func aTargetThatIsThereIsRefused() throws {
    let disk = disk()
    let log = try filled(disk, 3)
    disk.install("file", [1])
    try disk.environment.fileSystem.createDirectory("folder")
    for target in ["file", "folder", "log"] {
      #expect(code { try log.snapshot(to: target) } == .alreadyExists, "\(target)")
    }
    #expect(disk.contents(of: "file") == [1])
    try log.close()
    #expect(code { try log.snapshot(to: "copy") } == .closed)
  }

  @Test func whatAnInterruptedSnapshotHasLeftIsNoHindrance() throws {
    let disk = disk()
    let log = try filled(disk, 3)
    disk.install("copy.strata-partial/00000000000000000000.log", [1, 2, 3])
    disk.install("copy.strata-partial/00000000000000000007.log", [1, 2, 3])
    disk.install("copy.strata-partial/a-0/00000000000000000007.log", [1, 2, 3])
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(try copy.values() == ["value 0", "value 1", "value 2"] && copy.segments.count == 1)
    #expect(disk.listing().allSatisfy { !$0.contains("partial") })
  }

  @Test func aFailedSnapshotLeavesNothingBehind() throws {
    let disk = disk()
    let log = try filled(disk)
    let before = disk.listing()
    for operation in [Call.Operation.link, .rename, .createDirectory, .synchronizeDirectory, .list] {
      disk.add(FaultRule(.error(.device), on: [operation]))
      #expect(code { try log.snapshot(to: "copy") } == .io, "\(operation)")
      disk.removeFaults()
      #expect(disk.listing() == before, "\(operation)")
    }
    try log.append(Record(value: "more"))
  }

  @Test func aLogThatIsReadBesideItsWriterCanBeTaken() throws {
    let disk = disk()
    let log = try filled(disk)
    let reader = try Log.open("log", configuration: .small, access: .readOnly, environment: disk.environment)
    try log.append(Record(value: "later"))
    try reader.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(try copy.values().count == 51 && copy.recoveryReport.wasClean)
  }

  @Test func anEmptyLogCanBeTaken() throws {
    let disk = disk()
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    try log.snapshot(to: "copy")
    let copy = try Log.open("copy", configuration: .small, environment: disk.environment)
    #expect(copy.logEndOffset == 0)
    #expect(try copy.append(Record(value: "first")).baseOffset == 0)
  }

  @Test func aDirectoryIsTakenAtOneMoment() throws {
    let place = Scratch()
    let path = place.path
    let scratch: @Sendable (String) -> String = { (name: String) in path + "/" + name }
    defer { withExtendedLifetime(place) {} }
    var configuration = LogDirectoryConfiguration.small
    configuration.maximumAwakeLogs = 3
    let directory = try LogDirectory.open(scratch("data"), configuration: configuration)
    try write(Array("version=1\n".utf8), to: scratch("data/meta.properties"))
    let logs = try (0..<6).map { try directory.log(for: "orders-\($0)") }
    logs[5].setHighWatermark(2)
    // Each round goes from the first log to the last one, each record durable before the next is appended: so no log
    // ever has more records than the one before it.
    let mustStop = Atomic<Bool>(false)
    let rounds = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 2) { turn in
      do {
        guard turn == 0 else {
          for number in 0..<8 {
            let before = rounds.load(ordering: .relaxed)
            try directory.snapshot(to: scratch("copy \(number)"))
            while rounds.load(ordering: .relaxed) == before { usleep(1000) }
          }
          return mustStop.store(true, ordering: .relaxed)
        }
        while !mustStop.load(ordering: .relaxed) {
          for log in logs { try log.append(Record(value: "value")) }
          rounds.wrappingAdd(1, ordering: .relaxed)
        }
      } catch {
        Issue.record("\(error)")
        mustStop.store(true, ordering: .relaxed)
        rounds.wrappingAdd(1 << 20, ordering: .relaxed)
      }
    }
    for number in 0..<8 {
      let copy = try LogDirectory.open(scratch("copy \(number)"), configuration: configuration)
      #expect(copy.recoveryReport.wasClean && copy.logs == directory.logs)
      let ends = try copy.logs.map { try copy.log(for: $0).logEndOffset.rawValue }
      #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 >= $1 }, "\(ends)")
      #expect(ends.first! - ends.last! <= 1, "\(ends)")
      #expect(try copy.log(for: "orders-5").highWatermark <= 2)
      #expect(try contents(scratch("copy \(number)/meta.properties")) == Array("version=1\n".utf8))
      try copy.close()
    }
    try directory.close()
  }
}
