import BenchmarkKit
import Foundation
import StrataWorkloads
import Testing

/// Each workload at a small size: it runs, what it wrote is read back, and its results are whole. One at a time: a run
/// that waits for tasks blocks a thread of the pool that they need, and several would block all of it.
@Suite(.serialized) struct WorkloadTests {
  let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("strata-bench-tests-\(UUID().uuidString)").path

  func run(_ arguments: String...) throws -> (report: Benchmark.Report, lines: [String]) {
    var options = try BenchmarkOptions(parsing: arguments + ["--quick", "--rounds", "1"])
    options.directory = directory
    var lines: [String] = []
    let report = try Benchmark.run(options, progress: Progress(isQuiet: true)) { lines.append($0) }
    #expect(!FileManager.default.fileExists(atPath: directory), "the directory was left behind")
    return (report, lines)
  }

  @Test(arguments: Workload.allCases)
  func runsAndVerifies(workload: Workload) throws {
    let (report, lines) = try run(workload.rawValue, "--values", "100")
    #expect(!report.results.isEmpty)
    for result in report.results {
      #expect(result.workload == workload.rawValue)
      #expect(
        result.recordsPerSecond != nil || result.bytesPerSecond != nil || result.latency != nil,
        "\(result.label)")
      guard workload != .limits else { continue }
      #expect(result.verified == true, "\(result.label)")
      #expect(result.limit != nil && result.ofLimit.map { $0 > 0 } == true, "\(result.label)")
    }
    if [.append, .fetch, .scan, .lookup, .codec].contains(workload) {
      #expect(report.results.contains { $0.allocationsPerRecord != nil })
    }
    for line in lines where !line.hasPrefix("Intel") && !line.hasPrefix("AMD") {
      #expect(line.count <= 120, "\(line)")
    }
    let labels = report.results.map(\.label)
    #expect(Set(labels).count == labels.count, "two rows of one name")
  }

  @Test func theJSONIsWellFormedAndWhole() throws {
    let report = try run("append", "limits", "--values", "100", "--preparation", "allocated").report
    let text = Data(report.json.text.utf8)
    let parsed = try #require(JSONSerialization.jsonObject(with: text) as? [String: Any])
    #expect(Set(parsed.keys) == ["environment", "results"])
    let environment = try #require(parsed["environment"] as? [String: Any])
    for key in ["kernel", "processor", "cores", "memoryBytes", "fileSystem", "device", "build"] {
      #expect(environment[key] != nil, "\(key)")
    }
    let results = try #require(parsed["results"] as? [[String: Any]])
    #expect(results.count == report.results.count)
    let known: Set<String> = [
      "workload", "engine", "label", "parameters", "recordsPerSecond", "bytesPerSecond", "latencyNanoseconds",
      "limit", "ofLimit", "loop", "syncs", "allocationsPerRecord", "figures", "verified",
    ]
    for result in results {
      #expect(Set(result.keys).isSubset(of: known))
      for key in ["workload", "engine", "parameters"] { #expect(result[key] != nil, "\(key)") }
      for key in ["recordsPerSecond", "bytesPerSecond"] {
        guard let spread = result[key] else { continue }
        #expect(Set(try #require(spread as? [String: Double]).keys) == ["median", "min", "max"])
      }
      if let latency = result["latencyNanoseconds"] {
        #expect(Set(try #require(latency as? [String: Int]).keys) == ["p50", "p99", "p999", "max"])
      }
      #expect((result["loop"] == nil) == (result["latencyNanoseconds"] == nil))
      if let limit = result["limit"] as? [String: Any] {
        #expect(limit["name"] is String)
        #expect((limit["bytesPerSecond"] == nil) != (limit["nanoseconds"] == nil))
        #expect(result["ofLimit"] is Double)
      }
    }
    let synced = results.filter { ($0["parameters"] as? [String: Any])?["writers"] as? Int == 1 }
    #expect(synced.count == 1 && synced[0]["syncs"] as? Int == 20)
  }

  /// Each goal finds the result that it speaks of, but those of another size.
  @Test func everyGoalFindsItsResult() throws {
    let (report, lines) = try run("all")
    let outcomes = try #require(report.goals).outcomes
    #expect(Set(outcomes.map(\.goal.number)) == Set((1...17).map { "P\($0)" }))
    for outcome in outcomes {
      let needsSize = ["10,000 logs", "each of them", "1 M keys"].contains { outcome.goal.work.contains($0) }
      #expect((outcome.state == .notMeasured) == needsSize, "\(outcome.goal.work)")
    }
    #expect(lines.contains { $0.hasPrefix("goals") })
    let parsed = try JSONSerialization.jsonObject(with: Data(report.json.text.utf8)) as? [String: Any]
    #expect((parsed?["goals"] as? [[String: Any]])?.count == outcomes.count)
    for line in lines where !line.hasPrefix("Intel") && !line.hasPrefix("AMD") {
      #expect(line.count <= 120, "\(line)")
    }
  }

  @Test func aRateMakesAnOpenLoopAndSaysSo() throws {
    let (report, lines) = try run(
      "append", "--rate", "2000", "--batch", "1", "--values", "64", "--preparation", "none")
    let paced = report.results.filter { $0.loop == .open(perSecond: 2000) }
    #expect(paced.count == 2, "one buffered, one synced")
    for result in paced {
      #expect(result.verified == true)
      #expect(result.parameters.contains(JSON.Member("rate", .number(2000))))
      let rate = try #require(result.recordsPerSecond)
      #expect(rate.maximum < 2300, "it did not keep to the pace")
    }
    #expect(lines.contains { $0.contains("open loop, 2.00 k a second") })
    #expect(lines.contains { $0.contains("closed loop") })
  }

  @Test func readersOfATailArePacedByDefault() throws {
    let report = try run("tail").report
    #expect(report.results.map(\.loop) == [.closed, .open(perSecond: 5000)])
    let latency = try #require(report.results[1].latency)
    #expect(latency.p50 > 0 && latency.p50 <= latency.p99 && latency.p99 <= latency.maximum)
  }

  @Test func recoveryTellsWhatItReadAndWhatItWroteAnew() throws {
    let results = try run("recover").report.results
    func figure(_ result: BenchmarkResult, _ key: String) throws -> Double {
      try #require(result.figures.first { $0.key == key }).value
    }
    for result in results.dropLast() {
      #expect(try figure(result, "scannedBytes") >= 1_048_576)
      #expect(try figure(result, "scannedBytes") == figure(result, "rewrittenBytes"))
    }
    let durable = try #require(results.last)
    #expect(try figure(durable, "mostReadAgainBytes") <= 67_108_864)
    #expect(try figure(durable, "rewrittenBytes") < 1_048_576)
    #expect(try figure(durable, "rewrittenBytes") < figure(durable, "scannedBytes"))
  }

  @Test func everyPreparationIsMeasuredAndNamed() throws {
    let results = try run("append", "--batch", "100", "--values", "64", "--preparation", "none").report
      .results
    #expect(!results.isEmpty)
    #expect(results.allSatisfy { $0.parameters.contains(JSON.Member("preparation", .string("none"))) })
    #expect(results.allSatisfy { $0.limit?.name.contains("plain") == true })
  }

  @Test func threadsAndBatchesAreTakenAsAsked() throws {
    let results = try run(
      "append", "--threads", "2", "--batch", "10", "--values", "64", "--durability", "buffered",
      "--preparation",
      "allocated"
    ).report.results
    #expect(results.count == 3)
    #expect(results.allSatisfy { $0.verified == true })
    for result in results {
      #expect(result.parameters.contains(JSON.Member("threads", .integer(2))))
      #expect(result.parameters.contains(JSON.Member("recordsPerBatch", .integer(10))))
    }
  }

  @Test func jsonTextIsEscaped() throws {
    let odd = "a\"b\\c\n\t\u{1}é"
    let json = JSON.object([
      JSON.Member("k", .string(odd)), JSON.Member("empty", .array([])), JSON.Member("n", .number(.nan)),
      JSON.Member("list", .array([.integer(1), .object([JSON.Member("x", .bool(true))]), .null])),
    ])
    let parsed = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any]
    #expect(parsed?["k"] as? String == odd)
    #expect((parsed?["list"] as? [Any])?.count == 3)
    #expect(parsed?["n"] is NSNull)
  }
}
