import Strata
import StrataSimulation
import Testing

/// What a log tells of its work.
@Suite struct StatisticsTests {
  @Test func everyVerbIsCountedAndWhatWaitsForTheDiskIsTimed() throws {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try Log.open("log", configuration: .crash, environment: disk.environment)
    let before = log.statistics
    #expect(before.appendedRecords == 0 && before.durabilityLatency.count == 0)
    try log.append([Record(value: "a"), Record(value: "b")])
    try log.append(Record(value: "c"), durability: .buffered)
    // Nothing is left to wait for the second time.
    try log.flush()
    try log.flush()
    var now = log.statistics
    #expect(now.appendedBatches == 2 && now.appendedRecords == 3)
    #expect(now.appendedBytes == log.segments.reduce(0) { $0 + UInt64($1.bytes) })
    #expect(now.synchronizationLatency.count == 2 && now.durabilityLatency.count == 2)
    // The simulated clock moves ten microseconds with each call of the file system.
    #expect(now.synchronizationLatency.maximum >= 10_000)
    #expect(now.durabilityLatency.maximum >= now.synchronizationLatency.percentile(0))
    #expect(now.rollLatency.count == 0 && now.rolledSegments == 0)

    for _ in 0..<4 { try log.append(Record(value: "d"), durability: .buffered) }
    now = log.statistics
    #expect(now.rolledSegments == UInt64(log.segments.count - 1) && now.rolledSegments > 0)
    #expect(now.rollLatency.count == now.rolledSegments && now.rollLatency.maximum >= 10_000)
    try log.truncate(to: 5)
    #expect(log.statistics.truncations == 1)
    let count = log.segments.count
    try log.deleteRecords(before: 4)
    #expect(log.statistics.removedSegments == UInt64(count - log.segments.count))
    #expect(log.statistics.removedSegments > 0)
  }

  @Test func coarseAndFineHistogramsTellWhatTheyPromise() {
    for (cells, error) in [(16, 0.032), (128, 0.004)] {
      var value: Int64 = 1
      while value < 1 << 40 {
        var histogram = LatencyHistogram(cellsPerOctave: cells)
        histogram.record(value)
        // Behind a larger one, or the exact maximum would be told.
        histogram.record(1 << 40)
        let told = histogram.percentile(0.5)
        #expect(
          abs(Double(told - value)) <= error * Double(value),
          "\(value) is told as \(told) with \(cells) cells")
        value += max(1, value / 7)
      }
    }
  }
}
