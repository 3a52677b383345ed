public import BenchmarkKit

extension Benchmark.Report {
  /// What an earlier run wrote down, with the goals as they are now.
  public init(_ file: ResultFile) {
    self.init(
      environment: file.environment, results: file.results,
      goals: file.showsGoals ? GoalTable(Goals.all, file.results) : nil)
  }

  /// The results as a page.
  public var page: ResultPage { ResultPage(environment: environment, results: results, goals: goals) }

  /// The results beside those of an earlier run.
  public func compared(with baseline: ResultFile) -> Baseline {
    Baseline(
      before: baseline.results, after: results, environments: (baseline.environment, environment))
  }
}
