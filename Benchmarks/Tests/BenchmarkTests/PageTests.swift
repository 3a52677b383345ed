import BenchmarkKit
import Foundation
import FoundationXML
import Testing

@Suite struct PageTests {
  /// One of each kind of result that a chart is made of.
  static var results: [BenchmarkResult] {
    let buffered = JSON.Member("durability", .string("buffered"))
    func batch(_ count: Int) -> [JSON.Member] {
      [
        buffered, JSON.Member("recordsPerBatch", .integer(count)), JSON.Member("valueBytes", .integer(100)),
        JSON.Member("source", .string("builder")),
      ]
    }
    func peer(_ engine: String, _ rate: Double) -> BenchmarkResult {
      Sampler.result(
        "100 B × 1,000, buffered", engine: engine, rate: rate, share: 0.2,
        parameters: [
          JSON.Member("comparison", .string("peers"))
        ])
    }
    return [
      Sampler.result("single", rate: 1e5, share: 0.2, parameters: batch(1)),
      Sampler.result("many", rate: 3e7, share: 0.51, parameters: batch(1000)),
      Sampler.latency("alone", writers: 1, p50: 80_000), Sampler.latency("crowd", writers: 64, p50: 300_000),
      Sampler.result("all of it", workload: "scan", rate: 4e7, share: 1.3),
      Sampler.latency("by offset", workload: "lookup", p50: 900),
      Sampler.result("append zstd", workload: "codec", rate: 2e6, share: 0.9),
      Sampler.result("scan lz4", workload: "codec", rate: 9e6, share: 3.5),
      Sampler.result("large", workload: "size", rate: 2e6, share: 0.95),
      Sampler.result(
        "memcpy", workload: "limits", engine: "bare", rate: 1e6,
        parameters: [
          JSON.Member("call", .string("memcpy"))
        ]),
      peer("strata", 3e7), peer("sqlite", 2e6), peer("rocksdb", 2.5e6), peer("lmdb", 1.2e7),
    ]
  }

  private func page(_ results: [BenchmarkResult], environment: [JSON.Member] = Sampler.environment) -> String
  {
    ResultPage(environment: environment, results: results).text
  }

  /// Whether each element is closed where it has to be, and what text there is.
  private func parse(_ text: String) -> (isWellFormed: Bool, reader: Reader) {
    let reader = Reader()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = reader
    return (parser.parse(), reader)
  }

  private final class Reader: NSObject, XMLParserDelegate {
    var text = ""
    var counts: [String: Int] = [:]
    var attributes: [String] = []

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String] = [:]
    ) {
      counts[name, default: 0] += 1
      self.attributes += attributes.values
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
  }

  @Test func isWellFormed() {
    let (isWellFormed, reader) = parse(page(Self.results))
    #expect(isWellFormed)
    #expect(reader.counts["h1"] == 1)
    #expect(reader.counts["script"] == nil)
    #expect(!reader.attributes.contains { $0.contains("nan") || $0.contains("inf") })
  }

  @Test func isWellFormedOfNothing() {
    #expect(parse(page([], environment: [])).isWellFormed)
  }

  @Test func everyResultAppearsWithItsFigures() {
    let text = page(Self.results)
    let table = text[text.range(of: "<h2>Everything</h2>")!.upperBound...]
    let body = table[table.range(of: "<tbody>")!.upperBound..<table.range(of: "</tbody>")!.lowerBound]
    let rows = body.components(separatedBy: "</tr>").dropLast()
    #expect(rows.count == Self.results.count)
    for (result, row) in zip(Self.results, rows) {
      for words in [result.workload, result.engine, result.label] {
        #expect(row.contains(">\(words)<"), "\(words)")
      }
      #expect(row.contains(">\(Units.rate(result.recordsPerSecond!.median))<"))
      if let share = result.ofLimit { #expect(row.contains(">\(Units.share(share))<")) }
    }
  }

  @Test func everyChartIsThere() {
    let text = page(Self.results)
    for heading in [
      "How close to the machine", "What grows with what", "Codecs", "Cost against size", "How long one takes",
      "Beside other engines",
      "What the machine can do", "Everything", "Where it was measured",
    ] {
      #expect(text.contains("<h2>\(heading)</h2>"), "\(heading)")
    }
    #expect(
      text.contains("Records appended a second, not synced") && text.contains("Synced records a second"))
    #expect(text.contains("2.50× best peer"))
  }

  @Test func whatIsTextStaysText() {
    let odd = "<script>alert('1')</script> & \"quotes\" \u{1}"
    var results = Self.results
    for place in results.indices {
      results[place].label = odd
      results[place].limit?.name = odd
    }
    results.append(Sampler.result(odd, workload: odd, engine: odd, rate: 1, share: 0.5))
    let text = page(
      results, environment: [JSON.Member(odd, .string(odd)), JSON.Member("date", .string(odd))])
    let (isWellFormed, reader) = parse(text)
    #expect(isWellFormed)
    #expect(reader.counts["script"] == nil)
    #expect(reader.text.contains("<script>alert('1')</script> & \"quotes\" \u{FFFD}"))
  }

  @Test func nothingComesFromOutside() {
    let text = page(Self.results)
    for word in ["http", "src=", "href=", "url(", "@import", "<script", "<link"] {
      #expect(!text.contains(word), "\(word)")
    }
    #expect(text.contains("prefers-color-scheme: dark") && text.contains("width=device-width"))
  }

  @Test func oddFiguresAreDrawn() {
    var results: [BenchmarkResult] = []
    for (place, figure) in [0, 1e-300, 1, 1e15, 1e300, .infinity, .nan].enumerated() {
      results.append(
        Sampler.result(
          "\(place)", rate: figure, spread: 0, share: figure,
          parameters: [
            JSON.Member("writers", .integer(place)), JSON.Member("durability", .string("synced")),
            JSON.Member("recordsPerBatch", .integer(1)),
          ]))
    }
    results.append(Sampler.latency("0", writers: .max, p50: 0))
    #expect(parse(page(results)).isWellFormed)
  }

  @Test func warningsStandAtTheTop() {
    var wrong = Self.results
    wrong[0].verified = false
    #expect(page(wrong).contains("is not what was written"))
    #expect(page(Self.results, environment: [JSON.Member("quick", .bool(true))]).contains("A size for tests"))
  }

  @Test func goalsStandInATable() {
    let goal = Goal("P1", "append & build", "append", [], .recordsPerSecond, .atLeast(35e6))
    let goals = GoalTable([goal], [Sampler.result("a", rate: 31e6, share: 0.5)])
    let text = ResultPage(environment: [], results: [], goals: goals).text
    #expect(text.contains("<h2>Goals</h2>") && text.contains("0 of 1 reached"))
    for cell in [
      "P1", "append &amp; build", "≥ 35.0 M/s", "31.0 M/s", "1.00 GB/s", "50 %", "88 % of the goal",
    ] {
      #expect(text.contains(">\(cell)</td>"), "\(cell)")
    }
    #expect(!page(Self.results).contains("<h2>Goals</h2>"))
  }
}
