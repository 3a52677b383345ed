/// The results as one page of HTML that needs nothing else: no script, no font, no picture from anywhere.
///
/// It is made of the same results as the JSON, and of nothing else. Every result stands in the last table;
/// the charts above it show what belongs together, each figure as text as well.
public struct ResultPage: Sendable {
  let environment: [JSON.Member]
  let results: [BenchmarkResult]
  let goals: GoalTable?

  public init(environment: [JSON.Member], results: [BenchmarkResult], goals: GoalTable? = nil) {
    self.environment = environment
    self.results = results
    self.goals = goals
  }

  public var text: String {
    var output = "<!DOCTYPE html>\n"
    document.write(to: &output)
    return output + "\n"
  }

  private var document: Markup {
    let title = "Strata: how fast, and how far from the limit"
    let head = element(
      "head",
      [
        element("meta", attributes: [("charset", "utf-8")]),
        element(
          "meta", attributes: [("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        element("meta", attributes: [("name", "color-scheme"), ("content", "light dark")]),
        element("title", text: title), .style(PageStyle.rules),
      ])
    let sections = [
      goalTable, closeness, curves, codecs, sizes, latencies, peers, machine, everything, surroundings,
    ]
    let body = element(
      "body", [element("header", heading(title)), element("main", sections.compactMap { $0 })])
    return element("html", attributes: [("lang", "en")], [head, body])
  }

  // MARK: Heading

  private func heading(_ title: String) -> [Markup] {
    var words = ["processor", "kernel", "fileSystem"].compactMap { value($0)?.words }
    if let cores = value("cores")?.integer { words.insert("\(cores) cores", at: min(1, words.count)) }
    if let date = value("date")?.string { words.append(date) }
    var lines = [element("h1", text: title), element("p", "lead", text: words.joined(separator: " · "))]
    if value("quick")?.bool == true {
      lines.append(element("p", "warning", text: "A size for tests: no figure here means anything."))
    }
    if value("build")?.string == "debug" {
      lines.append(element("p", "warning", text: "A debug build: no figure here means anything."))
    }
    if results.contains(where: { $0.verified == false }) {
      lines.append(
        element("p", "warning", text: "Something that was read back is not what was written; see below."))
    }
    let tiles = self.tiles
    if !tiles.isEmpty { lines.append(element("ul", "tiles", tiles)) }
    return lines
  }

  func value(_ key: String) -> JSON? { environment.first { $0.key == key }?.value }

  /// The figures that a reader looks for first.
  private var tiles: [Markup] {
    let own = results.filter { $0.engine == "strata" && !$0.isComparison }
    func fastest(_ workload: String, _ isIt: (BenchmarkResult) -> Bool = { _ in true }) -> BenchmarkResult? {
      own.filter { $0.workload == workload && $0.recordsPerSecond != nil && isIt($0) }
        .max { $0.recordsPerSecond!.median < $1.recordsPerSecond!.median }
    }
    var tiles: [Markup] = []
    func add(_ figure: String, _ result: BenchmarkResult, _ what: String) {
      var text = what
      if let share = result.ofLimit { text += ", \(Units.share(share)) of the limit" }
      tiles.append(
        element(
          "li",
          [element("b", text: figure), element("span", text: text), element("span", text: result.label)]))
    }
    if let result = fastest("append", { $0["source"]?.string == "builder" }) {
      add(Units.rate(result.recordsPerSecond!.median), result, "records/s built and appended")
    }
    if let result = own.first(where: {
      $0.workload == "append" && $0["writers"]?.integer == 1 && $0.latency != nil
    }) {
      add(Units.duration(Double(result.latency!.p50)), result, "one record on the disk")
    }
    if let result = fastest("scan") {
      add(Units.rate(result.recordsPerSecond!.median), result, "records/s scanned")
    }
    if let result = own.filter({ $0.workload == "lookup" && $0.latency != nil }).min(by: {
      $0.latency!.p50 < $1.latency!.p50
    }) {
      add(Units.duration(Double(result.latency!.p50)), result, "a record found")
    }
    return tiles
  }

  // MARK: Tables

  private var goalTable: Markup? {
    guard let goals else { return nil }
    let reached = goals.outcomes.count { $0.state == .reached }
    let measured = goals.outcomes.count { $0.state != .notMeasured }
    return section(
      "Goals",
      "\(reached) of \(measured) reached, \(goals.outcomes.count - measured) not measured. Absolute figures are of the "
        + "machine that the goals were set on.",
      [plain(goals.cells[0], Array(goals.cells.dropFirst()), numbers: [2, 3, 4, 5])])
  }

  /// Every result with every figure.
  private var everything: Markup? {
    guard !results.isEmpty else { return nil }
    let rows = results.map { result in Self.columns.map { $0.cell(result) } }
    return section(
      "Everything", "Each figure is the median of several rounds, beside the least and the largest of them.",
      [
        plain(
          Self.columns.map(\.title), rows,
          numbers: Set(Self.columns.indices.filter { Self.columns[$0].isNumber }))
      ])
  }

  private struct Column: Sendable {
    var title: String
    var isNumber = true
    var cell: @Sendable (BenchmarkResult) -> String
  }

  private static let columns: [Column] = [
    Column(title: "workload", isNumber: false) { $0.workload },
    Column(title: "engine", isNumber: false) { $0.engine },
    Column(title: "what", isNumber: false) { $0.label },
    Column(title: "records/s") { $0.recordsPerSecond.map { Units.rate($0.median) } ?? "" },
    Column(title: "min–max") { ($0.recordsPerSecond ?? $0.bytesPerSecond).map { Units.range($0) } ?? "" },
    Column(title: "bytes/s") { $0.bytesPerSecond.map { Units.bytes($0.median) } ?? "" },
    Column(title: "p50") { $0.latency.map { Units.duration(Double($0.p50)) } ?? "" },
    Column(title: "p99") { $0.latency.map { Units.duration(Double($0.p99)) } ?? "" },
    Column(title: "p99.9") { $0.latency.map { Units.duration(Double($0.p999)) } ?? "" },
    Column(title: "max") { $0.latency.map { Units.duration(Double($0.maximum)) } ?? "" },
    Column(title: "limit") { $0.limit?.words ?? "" },
    Column(title: "of it") { $0.ofLimit.map { Units.share($0) } ?? "" },
    Column(title: "syncs") { $0.syncs.map { Units.grouped($0) } ?? "" },
    Column(title: "allocations") { $0.allocationsPerRecord.map { Units.fixed($0, 3) } ?? "" },
    Column(title: "verified", isNumber: false) { $0.verified.map { $0 ? "yes" : "NO" } ?? "" },
    Column(title: "the limit is", isNumber: false) { $0.limit?.name ?? "" },
  ]

  private var surroundings: Markup? {
    guard !environment.isEmpty else { return nil }
    let entries = environment.flatMap { member in
      [element("dt", text: member.key), element("dd", text: member.value.words)]
    }
    return section("Where it was measured", nil, [element("dl", entries)])
  }

  func section(_ title: String, _ lead: String?, _ children: [Markup]) -> Markup {
    let paragraph = lead.map { [element("p", "soft", text: $0)] } ?? []
    return element("section", [element("h2", text: title)] + paragraph + children)
  }

  private func plain(_ head: [String], _ rows: [[String]], numbers: Set<Int> = []) -> Markup {
    func style(_ place: Int) -> String? { numbers.contains(place) ? "number" : nil }
    let titles = head.enumerated().map { element("th", style($0), attributes: [("scope", "col")], text: $1) }
    let lines = rows.map { row in
      element("tr", nil, row.enumerated().map { element("td", style($0), text: $1) })
    }
    return element(
      "div", "scroll", attributes: [("tabindex", "0")],
      [
        element(
          "table", "plain",
          [element("thead", [element("tr", titles)]), element("tbody", lines)])
      ])
  }
}

extension BenchmarkResult {
  /// The value of a parameter.
  subscript(key: String) -> JSON? { parameters.first { $0.key == key }?.value }

  /// Whether it was measured by turns with other engines.
  var isComparison: Bool { self["comparison"] != nil }
}

extension BenchmarkResult.Limit {
  /// 6.40 GB/s, or 82.1 µs
  var words: String {
    switch figure {
    case .bytesPerSecond(let value): Units.bytes(value) + "/s"
    case .nanoseconds(let value): Units.duration(value)
    }
  }
}
