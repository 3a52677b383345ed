import Foundation
import Testing

/// Thousands of logs in a process that may have 1,024 files open. `STRATA_LOGS` says how many.
@Suite struct ManyLogsTests {
  @Test func manyLogsAreOpenedWrittenReadAndClosedWithFewDescriptors() throws {
    let count = ProcessInfo.processInfo.environment["STRATA_LOGS"].flatMap { Int($0) } ?? 300
    let scratch = try Scratch()
    // The budget follows from the limit: half of it, at five files a log.
    let files = count > 1000 ? 1024 : 256
    let finished = try Programs.run(
      Programs.helper, ["logs", scratch("data"), "\(count)", "\(files)"], in: scratch)
    print(
      "\(count) logs with \(files) descriptors: \(finished.output.split(separator: "\n").joined(separator: ", "))"
    )
    #expect(finished.status == 0, "\(finished)")
    #expect(finished.output.hasSuffix("done\n"))
    var figures: [String: Int] = [:]
    for line in finished.output.split(separator: "\n") {
      let words = line.components(separatedBy: " milliseconds ")
      if words.count == 2 { figures[words[0]] = Int(words[1]) }
    }
    // A cleanly closed directory is opened without a look into its logs.
    #expect(try #require(figures["open"]) <= 1000)
  }
}
