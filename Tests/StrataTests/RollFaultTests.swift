import Strata
import StrataIO
import StrataSimulation
import Testing

/// A roll that fails in the middle never lets one offset name two records.
@Suite struct RollFaultTests {
  static let faults: [(Call.Operation, String)] = [
    (.synchronizeDirectory, "log"), (.synchronize, "durable-point"), (.write, "durable-point"),
    (.resize, ".log"), (.synchronize, "0.log"), (.open, "1.log"),
  ]

  @Test(arguments: faults.indices)
  func anOffsetNamesOneRecordWhateverARollMeets(place: Int) throws {
    let (operation, suffix) = Self.faults[place]
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = LogConfiguration()
    configuration.segmentBytes = 300
    configuration.indexBytes = 4 << 10
    configuration.segmentMilliseconds = nil
    var durable: [Int64: Int] = [:]
    do {
      let log = try Log.open("log", configuration: configuration, environment: disk.environment)
      func append(_ size: Int) throws {
        let place = try log.append(Record(value: [UInt8](repeating: UInt8(size), count: size)))
        durable[place.baseOffset.rawValue] = size
      }
      try append(150)
      disk.add(FaultRule(.error(.noSpace), on: [operation], pathSuffix: suffix, .nth(1)))
      #expect(throws: LogError.self) { try append(151) }
      disk.removeFaults()
      // Either the log goes on as before, or it says that it cannot.
      for size in [1, 152, 2] {
        let failure = code { try append(size) }
        #expect(failure == nil || failure == .poisoned)
      }
    }
    disk.crash()
    let log = try Log.open("log", configuration: configuration, environment: disk.afterCrash())
    let found = try log.all()
    for (offset, size) in durable {
      #expect(found.first { $0.offset == offset }?.record.value?.count == size, "offset \(offset)")
    }
    #expect(Set(found.map(\.offset)).count == found.count)
    try log.append(Record(value: "on it goes"))
  }

  /// After a crash the index files may be as small as they ever were. Storing behind their end kills the process.
  @Test func aRollAfterACrashHasRoomForTheEntryThatEndsTheTimeIndex() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    var configuration = LogConfiguration()
    configuration.segmentBytes = 300
    configuration.segmentMilliseconds = nil
    do {
      let log = try Log.open("log", configuration: configuration, environment: disk.environment)
      try log.append(Record(value: "a"), durability: .buffered)
    }
    // The process was killed; this recovers, and is killed too.
    _ = try Log.open("log", configuration: configuration, environment: disk.environment)
    for kind in ["index", "timeindex"] {
      try disk.environment.fileSystem.open("log/00000000000000000000.\(kind)", .readWrite).resize(to: 0)
    }
    let log = try Log.open("log", configuration: configuration, environment: disk.environment)
    try log.append(Record(value: [UInt8](repeating: 7, count: 280)))
    #expect(log.segments.count == 2)
    #expect(disk.contents(of: "log/00000000000000000000.timeindex")?.count == 12)
  }
}
