import Strata
import StrataIO
import StrataSimulation

/// What is made ready ahead of the appends.
extension Behaviour {
  private static var written: LogConfiguration {
    var configuration = LogConfiguration.crash(.written, .copied)
    configuration.segmentBytes = 20_000
    return configuration
  }

  private static func openPrepared() throws -> (SimulatedDisk, Log) {
    var options = SimulatedDisk.Options()
    options.ioThread = .stepped
    let disk = SimulatedDisk(seed: 1, crashAt: .never, options: options)
    let log = try Log.open("log", configuration: written, environment: disk.environment)
    try log.append(Record(value: "first"))
    try log.prepare()
    return (disk, log)
  }

  /// A segment that was prepared has its full size whatever a crash leaves: so no sync changes it.
  static func preparedSegment() throws {
    let (disk, log) = try openPrepared()
    let value = [UInt8](repeating: 1, count: 15_000)
    for _ in 0..<2 { try log.append(Record(value: value), durability: .buffered) }
    try expect(disk.contents(of: first)!.count < 20_000, "a segment that ended was not cut")
    let last = log.segments[1].path
    for seed in UInt64(0)..<24 {
      let survivor = disk.restarted(into: disk.survivingStates().sample(seed: seed))
      let size = survivor.contents(of: last)?.count
      try expect(size == 20_000, "the prepared segment has \(size ?? -1) bytes after a crash")
    }
  }

  static func nothingPrepared() throws {
    let (disk, log) = try openPrepared()
    let name = "log/strata.prepared"
    try expect(disk.contents(of: name)?.count == 20_000, "nothing was prepared: \(disk.listing())")
    try log.close()
    try expect(disk.contents(of: name) == nil, "left behind: \(disk.listing())")
    let size = disk.contents(of: first)!.count
    try expect(size == log.segments[0].bytes, "the last segment has \(size) bytes")
  }
}
