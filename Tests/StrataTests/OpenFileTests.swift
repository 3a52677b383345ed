import Strata
import StrataSimulation
import Testing

/// Whoever is gone holds no file, no mapping and no lock.
@Suite struct OpenFileTests {
  private func disk() throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: .small, environment: disk.environment)
    for number in 0..<60 { try log.append(Record(value: "value \(number)"), durability: .buffered) }
    #expect(log.segments.count > 2)
    try log.close()
    return disk
  }

  private func readAll(_ disk: SimulatedDisk, _ access: LogAccess) throws {
    let log = try Log.open("log", configuration: .small, access: access, environment: disk.environment)
    #expect(try log.values().count == 60)
    #expect(try log.offset(for: Timestamp(milliseconds: 1), isolation: .logEnd) == 0)
  }

  @Test(arguments: [LogAccess.readWrite, .readOnly])
  func aReaderThatWentThroughAllSegmentsLeavesNoFileOpen(access: LogAccess) throws {
    let disk = try disk()
    try readAll(disk, access)
    #expect(disk.openFileCount == 0)
    #expect(disk.openMappingCount == 0)
    #expect(disk.openLockCount == 0)
  }
}
