import BenchmarkKit
import Strata
import Testing

@Suite struct HistogramTests {
  @Test func smallValuesAreExact() {
    var histogram = LatencyHistogram(cellsPerOctave: 128)
    for value in 0..<256 { histogram.record(Int64(value)) }
    #expect(histogram.count == 256)
    #expect(histogram.percentile(0.5) == 127)
    #expect(histogram.percentile(1) == 255)
    #expect(histogram.percentile(0) == 0)
    #expect(histogram.maximum == 255)
  }

  @Test(arguments: [
    1, 127, 128, 255, 256, 257, 511, 512, 1023, 1 << 20, (1 << 20) + 1, 123_456_789, (1 << 40) - 1,
  ])
  func everyValueIsToldWithinOnePercent(value: Int64) {
    var histogram = LatencyHistogram(cellsPerOctave: 128)
    histogram.record(value)
    // Behind a larger one, or the exact maximum would be told.
    histogram.record(1 << 40)
    let told = histogram.percentile(0.5)
    #expect(abs(Double(told - value)) <= 0.01 * Double(value), "\(value) is told as \(told)")
  }

  @Test func cellsAreInOrderAndWithoutGaps() {
    var last: Int64 = -1
    var value: Int64 = 1
    while value < 1 << 40 {
      var histogram = LatencyHistogram(cellsPerOctave: 128)
      histogram.record(value)
      histogram.record(1 << 40)
      let told = histogram.percentile(0.5)
      #expect(told >= last)
      last = told
      value += max(1, value / 50)
    }
  }

  @Test func percentilesOfALineAreOnIt() {
    var histogram = LatencyHistogram(cellsPerOctave: 128)
    for value in 1...100_000 { histogram.record(Int64(value)) }
    for (fraction, expected) in [(0.5, 50_000.0), (0.99, 99_000), (0.999, 99_900)] {
      let told = Double(histogram.percentile(fraction))
      #expect(abs(told - expected) <= 0.01 * expected)
    }
    let latency = Latency(histogram)
    #expect(latency.maximum == 100_000)
    #expect(latency.p50 < latency.p99 && latency.p99 < latency.p999 && latency.p999 <= latency.maximum)
  }

  @Test func valuesBeyondTheRangeAreKept() {
    var histogram = LatencyHistogram(cellsPerOctave: 128)
    histogram.record(-5)
    histogram.record(.max)
    #expect(histogram.count == 2)
    #expect(histogram.percentile(0.5) == 0)
    #expect(histogram.maximum == .max)
  }

  @Test func mergingIsRecordingBoth() {
    var (left, right, both) = (
      LatencyHistogram(cellsPerOctave: 128), LatencyHistogram(cellsPerOctave: 128),
      LatencyHistogram(cellsPerOctave: 128)
    )
    for value in 1...1000 {
      if value % 3 == 0 { left.record(Int64(value * 17)) } else { right.record(Int64(value * 17)) }
      both.record(Int64(value * 17))
    }
    left.merge(right)
    #expect(left.count == both.count)
    #expect(Latency(left) == Latency(both))
  }

  @Test func aStallOfAPacedRunCountsWhatCouldNotBegin() {
    var histogram = LatencyHistogram(cellsPerOctave: 128)
    for _ in 0..<99 { histogram.record(10, every: 100) }
    histogram.record(10_000, every: 100)
    // 10,000, 9,900, … 100: the stall and the 99 operations that it kept from beginning.
    #expect(histogram.count == 199)
    #expect(histogram.percentile(0.5) >= 100)
  }

  @Test func nothingRecordedIsZero() {
    #expect(LatencyHistogram(cellsPerOctave: 128).percentile(0.99) == 0)
  }
}
