import BenchmarkKit
import Foundation
import Testing

@Suite struct BaselineTests {
  private func compare(_ before: [BenchmarkResult], _ after: [BenchmarkResult]) -> Baseline {
    Baseline(before: before, after: after, environments: (Sampler.environment, Sampler.environment))
  }

  @Test func aShareOfTheLimitThatFellBeyondTheNoiseIsALoss() throws {
    let comparison = compare(
      [Sampler.result("a", rate: 100, share: 0.8)], [Sampler.result("a", rate: 100, share: 0.6)])
    #expect(comparison.losses.count == 1)
    let change = try #require(comparison.changes.first)
    #expect(change.kind == .loss && change.figure == "of limit")
    #expect(abs(change.ratio - 0.75) < 1e-9)
    #expect(comparison.lines.contains { $0.contains("LOSS append a") && $0.contains("80 % → 60 %, −25.0 %") })
  }

  @Test func aSlowerDayOfTheMachineIsNoLoss() {
    let comparison = compare(
      [Sampler.result("a", rate: 100, share: 0.8)], [Sampler.result("a", rate: 40, share: 0.8)])
    #expect(comparison.losses.isEmpty)
    #expect(comparison.changes.map(\.kind) == [.noise])
  }

  @Test func withoutACommonLimitTheFigureItselfIsCompared() {
    let plain = compare([Sampler.result("a", rate: 100)], [Sampler.result("a", rate: 40)])
    #expect(plain.losses.count == 1 && plain.changes[0].figure == "records/s")
    let other = compare(
      [Sampler.result("a", rate: 100, share: 0.8)],
      [Sampler.result("a", rate: 40, share: 0.8, limit: "another")])
    #expect(other.losses.count == 1 && other.changes[0].figure == "records/s")
  }

  @Test func roundsThatOverlapAreNoise() {
    // The worst round before and the best one now: 88 and 91.
    let comparison = compare(
      [Sampler.result("a", rate: 100, spread: 0.12)], [Sampler.result("a", rate: 83, spread: 0.1)])
    #expect(comparison.losses.isEmpty)
    // 95 and 84: no round of the one lies among those of the other.
    let sure = compare(
      [Sampler.result("a", rate: 100, spread: 0.05)], [Sampler.result("a", rate: 80, spread: 0.05)])
    #expect(sure.losses.count == 1)
  }

  @Test func aSmallChangeIsNone() {
    let comparison = compare(
      [Sampler.result("a", rate: 100, spread: 0.001)], [Sampler.result("a", rate: 96, spread: 0.001)])
    #expect(comparison.changes.map(\.kind) == [.noise])
  }

  @Test func aGainIsNoLoss() {
    let comparison = compare(
      [Sampler.result("a", rate: 100, share: 0.4)], [Sampler.result("a", rate: 100, share: 0.8)])
    #expect(comparison.losses.isEmpty)
    #expect(comparison.changes.map(\.kind) == [.gain])
    #expect(comparison.lines.contains { $0.contains("gain append a") && $0.contains("+100.0 %") })
  }

  @Test func latenciesAreComparedWhereThereIsNothingElse() {
    func only(_ p50: Int64) -> BenchmarkResult {
      var result = Sampler.latency("a", p50: p50)
      result.recordsPerSecond = nil
      result.limit = nil
      result.ofLimit = nil
      return result
    }
    #expect(compare([only(100)], [only(200)]).losses.count == 1)
    #expect(compare([only(200)], [only(100)]).changes.map(\.kind) == [.gain])
  }

  @Test func allocationsThatComeAreALoss() {
    func with(_ allocations: Double) -> BenchmarkResult {
      var result = Sampler.result("a", rate: 100)
      result.allocationsPerRecord = allocations
      return result
    }
    #expect(compare([with(0)], [with(1)]).losses.map(\.figure) == ["allocations"])
    #expect(compare([with(5)], [with(5.9)]).losses.isEmpty)
    #expect(compare([with(1)], [with(0)]).losses.isEmpty)
  }

  @Test func peersAndTheMachineLoseNothingThatCounts() {
    let comparison = compare(
      [Sampler.result("a", engine: "sqlite", rate: 100), Sampler.result("b", engine: "bare", rate: 100)],
      [Sampler.result("a", engine: "sqlite", rate: 10), Sampler.result("b", engine: "bare", rate: 10)])
    #expect(comparison.losses.isEmpty)
    #expect(comparison.changes.map(\.kind) == [.loss, .loss])
    #expect(comparison.lines.contains { $0.contains("append sqlite a") })
  }

  @Test func whatIsMissingOrNewIsNamed() {
    let comparison = compare(
      [
        Sampler.result("a", rate: 1), Sampler.result("gone", rate: 1),
        Sampler.result("x", workload: "scan", rate: 1),
      ],
      [Sampler.result("a", rate: 1), Sampler.result("new", rate: 1)])
    #expect(comparison.missing.map(\.label) == ["gone"])
    #expect(comparison.added.map(\.label) == ["new"])
    // Nobody asked for scans this time.
    #expect(comparison.notMeasured == 1 && comparison.notMeasuredBefore == 0)
    let text = comparison.lines.joined(separator: "\n")
    #expect(text.contains("missing now: append gone") && text.contains("not in the baseline: append new"))
  }

  @Test func theOrderOfParametersDoesNotMatterTheirValuesDo() {
    let a = JSON.Member("a", .integer(1))
    let b = JSON.Member("b", .integer(2))
    let before = [Sampler.result("x", rate: 1, parameters: [a, b])]
    #expect(compare(before, [Sampler.result("x", rate: 1, parameters: [b, a])]).changes.count == 1)
    let other = compare(
      before, [Sampler.result("x", rate: 1, parameters: [a, JSON.Member("b", .integer(3))])])
    #expect(other.changes.isEmpty && other.missing.count == 1 && other.added.count == 1)
  }

  @Test func anotherMachineIsSaid() {
    let comparison = Baseline(
      before: [], after: [], environments: (Sampler.environment, [JSON.Member("processor", .string("Q"))]))
    #expect(comparison.lines.contains { $0.contains("not the same machine: processor: P before, Q now") })
  }

  // MARK: Files

  @Test func aResultComesBackFromItsFileWhole() throws {
    var result = Sampler.latency("é \"x\"", writers: 8, p50: 1000)
    result.bytesPerSecond = Spread([1, 2, 3])
    result.syncs = 17
    result.allocationsPerRecord = 0.25
    result.loop = .open(perSecond: 500)
    result.figures = [Figure("scannedBytes", "read", 17, .bytes)]
    let file = try ResultFile(text: Array(Sampler.file([result]).utf8), path: "f")
    #expect(file.results.map(\.json) == [result.json])
    #expect(file.results[0].label == result.label)
    #expect(file.environment == Sampler.environment)
  }

  @Test(arguments: [
    ("", "f: line 1, column 1"), ("[]", "take a file that --json wrote"),
    ("{\"environment\": {}}", "take a file"),
    ("{\"environment\": {}, \"results\": [1]}", "f: results[0]: \"workload\", \"engine\" and \"parameters\""),
    (
      #"{"environment": {}, "results": [{"workload": "a", "engine": "b", "parameters": {}, "ofLimit": -1}]}"#,
      "results[0]: \"ofLimit\" is not what --json writes"
    ),
    (
      #"{"environment": {}, "results": [{"workload": "a", "engine": "b", "parameters": {}, "recordsPerSecond": {"median": 1, "min": 2, "max": 3}}]}"#,
      "results[0]: \"recordsPerSecond\""
    ),
    (
      #"{"environment": {}, "results": [{"workload": "a", "engine": "b", "parameters": {}, "latencyNanoseconds": {"p50": 3, "p99": 2, "p999": 3, "max": 3}}]}"#,
      "results[0]: \"latencyNanoseconds\""
    ),
  ])
  func garbageIsRefusedWithItsPlace(text: String, message: String) {
    do {
      _ = try ResultFile(text: Array(text.utf8), path: "f")
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test func aFileThatIsNotThereIsNamed() {
    #expect {
      _ = try ResultFile(path: "/nowhere/x.json")
    } throws: {
      "\($0)".contains("/nowhere/x.json: open:")
    }
  }

  // MARK: The program

  @Test func theExitStatusSaysWhetherSomethingWasLost() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "baseline-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws -> String {
      let path = folder.appendingPathComponent(name).path
      try TextFile.write(text, to: path)
      return path
    }
    let before = try write("before.json", Sampler.file([Sampler.result("a", rate: 100, share: 0.8)]))
    let worse = try write("worse.json", Sampler.file([Sampler.result("a", rate: 100, share: 0.5)]))
    let garbage = try write("garbage.json", "{\"environment\": nothing}")
    let page = folder.appendingPathComponent("page.html").path

    let same = try Bench.run(["--from", before, "--baseline", before, "--html", page])
    #expect(same.status == 0 && same.output.contains("0 lost, 0 gained, 1 figure within the noise"))
    #expect(try String(contentsOfFile: page, encoding: .utf8).hasPrefix("<!DOCTYPE html>"))
    let lost = try Bench.run(["--from", worse, "--baseline", before])
    #expect(lost.status == 1 && lost.output.contains("LOSS append a"))
    let bad = try Bench.run(["--from", worse, "--baseline", garbage])
    #expect(
      bad.status == 2 && bad.errors.contains("garbage.json: line 1, column 17: no value begins like this"))
  }
}

/// The program itself, which lies beside the tests.
enum Bench {
  static func run(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = Bundle.main.bundleURL.appendingPathComponent("strata-bench")
    if !FileManager.default.fileExists(atPath: process.executableURL!.path) {
      process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("strata-bench")
    }
    process.arguments = arguments
    // Files, not pipes: a pipe is read badly while signals come.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (output, errors) = (folder.appendingPathComponent("output"), folder.appendingPathComponent("errors"))
    for file in [output, errors] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: try Data(contentsOf: output), as: UTF8.self),
      String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    )
  }
}
