import Strata
import StrataRecords
import Testing

/// What is compacted next, and which segments are put together.
@Suite struct CompactionPlanTests {
  typealias Fact = CompactionPlan.SegmentFact

  /// Ten offsets and `bytes` to a segment, written at these times.
  static func segments(_ bytes: [Int64], times: [Int64] = []) -> [Fact] {
    bytes.enumerated().map { place, bytes in
      Fact(
        baseOffset: Offset(Int64(place * 10)), nextOffset: Offset(Int64(place * 10 + 10)), bytes: bytes,
        time: place < times.count ? times[place] : 0)
    }
  }

  @Test func theDirtyPartIsWhatWasNotCompacted() {
    var facts = CompactionPlan.Facts(segments: Self.segments([100, 100, 100, 100]), leastDirtyRatio: 0.5)
    var plan = CompactionPlan(facts)
    #expect(plan.dirty == 0..<40 && plan.dirtyRatio == 1 && plan.isDue)
    facts.cleanedTo = 20
    plan = CompactionPlan(facts)
    #expect(plan.dirty == 20..<40 && plan.dirtyRatio == 0.5 && plan.isDue)
    facts.cleanedTo = 30
    plan = CompactionPlan(facts)
    #expect(plan.dirty == 30..<40 && plan.dirtyRatio == 0.25 && !plan.isDue)
    facts.cleanedTo = 40
    plan = CompactionPlan(facts)
    #expect(plan.dirty.isEmpty && plan.dirtyRatio == 0 && !plan.isDue)
    // A log that begins later is dirty from there on.
    facts.cleanedTo = 0
    facts.logStart = 15
    #expect(CompactionPlan(facts).dirty == 15..<40)
  }

  @Test func itEndsBeforeTheSegmentThatIsNotDecidedYet() {
    var facts = CompactionPlan.Facts(segments: Self.segments([100, 100, 100]), bound: 30)
    #expect(CompactionPlan(facts).dirty == 0..<30)
    facts.bound = 29
    #expect(CompactionPlan(facts).dirty == 0..<20)
    facts.bound = 3
    #expect(CompactionPlan(facts).dirty.isEmpty)
  }

  @Test func recordsStayForTheLeastLag() {
    var facts = CompactionPlan.Facts(
      segments: Self.segments([100, 100, 100], times: [1000, 5000, 1000]), now: 6000, leastLag: 1000)
    #expect(CompactionPlan(facts).dirty == 0..<30)
    facts.leastLag = 1001
    #expect(CompactionPlan(facts).dirty == 0..<10)
    // What is compacted already does not count.
    facts.cleanedTo = 20
    #expect(CompactionPlan(facts).dirty == 20..<30)
  }

  @Test func theGreatestLagMakesItDue() {
    var facts = CompactionPlan.Facts(
      segments: Self.segments([1000, 1]), cleanedTo: 10, now: 6000, leastDirtyRatio: 0.5, greatestLag: 1000,
      oldestDirtyTime: 5000)
    #expect(!CompactionPlan(facts).isDue)
    facts.now = 6001
    #expect(CompactionPlan(facts).isDue)
    facts.cleanedTo = 20
    #expect(!CompactionPlan(facts).isDue)
  }

  @Test func smallSegmentsArePutTogetherUpToTheSizeOfOne() {
    func bases(_ segments: [Fact], before end: Offset = .max, bytes: Int64 = 100, index: Int = .max)
      -> [[Int64]]
    {
      CompactionPlan.groups(segments, before: end, segmentBytes: bytes, indexBytes: index).map {
        $0.map(\.baseOffset.rawValue)
      }
    }
    let segments = Self.segments([40, 60, 1, 99, 100, 20, 30, 70])
    #expect(bases(segments) == [[0, 10], [20, 30], [40], [50, 60], [70]])
    #expect(bases(segments, before: 60) == [[0, 10], [20, 30], [40], [50]])
    #expect(bases(segments, before: 61) == [[0, 10], [20, 30], [40], [50, 60]])
    #expect(bases(segments, bytes: 1) == segments.map { [$0.baseOffset.rawValue] })
    // The entries of an index, and the 31 bits in which it counts offsets.
    var indexed = Self.segments([1, 1, 1, 1])
    for place in indexed.indices { indexed[place].indexBytes = 8 }
    #expect(bases(indexed, index: 16) == [[0, 10], [20, 30]])
    let far = Fact(baseOffset: 10, nextOffset: Offset(Int64(Int32.max) + 1), bytes: 1)
    let further = Fact(baseOffset: 10, nextOffset: Offset(Int64(Int32.max) + 2), bytes: 1)
    #expect(bases([indexed[0], far]) == [[0, 10]] && bases([indexed[0], further]) == [[0], [10]])
  }
}
