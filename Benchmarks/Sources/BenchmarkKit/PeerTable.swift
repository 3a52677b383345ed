extension BenchmarkResult {
  /// Whether Strata read or stored through a mapping.
  var isInPlace: Bool { ["reading", "writing"].contains { self[$0]?.string == "mapped" } }
}

/// The results of a comparison as a table of at most 110 columns: a row for each work, a column for each
/// engine, and how Strata stands to the best of the others.
public struct PeerTable {
  /// Results that were measured by turns, that of Strata through a mapping apart.
  public struct Work: Sendable {
    public var label: String
    public var results: [BenchmarkResult] = []
    public var inPlace: BenchmarkResult?

    /// Whether what counts is how long one takes.
    public var isLatency: Bool {
      if case .nanoseconds = results.first?.limit?.figure { true } else { false }
    }

    /// How many times as fast as the best of the others it is; nil where there is nothing to compare.
    public func advantage(_ result: BenchmarkResult?) -> Double? {
      guard let result, let own = speed(result) else { return nil }
      let best = results.filter { $0.engine != "strata" }.compactMap(speed).max()
      return best.map { own / $0 }
    }

    private func speed(_ result: BenchmarkResult) -> Double? {
      if isLatency { return result.latency.map { 1e9 / Double(max($0.p50, 1)) } }
      return result.recordsPerSecond?.median
    }
  }

  private static let cellWidth = 17
  private let workload: String
  private let engines: [String]
  private let works: [Work]

  public init(_ results: [BenchmarkResult]) {
    workload = results.first?.workload ?? ""
    works = PeerTable.works(results)
    var engines: [String] = []
    for result in results where !engines.contains(result.engine) { engines.append(result.engine) }
    self.engines = engines
  }

  /// The results by what was done, in their order.
  public static func works(_ results: [BenchmarkResult]) -> [Work] {
    var works: [Work] = []
    for result in results {
      let place = works.firstIndex { $0.label == result.label } ?? works.count
      if place == works.count { works.append(Work(label: result.label)) }
      if result.isInPlace {
        works[place].inPlace = result
      } else {
        works[place].results.append(result)
      }
    }
    return works
  }

  /// The table's lines; none where there are no results.
  public var lines: [String] {
    guard !works.isEmpty else { return [] }
    let title = "\(workload), by turns"
    let labelWidth = max(title.count, works.map(\.label.count).max() ?? 0)
    var lines = [line(title, labelWidth, engines, "to best")]
    for work in works {
      let cells = engines.map { engine in
        work.results.first { $0.engine == engine }.map { cell($0, work) } ?? ""
      }
      lines.append(line(work.label, labelWidth, cells, ratio(work, work.results.first)))
      guard let inPlace = work.inPlace else { continue }
      lines.append(
        line(
          "… in place", labelWidth, [cell(inPlace, work)] + engines.dropFirst().map { _ in "" },
          ratio(work, inPlace)))
    }
    let isLatency = works.contains(where: \.isLatency)
    lines.append(
      isLatency
        ? "  p50 / p99 of one" : "  values a second: median, and min–max; bytes are those of the values")
    return lines
  }

  private func cell(_ result: BenchmarkResult, _ work: Work) -> String {
    if result.verified == false { return "NO" }
    if work.isLatency, let latency = result.latency {
      return "\(Units.duration(Double(latency.p50))) / \(Units.duration(Double(latency.p99)))"
    }
    guard let spread = result.recordsPerSecond else { return "" }
    return "\(Units.rate(spread.median)) \(Units.range(spread))"
  }

  private func ratio(_ work: Work, _ result: BenchmarkResult?) -> String {
    guard result?.engine == "strata" else { return "" }
    return work.advantage(result).map { Units.digits($0) + "×" } ?? ""
  }

  private func line(_ label: String, _ labelWidth: Int, _ cells: [String], _ last: String) -> String {
    var output = label + String(repeating: " ", count: labelWidth - label.count)
    for cell in cells {
      output += " " + String(repeating: " ", count: max(0, PeerTable.cellWidth - cell.count)) + cell
    }
    output += " " + String(repeating: " ", count: max(0, 7 - last.count)) + last
    while output.last == " " { output.removeLast() }
    return output
  }
}
