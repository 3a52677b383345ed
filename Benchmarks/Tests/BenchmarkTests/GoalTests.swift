import BenchmarkKit
import Testing

@Suite struct GoalTests {
  private func result(
    _ workload: String, _ parameters: [JSON.Member], _ fill: (inout BenchmarkResult) -> Void
  ) -> BenchmarkResult {
    var result = BenchmarkResult(workload: workload, engine: "strata", label: "it", parameters: parameters)
    fill(&result)
    return result
  }

  private let size = JSON.Member("valueBytes", .integer(100))

  @Test func aGoalIsReachedOrSaysHowFar() {
    let goal = Goal("P1", "append", "append", [size], .recordsPerSecond, .atLeast(40))
    let slow = result("append", [size]) { $0.recordsPerSecond = Spread([10]) }
    let fast = result("append", [size]) { $0.recordsPerSecond = Spread([40]) }
    #expect(goal.outcome(in: [slow]).state == .missed)
    #expect(goal.outcome(in: [slow]).ofGoal == 0.25)
    #expect(goal.outcome(in: [slow]).verdict == "25 % of the goal")
    #expect(goal.outcome(in: [fast]).state == .reached)
    #expect(goal.outcome(in: [fast, slow]).value == 40, "the first that fits counts")
  }

  @Test func onlyTheResultThatItSpeaksOfCounts() {
    let goal = Goal("P1", "append", "append", [size], .recordsPerSecond, .atLeast(1))
    let others = [
      result("scan", [size]) { $0.recordsPerSecond = Spread([5]) },
      result("append", [JSON.Member("valueBytes", .integer(1024))]) { $0.recordsPerSecond = Spread([5]) },
      result("append", []) { $0.recordsPerSecond = Spread([5]) },
      result("append", [size]) { $0.ofLimit = 1 },
    ]
    let outcome = goal.outcome(in: others)
    #expect(outcome.state == .notMeasured && outcome.value == nil && outcome.ofGoal == nil)
    #expect(GoalTable([goal], others).lines[1].hasSuffix("not measured"))
    var peer = BenchmarkResult(workload: "append", engine: "sqlite", label: "it", parameters: [size])
    peer.recordsPerSecond = Spread([9])
    #expect(goal.outcome(in: [peer]).state == .notMeasured)
  }

  @Test func latenciesSharesAndFiguresAreComparedTheRightWayAround() {
    let found = result("x", []) {
      $0.latency = Latency(p50: 100, p99: 300)
      $0.ofLimit = 0.8
      $0.allocationsPerRecord = 0.0004
      $0.figures = [Figure("openNanoseconds", "opening", 5e8, .nanoseconds)]
    }
    func outcome(_ measure: Goal.Measure, _ bound: Goal.Bound) -> GoalOutcome {
      Goal("P", "x", "x", [], measure, bound).outcome(in: [found])
    }
    #expect(outcome(.p50, .atMost(100)).state == .reached)
    #expect(outcome(.p99, .atMost(100)).state == .missed)
    #expect(outcome(.p99, .atMost(150)).ofGoal == 0.5)
    #expect(outcome(.ofLimit, .atLeast(0.85)).state == .missed)
    #expect(outcome(.timesLimit, .atMost(1.3)).state == .reached)
    #expect(outcome(.timesLimit, .atMost(1.2)).state == .missed)
    #expect(outcome(.allocationsPerRecord, .atMost(0)).state == .reached)
    #expect(outcome(.figure("openNanoseconds"), .atMost(1e9)).valueWords == "500 ms")
    #expect(outcome(.figure("nothing"), .atMost(1)).state == .notMeasured)
  }

  @Test func oneAllocationForEachTenRecordsIsSome() {
    let found = result("x", []) { $0.allocationsPerRecord = 0.1 }
    #expect(Goal("P", "x", "x", [], .allocationsPerRecord, .atMost(0)).outcome(in: [found]).state == .missed)
  }

  @Test func theTableAndTheJSONHaveEveryGoal() {
    let goals = [
      Goal("P1", "append", "append", [size], .recordsPerSecond, .atLeast(35e6)),
      Goal("P2", "other", "other", [], .ofLimit, .atLeast(0.85)),
    ]
    let found = result("append", [size]) {
      $0.recordsPerSecond = Spread([70e6])
      $0.limit = .init("pwrite", .bytesPerSecond(8e9))
      $0.ofLimit = 0.9
    }
    let table = GoalTable(goals, [found])
    #expect(table.lines.count == 4)
    #expect(table.lines[1].contains("≥ 35.0 M/s") && table.lines[1].contains("70.0 M/s"))
    #expect(table.lines[1].contains("8.00 GB/s") && table.lines[1].hasSuffix("reached"))
    #expect(table.lines[3].contains("1 of 1 reached, 1 not measured"))
    let markdown = table.markdown.split(separator: "\n")
    #expect(markdown.count == 4)
    #expect(markdown[2] == "| P1 | append | ≥ 35.0 M/s | 70.0 M/s | 8.00 GB/s | 90 % | reached |")
    #expect(markdown[3] == "| P2 | other | ≥ 85 % |  |  |  | not measured |")
    let text = table.json.text
    #expect(text.contains(#""state": "reached""#) && text.contains(#""state": "notMeasured""#))
  }
}
