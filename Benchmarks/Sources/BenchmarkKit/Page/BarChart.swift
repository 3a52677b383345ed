/// Bars in a table: each row has its name, its bar with the least and the largest of the rounds and its
/// limit, and its figures as text. On a narrow screen the bar goes below.
struct BarChart: Sendable {
  struct Row: Sendable {
    var label: String
    /// Who did it, which gives the colour.
    var engine: String
    /// The bar's length, in whatever unit all bars of the chart have.
    var value: Double
    var range: ClosedRange<Double>?
    /// Where the limit is drawn.
    var limit: Double?
    /// The value as text.
    var figure: String
    /// What else is told: the limit, and the share of it.
    var note: String
    var isWrong = false
  }

  var caption: String
  var rows: [Row]
  /// What the figures and the notes are, for who cannot see the bars.
  var figureTitle: String
  var noteTitle: String
  /// Bars beyond this are cut off, and marked; nil where none is.
  var maximum: Double?

  var markup: Markup {
    let axis = Axis.linear(
      maximum.map { [$0] } ?? rows.flatMap { [$0.value, $0.limit ?? 0, $0.range?.upperBound ?? 0] })
    let head = element(
      "tr", attributes: [("role", "row")],
      [
        cell("th", "name", [.text("what")], scope: "col"), cell("th", "bar", [.text("bar")], scope: "col"),
        cell("th", "figure", [.text(figureTitle)], scope: "col"),
        cell("th", "note", [.text(noteTitle)], scope: "col"),
      ])
    return element(
      "table", "bars", attributes: [("role", "table")],
      [
        element("caption", text: caption), element("thead", attributes: [("role", "rowgroup")], [head]),
        element("tbody", attributes: [("role", "rowgroup")], rows.map { row($0, axis) }),
      ])
  }

  private func row(_ row: Row, _ axis: Axis) -> Markup {
    var name: [Markup] = [.text(row.label)]
    if row.isWrong { name.append(element("strong", "wrong", text: " read back wrong")) }
    return element(
      "tr", attributes: [("role", "row")],
      [
        cell("th", "name", name, scope: "row"), cell("td", "bar", [bar(row, axis)]),
        cell("td", "figure", [.text(row.figure)]), cell("td", "note", [.text(row.note)]),
      ])
  }

  private func cell(_ name: String, _ style: String, _ children: [Markup], scope: String? = nil) -> Markup {
    let role = scope == "col" ? "columnheader" : scope == "row" ? "rowheader" : "cell"
    return element(
      name, style, attributes: [("role", role)] + (scope.map { [("scope", $0)] } ?? []), children)
  }

  /// The bar as wide as its cell. Its figures stand beside it as text.
  private func bar(_ row: Row, _ axis: Axis) -> Markup {
    func x(_ value: Double) -> String { (axis.position(value) * 1000).coordinate }
    var shapes: [Markup] = [
      element("rect", "track", attributes: [("x", "0"), ("y", "4"), ("width", "1000"), ("height", "14")]),
      element(
        "rect", "fill " + Palette.style(row.engine),
        attributes: [("x", "0"), ("y", "4"), ("width", x(row.value)), ("height", "14")]),
    ]
    if let range = row.range {
      let (least, most) = (x(range.lowerBound), x(range.upperBound))
      shapes.append(line("spread", least, "11", most, "11"))
      shapes.append(line("spread", least, "8", least, "14"))
      shapes.append(line("spread", most, "8", most, "14"))
    }
    if let limit = row.limit { shapes.append(line("limit", x(limit), "0", x(limit), "22")) }
    if row.value > axis.maximum {
      shapes.append(element("path", "beyond", attributes: [("d", "M 982 4 L 990 4 L 984 18 L 976 18 Z")]))
    }
    return element(
      "svg",
      attributes: [
        ("viewBox", "0 0 1000 22"), ("preserveAspectRatio", "none"), ("aria-hidden", "true"),
        ("focusable", "false"),
      ],
      shapes)
  }

  private func line(_ style: String, _ x1: String, _ y1: String, _ x2: String, _ y2: String) -> Markup {
    element(
      "line", style,
      attributes: [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2), ("vector-effect", "non-scaling-stroke")])
  }
}

/// The colour of an engine, by the class that the style sheet gives it.
enum Palette {
  static func style(_ engine: String) -> String {
    switch engine {
    case "strata", "sqlite", "rocksdb", "lmdb", "bare": "e-" + engine
    default: "e-other"
    }
  }

  static func name(_ engine: String) -> String {
    switch engine {
    case "strata": "Strata"
    case "sqlite": "SQLite"
    case "rocksdb": "RocksDB"
    case "lmdb": "LMDB"
    case "bare": "the machine"
    default: engine
    }
  }
}
