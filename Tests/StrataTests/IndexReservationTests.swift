import Strata
import StrataSimulation
import Testing

/// No entry of an index is stored where its file has no block: on a real machine that ends the process.
@Suite struct IndexReservationTests {
  @Test func theFirstAppendAfterALossOfPowerMayRoll() throws {
    var configuration = LogConfiguration.small
    configuration.segmentBytes = 100
    var disk = SimulatedDisk(seed: 1, crashAt: .never)
    var log = try Log.open("log", configuration: configuration, environment: disk.environment)
    // Too little for an entry of the index: the one that ends the time index is still to come.
    try log.append(Record(value: "a", timestamp: Timestamp(milliseconds: 1000)), durability: .buffered)
    // The process ends; recovery reserves blocks of the index, and the power takes them.
    disk = disk.fork()
    log = try Log.open("log", configuration: configuration, environment: disk.environment)
    #expect(!log.recoveryReport.wasClean)
    disk.crash()
    disk = disk.restarted(into: disk.survivingStates()[0])
    log = try Log.open("log", configuration: configuration, environment: disk.environment)
    let place = try log.append(Record(value: "b", timestamp: Timestamp(milliseconds: 2000)))
    #expect(place.baseOffset == 1)
    #expect(log.segments.count == 2)
    #expect(try log.values() == ["a", "b"])
  }
}
