extension ResultPage {
  // MARK: Close to the machine

  /// Every result of Strata as a share of its own limit.
  var closeness: Markup? {
    let own = results.filter {
      $0.engine == "strata" && !$0.isComparison && $0.ofLimit != nil && $0.workload != "size"
    }
    guard !own.isEmpty else { return nil }
    var charts: [Markup] = []
    for workload in own.map(\.workload).distinct {
      for group in own.filter({ $0.workload == workload }).grouped(by: { $0["durability"]?.string ?? "" }) {
        charts.append(shares(workload, group.key, group.results).markup)
      }
    }
    return section(
      "How close to the machine",
      "A bar is the share of the limit that was reached, the stroke across it is the limit: what bare system "
        + "calls did in the same rounds. The thin line shows the least and the largest of the rounds.", charts
    )
  }

  private func shares(_ workload: String, _ durability: String, _ results: [BenchmarkResult]) -> BarChart {
    let rows = results.map { result in
      let share = result.ofLimit ?? 0
      let spread = result.recordsPerSecond ?? result.bytesPerSecond
      return BarChart.Row(
        label: result.label, engine: result.engine, value: share,
        range: spread.flatMap { $0.median > 0 ? $0.range(times: share / $0.median) : nil },
        limit: 1, figure: result.mainFigure,
        note: result.shareOfLimit, isWrong: result.verified == false)
    }
    let words = durability == "synced" ? ", on the disk" : durability == "buffered" ? ", in the kernel" : ""
    return BarChart(
      caption: workload + words, rows: rows, figureTitle: "measured", noteTitle: "of its limit",
      maximum: min(max(1.15, rows.map(\.value).max() ?? 1), 2))
  }

  // MARK: Curves

  /// Throughput by batch size, and by the number of writers that share syncs.
  var curves: Markup? {
    let charts = [batchCurve, writerCurve].compactMap { $0 }
    guard !charts.isEmpty else { return nil }
    return section(
      "What grows with what", "Both axes are logarithmic.",
      [element("div", "grid", charts.map { element("div", "card", [$0.markup]) })])
  }

  private var batchCurve: LineChart? {
    let own = results.filter {
      $0.engine == "strata" && !$0.isComparison && $0.workload == "append"
        && $0["durability"]?.string == "buffered"
        && $0["codec"]?.string ?? "none" == "none" && $0["preparation"]?.string ?? "allocated" == "allocated"
        && $0.recordsPerSecond != nil
    }
    var series: [LineChart.Series] = []
    for size in own.compactMap({ $0["valueBytes"]?.integer }).distinct {
      let points = own.filter { $0["valueBytes"]?.integer == size }.best { $0["recordsPerBatch"]?.integer }
      guard points.count > 1 else { continue }
      series.append(
        .init(name: "\(Units.grouped(size)) B", engine: "strata", isSecond: !series.isEmpty, points: points))
    }
    guard !series.isEmpty else { return nil }
    return LineChart(
      title: "Records appended a second, not synced", description: "By the number of records in a batch.",
      xTitle: "records a batch", series: series)
  }

  private var writerCurve: LineChart? {
    let synced = results.filter {
      $0.workload == "append" && $0["writers"] != nil && $0.recordsPerSecond != nil
        && $0["durability"]?.string == "synced" && $0["recordsPerBatch"]?.integer == 1
    }
    let own = synced.filter { $0.engine == "strata" && !$0.isComparison }
    var series: [LineChart.Series] = []
    for kind in own.map({ $0["writersAre"]?.string ?? "threads" }).distinct {
      let points = own.filter { $0["writersAre"]?.string ?? "threads" == kind }.best {
        $0["writers"]?.integer
      }
      series.append(
        .init(name: "Strata, \(kind)", engine: "strata", isSecond: !series.isEmpty, points: points))
    }
    for engine in synced.filter(\.isComparison).map(\.engine).distinct where engine != "strata" {
      let points = synced.filter { $0.isComparison && $0.engine == engine }.best { $0["writers"]?.integer }
      series.append(.init(name: Palette.name(engine), engine: engine, points: points))
    }
    guard series.contains(where: { $0.points.count > 1 }) else { return nil }
    var chart = LineChart(
      title: "Synced records a second",
      description: "One record each, by the number of writers that wait at the same time.",
      xTitle: "writers", series: series)
    if case .nanoseconds(let value) = own.first(where: { $0.limit != nil })?.limit?.figure, value > 0 {
      chart.limit = ("one sync after another", 1e9 / value)
    }
    return chart
  }

  // MARK: Codecs

  var codecs: Markup? {
    let own = results.filter { $0.workload == "codec" && $0.engine == "strata" && $0.recordsPerSecond != nil }
    guard !own.isEmpty else { return nil }
    let charts = own.grouped { "\($0.verb), \(Units.grouped($0["valueBytes"]?.integer ?? 0)) B a record" }.map
    { group in
      element("div", "card", [absolute(group.key, group.results).markup])
    }
    return section(
      "Codecs", "Records a second; the stroke is the bare codec on the same blocks.",
      [element("div", "grid", charts)])
  }

  /// Bars of records a second, each with its limit in the same unit.
  func absolute(_ caption: String, _ results: [BenchmarkResult]) -> BarChart {
    let rows = results.map { result in
      let spread = result.recordsPerSecond ?? result.bytesPerSecond
      let median = spread?.median ?? 0
      return BarChart.Row(
        label: result.codecWords ?? result.label, engine: result.engine, value: median,
        range: spread?.range(),
        limit: result.ofLimit.flatMap { $0 > 0 && median / $0 < 4 * median ? median / $0 : nil },
        figure: result.mainFigure, note: result.ofLimit.map { "\(Units.share($0)) of limit" } ?? "",
        isWrong: result.verified == false)
    }
    return BarChart(caption: caption, rows: rows, figureTitle: "measured", noteTitle: "beside it")
  }

  // MARK: Size

  /// A large log beside a small one.
  var sizes: Markup? {
    let own = results.filter { $0.workload == "size" && $0.engine == "strata" && $0.recordsPerSecond != nil }
    guard !own.isEmpty else { return nil }
    let charts = own.map { element("div", "card", [absolute($0["work"]?.string ?? "", [$0]).markup]) }
    return section(
      "Cost against size", "A large log; the stroke is the same work in a small one.",
      [element("div", "grid", charts)])
  }

  // MARK: Latencies

  var latencies: Markup? {
    let timed = results.filter { $0.latency != nil && $0.engine == "strata" && !$0.isComparison }
    guard !timed.isEmpty else { return nil }
    let charts = timed.map(\.workload).distinct.map { workload in
      LatencyChart(caption: workload, results: timed.filter { $0.workload == workload }).markup
    }
    return section(
      "How long one takes",
      "The thick stroke is the median; the thin ones are the 99th and the 99.9th percentile and the maximum; the "
        + "stroke in the text's colour is the machine's limit. The scale is logarithmic.", charts)
  }

  // MARK: Peers

  var peers: Markup? {
    let compared = results.filter(\.isComparison)
    guard !compared.isEmpty else { return nil }
    var charts: [Markup] = []
    for workload in compared.map(\.workload).distinct {
      for work in PeerTable.works(compared.filter { $0.workload == workload }) {
        charts.append(element("div", "card", [beside(workload, work)]))
      }
    }
    return section(
      "Beside other engines",
      "The same values, by turns in the same process, each engine as its documentation advises. Values a "
        + "second, but the median time of one for look-ups, where shorter is better; the stroke is a bare "
        + "system call on the same bytes. "
        + "Strata checks every batch that it scans, and one that it looks into for the first time; RocksDB "
        + "checks the blocks it loads; SQLite and LMDB check nothing.",
      [element("div", "grid", charts)])
  }

  private func beside(_ workload: String, _ work: PeerTable.Work) -> Markup {
    let results = work.results + [work.inPlace].compactMap { $0 }
    var rows = results.map { result in
      BarChart.Row(
        label: Palette.name(result.engine) + (result.isInPlace ? " in place" : ""),
        engine: result.engine,
        value: work.isLatency ? Double(result.latency?.p50 ?? 0) : result.recordsPerSecond?.median ?? 0,
        range: work.isLatency ? nil : result.recordsPerSecond?.range(), figure: result.mainFigure,
        note: result.engine == "strata" ? advantage(work, result) : "", isWrong: result.verified == false)
    }
    // A limit that is many times as far would leave nothing of the bars.
    let largest = rows.map(\.value).max() ?? 0
    if let limit = results[0].limitOnItsScale, limit <= 3 * largest {
      for place in rows.indices { rows[place].limit = limit }
    }
    return BarChart(
      caption: "\(workload): \(work.label)", rows: rows, figureTitle: "measured", noteTitle: "beside it"
    ).markup
  }

  private func advantage(_ work: PeerTable.Work, _ result: BenchmarkResult) -> String {
    work.advantage(result).map { "\(Units.digits($0))× best peer" } ?? ""
  }

  // MARK: The machine

  var machine: Markup? {
    let bare = results.filter {
      $0.engine == "bare" && ($0.bytesPerSecond != nil || $0.recordsPerSecond != nil)
    }
    guard !bare.isEmpty else { return nil }
    let charts = bare.grouped { $0["call"]?.string ?? "" }.map { group in
      element("div", "card", [bytes(group.key, group.results).markup])
    }
    return section(
      "What the machine can do", "Bare system calls on one thread.", [element("div", "grid", charts)])
  }

  private func bytes(_ caption: String, _ results: [BenchmarkResult]) -> BarChart {
    BarChart(
      caption: caption,
      rows: results.map { result in
        let spread = result.bytesPerSecond ?? result.recordsPerSecond
        return BarChart.Row(
          label: result.label, engine: result.engine, value: spread?.median ?? 0,
          range: spread?.range(),
          figure: result.bytesPerSecond.map { Units.bytes($0.median) + "/s" } ?? result.mainFigure,
          note: result.latency.map { "p50 \(Units.duration(Double($0.p50)))" } ?? "")
      }, figureTitle: "measured", noteTitle: "beside it")
  }
}

extension Spread {
  /// From the least to the largest, times a factor; nil where that is no number.
  fileprivate func range(times factor: Double = 1) -> ClosedRange<Double>? {
    let (least, most) = (minimum * factor, maximum * factor)
    return least.isFinite && most.isFinite && least <= most ? least...most : nil
  }
}

extension BenchmarkResult {
  /// The figure that is told first: a time where the limit is one and few wait, else how many a second.
  var mainFigure: String {
    if let latency, case .nanoseconds = limit?.figure, self["writers"]?.integer ?? 1 == 1 {
      return Units.duration(Double(latency.p50))
    }
    if let recordsPerSecond { return Units.rate(recordsPerSecond.median) + "/s" }
    if let bytesPerSecond { return Units.bytes(bytesPerSecond.median) + "/s" }
    return latency.map { Units.duration(Double($0.p50)) } ?? ""
  }

  /// The limit as many records a second, or as the nanoseconds of one; nil where that cannot be said.
  fileprivate var limitOnItsScale: Double? {
    switch limit?.figure {
    case .nanoseconds(let value): return value
    case .bytesPerSecond(let value):
      guard let records = recordsPerSecond?.median, let bytes = bytesPerSecond?.median, bytes > 0 else {
        return nil
      }
      return value * records / bytes
    case nil: return nil
    }
  }

  /// 51 % of 6.40 GB/s
  fileprivate var shareOfLimit: String {
    guard let ofLimit, let limit else { return "" }
    return ofLimit < 2
      ? "\(Units.share(ofLimit)) of \(limit.words)" : "\(Units.share(ofLimit)) its limit, \(limit.words)"
  }

  /// zstd:3, 2 threads
  fileprivate var codecWords: String? {
    guard let codec = self["codec"]?.string else { return nil }
    let threads = self["threads"]?.integer ?? 1
    return threads == 1 ? codec : "\(codec), \(threads) threads"
  }

  /// What a result of the codecs does: what its label begins with.
  fileprivate var verb: String {
    String(label.prefix { $0 != "," && $0 != " " })
  }
}

extension Array where Element: Equatable {
  /// Each once, in the order of their first.
  var distinct: [Element] {
    var seen: [Element] = []
    for element in self where !seen.contains(element) { seen.append(element) }
    return seen
  }
}

extension [BenchmarkResult] {
  /// The results by a key, in the order of their first.
  fileprivate func grouped(by key: (BenchmarkResult) -> String) -> [(key: String, results: [BenchmarkResult])]
  {
    map(key).distinct.map { name in (name, filter { key($0) == name }) }
  }

  /// The most records a second for each number, from the least number on.
  fileprivate func best(by number: (BenchmarkResult) -> Int?) -> [(x: Int, y: Double)] {
    compactMap(number).distinct.sorted().map { value in
      let rates = filter { number($0) == value }.compactMap { $0.recordsPerSecond?.median }
      return (value, rates.max() ?? 0)
    }
  }
}
