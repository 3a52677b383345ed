/// Latencies in a table, each on a scale of its row by powers of ten: the median as a dot, the 99th and the
/// 99.9th percentile and the maximum as strokes, and what the machine takes alone.
struct LatencyChart: Sendable {
  var caption: String
  var results: [BenchmarkResult]

  var markup: Markup {
    let axis = Axis.logarithmic(
      results.flatMap { [Double(max($0.latency!.p50, 1)), Double(max($0.latency!.maximum, 1))] + limits($0) })
    let titles: [(String, String)] = [("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max")]
    let head = element(
      "tr", attributes: [("role", "row")],
      [
        element("th", "name", attributes: [("scope", "col"), ("role", "columnheader")], [.text("")]),
        element("th", "bar", attributes: [("scope", "col"), ("role", "columnheader")], [scale(axis)]),
      ]
        + titles.map { style, title in
          element("th", style, attributes: [("scope", "col"), ("role", "columnheader")], text: title)
        })
    return element(
      "table", "latencies", attributes: [("role", "table")],
      [
        element("caption", text: caption), element("thead", attributes: [("role", "rowgroup")], [head]),
        element("tbody", attributes: [("role", "rowgroup")], results.map { row($0, axis) }),
      ])
  }

  private func limits(_ result: BenchmarkResult) -> [Double] {
    if case .nanoseconds(let value) = result.limit?.figure { [max(value, 1)] } else { [] }
  }

  private func row(_ result: BenchmarkResult, _ axis: Axis) -> Markup {
    let latency = result.latency!
    let figures = [latency.p50, latency.p99, latency.p999, latency.maximum]
    let cells = zip(["p50", "p99", "p999", "max"], figures).map { style, figure in
      element(
        "td", style, attributes: [("role", "cell"), ("data-name", style == "p999" ? "p99.9" : style)],
        text: Units.duration(Double(figure)))
    }
    return element(
      "tr", attributes: [("role", "row")],
      [
        element("th", "name", attributes: [("scope", "row"), ("role", "rowheader")], text: result.label),
        element("td", "bar", attributes: [("role", "cell")], [strip(result, axis)]),
      ] + cells)
  }

  private func strip(_ result: BenchmarkResult, _ axis: Axis) -> Markup {
    func x(_ value: Double) -> String { (axis.position(value) * 1000).coordinate }
    let latency = result.latency!
    let ends = (x(Double(latency.p50)), x(Double(latency.maximum)))
    var shapes = axis.decades.map { line("grid", x($0), "0", "22") }
    shapes.append(
      element(
        "line", "tail",
        attributes: [
          ("x1", ends.0), ("y1", "11"), ("x2", ends.1), ("y2", "11"), ("vector-effect", "non-scaling-stroke"),
        ]))
    for value in limits(result) { shapes.append(line("limit", x(value), "1", "21")) }
    for value in [latency.p99, latency.p999, latency.maximum] {
      shapes.append(line("percentile " + Palette.style(result.engine), x(Double(value)), "6", "16"))
    }
    shapes.append(line("median " + Palette.style(result.engine), ends.0, "4", "18"))
    return element(
      "svg",
      attributes: [
        ("viewBox", "0 0 1000 22"), ("preserveAspectRatio", "none"), ("aria-hidden", "true"),
        ("focusable", "false"),
      ],
      shapes)
  }

  private func line(_ style: String, _ x: String, _ from: String, _ to: String) -> Markup {
    element(
      "line", style,
      attributes: [("x1", x), ("y1", from), ("x2", x), ("y2", to), ("vector-effect", "non-scaling-stroke")])
  }

  /// The powers of ten above the strips.
  private func scale(_ axis: Axis) -> Markup {
    // Six at most, or they run into each other.
    let step = (axis.decades.count + 5) / 6
    let ticks = axis.decades.enumerated().filter { $0.offset % step == 0 }.map(\.element)
    return element(
      "span", "scale", attributes: [("aria-hidden", "true")],
      ticks.map { tick in
        element(
          "span", attributes: [("style", "left:\((axis.position(tick) * 100).coordinate)%")],
          text: Units.duration(tick).replacing(".00", with: "").replacing(".0", with: ""))
      })
  }
}
