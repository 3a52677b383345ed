internal import BenchmarkKit
internal import Strata

/// Finding single records by their offsets, and looking whether each is the right one.
struct OffsetLookups {
  let values: Values

  func run(_ log: Log, _ offsets: [Int]) throws -> Sample {
    var latencies = LatencyHistogram(cellsPerOctave: 128)
    var wrong = 0
    let start = Clock.now
    var last = start
    for offset in offsets {
      if try !finds(offset, in: log) { wrong += 1 }
      let now = Clock.now
      latencies.record(now - last)
      last = now
    }
    var sample = Sample(records: offsets.count, nanoseconds: last - start, latencies: latencies)
    sample.verified = wrong == 0
    return sample
  }

  @inline(__always)
  private func finds(_ offset: Int, in log: Log) throws -> Bool {
    let number = try log.withRecord(at: Offset(Int64(offset)), isolation: .logEnd) { record -> Int? in
      guard let value = record.value else { return nil }
      return values.number(of: value)
    }
    return number == offset % Values.count
  }
}
