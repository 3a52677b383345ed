/// The results of one workload as a table of at most 110 columns: every figure beside its limit.
public struct ResultTable {
  private struct Column {
    var title: String
    var width: Int
    var cell: (BenchmarkResult) -> String
  }

  private var notes: [String] = []
  private let results: [BenchmarkResult]

  public init(_ results: [BenchmarkResult]) {
    self.results = results
    for result in results {
      if let name = result.limit?.name, !notes.contains(name) { notes.append(name) }
    }
  }

  /// The table's lines; none where there are no results.
  public var lines: [String] {
    guard let first = results.first else { return [] }
    let columns = columns.filter { column in results.contains { column.cell($0) != "" } }
    let labelWidth = max(first.workload.count, results.map(\.label.count).max() ?? 0)
    var lines = [line(first.workload, labelWidth, columns.map { ($0.title, $0.width) })]
    for result in results {
      lines.append(line(result.label, labelWidth, columns.map { ($0.cell(result), $0.width) }))
    }
    for (place, note) in notes.enumerated() { lines.append("  \(mark(place)) \(note)") }
    return lines + loops + figures
  }

  /// What kind of loop the latencies are of, which decides what they mean.
  private var loops: [String] {
    var words: [String] = []
    for result in results where result.latency != nil && !words.contains(result.loop.words) {
      words.append(result.loop.words)
    }
    return words.map { "  \($0)" }
  }

  private var figures: [String] {
    results.filter { !$0.figures.isEmpty }.flatMap { result in
      ["  \(result.label):"] + result.figures.map { "    \($0.words)" }
    }
  }

  private var columns: [Column] {
    [
      Column(title: "records/s", width: 9) { $0.recordsPerSecond.map { Units.rate($0.median) } ?? "" },
      Column(title: "min–max", width: 11) { range($0) },
      Column(title: "bytes/s", width: 8) { $0.bytesPerSecond.map { Units.bytes($0.median) } ?? "" },
      Column(title: "p50", width: 7) { $0.latency.map { Units.duration(Double($0.p50)) } ?? "" },
      Column(title: "p99", width: 7) { $0.latency.map { Units.duration(Double($0.p99)) } ?? "" },
      Column(title: "limit", width: 9) { limit($0) },
      Column(title: "of it", width: 6) { $0.ofLimit.map { Units.share($0) } ?? "" },
      Column(title: "syncs", width: 6) { $0.syncs.map { $0 > 0 ? Units.grouped($0) : "" } ?? "" },
      Column(title: "alloc", width: 5) { $0.allocationsPerRecord.map { allocations($0) } ?? "" },
      Column(title: "ok", width: 3) { $0.verified.map { $0 ? "yes" : "NO" } ?? "" },
    ]
  }

  private func range(_ result: BenchmarkResult) -> String {
    guard let spread = result.recordsPerSecond ?? result.bytesPerSecond else { return "" }
    return Units.range(spread)
  }

  private func limit(_ result: BenchmarkResult) -> String {
    guard let limit = result.limit, let place = notes.firstIndex(of: limit.name) else { return "" }
    switch limit.figure {
    case .bytesPerSecond(let value): return Units.bytes(value) + mark(place)
    case .nanoseconds(let value): return Units.duration(value) + mark(place)
    }
  }

  private func allocations(_ value: Double) -> String {
    value < 0.0005 ? "0" : value < 0.01 ? Units.fixed(value, 3) : Units.digits(value)
  }

  /// a, b, c …
  private func mark(_ place: Int) -> String {
    String(UnicodeScalar(UInt8(97 + place % 26)))
  }

  private func line(_ label: String, _ labelWidth: Int, _ cells: [(String, Int)]) -> String {
    var output = label + String(repeating: " ", count: labelWidth - label.count)
    for (text, width) in cells {
      output += " " + String(repeating: " ", count: max(0, width - text.count)) + text
    }
    while output.last == " " { output.removeLast() }
    return output
  }
}
