public import BenchmarkKit

extension Benchmark.Report {
  /// What an earlier run wrote down.
  public init(_ file: ResultFile) {
    self.init(environment: file.environment, results: file.results)
  }

  /// The results as a page.
  public var page: ResultPage { ResultPage(environment: environment, results: results) }

  /// The results beside those of an earlier run.
  public func compared(with baseline: ResultFile) -> Baseline {
    Baseline(
      before: baseline.results, after: results, environments: (baseline.environment, environment))
  }
}
