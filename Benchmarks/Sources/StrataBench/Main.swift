internal import BenchmarkKit
internal import Glibc
internal import StrataWorkloads

/// Exit status: 0 done, 1 what was read back is wrong or something got slower than the baseline, 2 usage or a
/// file that cannot be read, 3 the log said no.
@main
enum Main {
  static func main() {
    do {
      let options = try BenchmarkOptions(parsing: Array(CommandLine.arguments.dropFirst()))
      if options.isHelp {
        Output.line(BenchmarkOptions.usage)
        return
      }
      exit(try run(options) ? 0 : 1)
    } catch let error as BenchmarkError {
      Output.error("strata-bench: \(error)")
      exit(2)
    } catch {
      Output.error("strata-bench: \(error)")
      exit(3)
    }
  }

  /// Returns whether everything is as it has to be.
  private static func run(_ options: BenchmarkOptions) throws -> Bool {
    // First of all: it would be a pity to measure for minutes, and then not to be able to compare.
    let baseline = try options.baselinePath.map { path throws(BenchmarkError) in try ResultFile(path: path) }
    let report = try report(options)
    if let path = options.jsonPath { try TextFile.write(report.json.text + "\n", to: path) }
    if let path = options.htmlPath { try TextFile.write(report.page.text, to: path) }
    if let path = options.markdownPath, let goals = report.goals {
      try TextFile.write(goals.markdown, to: path)
    }
    var isRight = report.results.allSatisfy { $0.verified != false }
    if !isRight {
      Output.error("strata-bench: what was read back is not what was written; see NO in the last column")
    }
    if let baseline {
      let comparison = report.compared(with: baseline)
      Output.line("")
      for line in comparison.lines { Output.line(line) }
      if !comparison.losses.isEmpty { isRight = false }
    }
    return isRight
  }

  private static func report(_ options: BenchmarkOptions) throws -> Benchmark.Report {
    guard let path = options.fromPath else {
      return try Benchmark.run(options, catchingSignals: true) { Output.line($0) }
    }
    return Benchmark.Report(try ResultFile(path: path))
  }
}
