/// Lines over a logarithmic axis of small whole numbers, as writers or records a batch, with the figures as a
/// table below.
struct LineChart: Sendable {
  struct Series: Sendable {
    var name: String
    var engine: String
    /// Not the first of its engine: drawn with dashes.
    var isSecond = false
    /// From left to right.
    var points: [(x: Int, y: Double)]
  }

  var title: String
  var description: String
  var xTitle: String
  var series: [Series]
  /// A figure that is drawn across, with its name.
  var limit: (name: String, y: Double)?

  private static let width = 400.0
  private static let height = 260.0
  private static let left = 46.0
  private static let right = 14.0
  private static let top = 12.0
  private static let bottom = 40.0

  var markup: Markup {
    element(
      "figure", "lines",
      [element("figcaption", text: title), legend, plot, table])
  }

  private var legend: Markup {
    var entries = series.enumerated().map { place, series in
      element("li", [sample(series, place), .text(series.name)])
    }
    if let limit {
      let stroke = element(
        "line", "limit", attributes: [("x1", "0"), ("y1", "6"), ("x2", "22"), ("y2", "6")])
      entries.append(element("li", [swatch([stroke]), .text(limit.name)]))
    }
    return element("ul", "legend", entries)
  }

  private func sample(_ series: Series, _ place: Int) -> Markup {
    swatch([
      element("line", stroke(series), attributes: [("x1", "0"), ("y1", "6"), ("x2", "22"), ("y2", "6")]),
      marker(series, place, 11, 6),
    ])
  }

  private func swatch(_ shapes: [Markup]) -> Markup {
    element("svg", "swatch", attributes: [("viewBox", "0 0 22 12"), ("aria-hidden", "true")], shapes)
  }

  private func stroke(_ series: Series) -> String {
    "line " + Palette.style(series.engine) + (series.isSecond ? " second" : "")
  }

  private var plot: Markup {
    let points = series.flatMap(\.points)
    let across = Axis.spanning(points.map { Double($0.x) })
    let up = Axis.logarithmic(points.map(\.y) + (limit.map { [$0.y] } ?? []))
    func x(_ value: Int) -> Double {
      Self.left + 8 + across.position(Double(value)) * (Self.width - Self.left - Self.right - 16)
    }
    func y(_ value: Double) -> Double {
      Self.height - Self.bottom - up.position(value) * (Self.height - Self.top - Self.bottom)
    }
    var shapes: [Markup] = [element("title", text: title), element("desc", text: description)]
    for tick in up.decades {
      shapes.append(level("grid", Self.left, Self.width - Self.right, y(tick)))
      shapes.append(
        text(
          Units.rate(tick).replacing(".00", with: "").replacing(".0", with: ""), "tick up", Self.left - 6,
          y(tick) + 4))
    }
    for value in Set(points.map(\.x)).sorted() {
      shapes.append(text(Units.grouped(value), "tick", x(value), Self.height - Self.bottom + 17))
    }
    shapes.append(text(xTitle, "title", (Self.left + Self.width - Self.right) / 2, Self.height - 4))
    if let limit { shapes.append(level("limit", Self.left, Self.width - Self.right, y(limit.y))) }
    for (place, series) in series.enumerated() {
      let path = series.points.enumerated().map { place, point in
        "\(place == 0 ? "M" : "L") \(x(point.x).coordinate) \(y(point.y).coordinate)"
      }.joined(separator: " ")
      shapes.append(element("path", stroke(series), attributes: [("d", path)]))
      shapes += series.points.map { marker(series, place, x($0.x), y($0.y)) }
    }
    return element(
      "svg", "plot",
      attributes: [
        ("viewBox", "0 0 \(Int(Self.width)) \(Int(Self.height))"), ("role", "img"),
        ("aria-label", title + ". " + description),
      ],
      shapes)
  }

  private func level(_ style: String, _ from: Double, _ to: Double, _ y: Double) -> Markup {
    element(
      "line", style,
      attributes: [
        ("x1", from.coordinate), ("y1", y.coordinate), ("x2", to.coordinate), ("y2", y.coordinate),
      ])
  }

  private func text(_ text: String, _ style: String, _ x: Double, _ y: Double) -> Markup {
    element("text", style, attributes: [("x", x.coordinate), ("y", y.coordinate)], text: text)
  }

  /// A shape for each line, so that colour is not needed to tell them apart.
  private func marker(_ series: Series, _ place: Int, _ x: Double, _ y: Double) -> Markup {
    let style = "marker " + Palette.style(series.engine)
    let path: String
    switch place % 5 {
    case 0: path = "M \(x - 4) \(y) A 4 4 0 1 1 \(x + 4) \(y) A 4 4 0 1 1 \(x - 4) \(y) Z"
    case 1: path = "M \(x - 3.5) \(y - 3.5) H \(x + 3.5) V \(y + 3.5) H \(x - 3.5) Z"
    case 2: path = "M \(x) \(y - 4.5) L \(x + 4.5) \(y + 3.5) L \(x - 4.5) \(y + 3.5) Z"
    case 3: path = "M \(x) \(y + 4.5) L \(x + 4.5) \(y - 3.5) L \(x - 4.5) \(y - 3.5) Z"
    default: path = "M \(x) \(y - 4.8) L \(x + 4.8) \(y) L \(x) \(y + 4.8) L \(x - 4.8) \(y) Z"
    }
    return element("path", style, attributes: [("d", path)])
  }

  private var table: Markup {
    let values = Set(series.flatMap { $0.points.map(\.x) }).sorted()
    let head =
      [element("th", attributes: [("scope", "col")], text: xTitle)]
      + values.map { element("th", attributes: [("scope", "col")], text: Units.grouped($0)) }
    let rows = series.map { series in
      element(
        "tr",
        [element("th", attributes: [("scope", "row")], text: series.name)]
          + values.map { value in
            element("td", text: series.points.first { $0.x == value }.map { Units.rate($0.y) } ?? "")
          })
    }
    return element(
      "details",
      [
        element("summary", text: "The figures as a table"),
        element(
          "div", "scroll",
          [element("table", "plain", [element("thead", [element("tr", head)]), element("tbody", rows)])]),
      ])
  }
}
