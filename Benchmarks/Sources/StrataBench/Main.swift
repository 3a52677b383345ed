internal import BenchmarkKit
internal import Glibc
internal import StrataWorkloads

@main
enum Main {
  static func main() {
    do {
      let options = try BenchmarkOptions(parsing: Array(CommandLine.arguments.dropFirst()))
      if options.isHelp {
        Output.line(BenchmarkOptions.usage)
        return
      }
      try run(options)
    } catch let error as BenchmarkError {
      Output.error("strata-bench: \(error)")
      exit(2)
    } catch {
      Output.error("strata-bench: \(error)")
      exit(3)
    }
  }

  private static func run(_ options: BenchmarkOptions) throws {
    let report = try Benchmark.run(options, catchingSignals: true) { Output.line($0) }
    if let path = options.jsonPath { try TextFile.write(report.json.text + "\n", to: path) }
    if let path = options.markdownPath, let goals = report.goals {
      try TextFile.write(goals.markdown, to: path)
    }
    guard report.results.allSatisfy({ $0.verified != false }) else {
      Output.error("strata-bench: what was read back is not what was written; see NO in the last column")
      exit(1)
    }
  }
}
