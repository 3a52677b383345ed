import BenchmarkKit
import Strata
import Testing

@Suite struct StatisticsTests {
  @Test func theMedianLiesInTheMiddle() {
    #expect(Spread([3, 1, 2]).median == 2)
    #expect(Spread([4, 1, 3, 2]).median == 2.5)
    let one = Spread([7])
    #expect(one.median == 7 && one.minimum == 7 && one.maximum == 7)
    let many = Spread([5, -1, 9])
    #expect(many.minimum == -1 && many.maximum == 9)
  }

  @Test func roundsAlternateAndDropTheFirst() throws {
    var order = ""
    let rounds = try Rounds.run(
      2, progress: Progress(isQuiet: true), "",
      limits: [
        {
          order += "a"
          return Sample(bytes: 100, nanoseconds: 100)
        },
        {
          order += "b"
          return Sample(bytes: 100, nanoseconds: 50)
        },
      ]
    ) {
      order += "w"
      return Sample(records: 10, bytes: 100, nanoseconds: order.count <= 3 ? 1 : 200)
    }
    #expect(order == "awbawbawb")
    #expect(rounds.samples.count == 2)
    var result = BenchmarkResult(workload: "x", engine: "strata", label: "x", parameters: [])
    rounds.fill(&result)
    rounds.limitByThroughput("limit", &result)
    // The warm-up's 1 ns is not in it; the better of the two limits counts.
    #expect(result.recordsPerSecond == Spread([5e7, 5e7]))
    #expect(result.ofLimit == 0.25)
    #expect(result.verified == nil)
  }

  @Test func latenciesAndOperationsAreSharesOfTheLimit() throws {
    func sample(_ nanoseconds: Int64, parallel: Int) -> Sample {
      var histogram = LatencyHistogram(cellsPerOctave: 128)
      for _ in 0..<100 { histogram.record(nanoseconds) }
      return Sample(
        records: 100, nanoseconds: nanoseconds * 100 / Int64(parallel), latencies: histogram)
    }
    let rounds = try Rounds.run(
      3, progress: Progress(isQuiet: true), "", limits: [{ sample(100, parallel: 1) }]
    ) { sample(200, parallel: 8) }
    var result = BenchmarkResult(workload: "x", engine: "strata", label: "x", parameters: [])
    rounds.limitByLatency("limit", &result)
    #expect(result.ofLimit == 0.5)
    rounds.limitByOperations("limit", &result)
    #expect(result.ofLimit == 4)
    #expect(rounds.samples.allSatisfy { $0.latencies != nil })
  }

  @Test func allocationsAreCountedWhereTheyAreTaken() {
    var kept: [[Int]] = []
    kept.reserveCapacity(100)
    let count = Allocations.count { for number in 0..<100 { kept.append([number, number + 1]) } }
    #expect(count >= 100)
    #expect(kept.count == 100)
    let each = Allocations.perRecord(1000) { 7 + 3 * $0 }
    #expect(each == 3)
  }

  @Test func figuresAreWrittenAsPeopleReadThem() {
    #expect(Units.rate(22_149_000) == "22.1 M")
    #expect(Units.rate(999) == "999")
    #expect(Units.rate(999.7) == "1.00 k")
    #expect(Units.bytes(2.312e9) == "2.31 GB")
    #expect(Units.duration(152_300) == "152 µs")
    #expect(Units.size(128 << 10) == "128 KiB")
    #expect(Units.size(1000) == "1,000 B")
    #expect(Units.share(0.834) == "83 %")
    #expect(Units.share(12.44) == "12.4×")
    #expect(Units.grouped(1_234_567) == "1,234,567")
  }
}
