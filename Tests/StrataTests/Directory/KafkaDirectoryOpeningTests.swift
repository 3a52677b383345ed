import Foundation
import Strata
import StrataIO
import StrataSimulation
import Testing

/// A directory that Kafka 4.1.1 wrote and closed, its checkpoint files included.
@Suite(.enabled(if: buildsAllCodecs)) struct KafkaDirectoryOpeningTests {
  private static let names = ["compacted-0", "golden-0", "rolled-0"]

  private func disk(isMarked: Bool) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let folder = fixtures + "/kafka-dirs"
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      let isWanted = name.hasSuffix("-checkpoint") || name == CleanMark.fileName && isMarked
      guard isWanted || Self.names.contains(where: { name.hasPrefix($0 + "/") }) else { continue }
      disk.install("data/" + name, try contents(folder + "/" + name))
    }
    return disk
  }

  private func checkpoint(_ disk: SimulatedDisk, _ kind: OffsetCheckpoint.Kind) throws -> OffsetCheckpoint {
    let bytes = try #require(disk.contents(of: "data/" + kind.fileName))
    return try #require(OffsetCheckpoint(parsing: bytes), "\(String(decoding: bytes, as: UTF8.self))")
  }

  @Test(arguments: [true, false])
  func itsFilesAreTakenAndWrittenAsItDoes(_ isMarked: Bool) throws {
    let disk = try disk(isMarked: isMarked)
    let before = disk.folder("data").files
    let (ends, starts) = (try checkpoint(disk, .recoveryPoint), try checkpoint(disk, .logStart))
    #expect(ends.offsets.count == 3 && !starts.offsets.isEmpty)
    let directory = try LogDirectory.open("data", environment: disk.environment)
    #expect(directory.recoveryReport.wasClean == isMarked && directory.recoveryReport.foreign == [])
    #expect(directory.recoveryReport.unreadable == [] && directory.logs == Self.names)
    for name in Self.names {
      let log = try directory.log(for: name)
      let parsed = try #require(LogName(name))
      #expect(log.logEndOffset == ends.offsets[parsed])
      #expect(log.logStartOffset == starts.offsets[parsed] ?? log.segments[0].baseOffset)
      #expect(log.highWatermark == log.logEndOffset)
      _ = try log.all()
    }
    try directory.close()
    let after = disk.folder("data").files
    for (name, bytes) in before where name.hasSuffix(".log") { #expect(after[name] == bytes, "\(name)") }
    #expect(after["cleaner-offset-checkpoint"] == before["cleaner-offset-checkpoint"])
    // The epoch in the mark is of the broker that closed it, and that was none.
    #expect(after[CleanMark.fileName] == Array(CleanMark.text.utf8))
    #expect(try checkpoint(disk, .recoveryPoint) == ends)
    // Each begins with its first segment, which needs no saying.
    #expect(try checkpoint(disk, .logStart).offsets.isEmpty)
  }
}
