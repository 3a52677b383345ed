/// The goals and what became of them, as a table of at most 120 columns and as JSON.
public struct GoalTable: Sendable {
  public let outcomes: [GoalOutcome]

  public init(_ goals: [Goal], _ results: [BenchmarkResult]) {
    outcomes = goals.map { $0.outcome(in: results) }
  }

  /// The table's lines, and a last one with how many were reached.
  public var lines: [String] {
    let width = outcomes.map { $0.goal.work.count }.max() ?? 0
    var lines = [
      "goals" + pad("", width) + right("goal", 13) + right("measured", 11) + right("limit", 11)
        + right("of it", 7)
    ]
    for outcome in outcomes {
      let goal = outcome.goal
      var line = left(goal.number, 4) + " " + left(goal.work, width)
      line += right(outcome.boundWords, 13)
      guard let value = outcome.valueWords else {
        lines.append(line + "  " + outcome.verdict)
        continue
      }
      line += right(value, 11) + right(outcome.limitWords, 11) + right(outcome.ofLimitWords, 7)
      lines.append(line + "  " + outcome.verdict)
    }
    let reached = outcomes.filter { $0.state == .reached }.count
    let measured = outcomes.filter { $0.state != .notMeasured }.count
    lines.append(
      "  \(reached) of \(measured) reached, \(outcomes.count - measured) not measured; figures are of this machine and "
        + "this run, the limit is of the same rounds")
    return lines
  }

  /// The head of the table as cells, and a row of them for each goal.
  var cells: [[String]] {
    [["", "work", "goal", "measured", "limit", "of it", ""]]
      + outcomes.map { outcome in
        [
          outcome.goal.number, outcome.goal.work, outcome.boundWords, outcome.valueWords ?? "",
          outcome.limitWords, outcome.ofLimitWords, outcome.verdict,
        ]
      }
  }

  /// The same as a table of Markdown: the documentation's page on performance has it.
  public var markdown: String {
    var text = "| | work | goal | measured | limit | of it | |\n|---|---|---|---|---|---|---|\n"
    for row in cells.dropFirst() { text += "| " + row.joined(separator: " | ") + " |\n" }
    return text
  }

  /// For `goals` of the JSON.
  public var json: JSON { .array(outcomes.map(\.json)) }

  private func left(_ text: String, _ width: Int) -> String { text + pad(text, width) }
  private func right(_ text: String, _ width: Int) -> String { pad(text, width) + text }
  private func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count))
  }
}

extension GoalOutcome {
  private var figure: Figure? {
    guard case .figure(let key) = goal.measure else { return nil }
    return result?.figures.first { $0.key == key }
  }

  /// ≥ 35.0 M/s
  public var boundWords: String {
    func words(_ value: Double) -> String { goal.measure.words(value, figure) }
    return switch goal.bound {
    case .atLeast(let least): "≥ " + words(least)
    case .atMost(let most): "≤ " + words(most)
    }
  }

  /// What was measured; nil where nothing was.
  public var valueWords: String? { value.map { goal.measure.words($0, figure) } }

  /// The machine's limit in the same rounds, or nothing.
  public var limitWords: String {
    switch result?.limit?.figure {
    case .bytesPerSecond(let value): Units.bytes(value) + "/s"
    case .nanoseconds(let value): Units.duration(value)
    case nil: ""
    }
  }

  /// The share of that limit.
  public var ofLimitWords: String { result?.ofLimit.map { Units.share($0) } ?? "" }

  /// reached, or how far.
  public var verdict: String {
    switch state {
    case .notMeasured: "not measured"
    case .reached: "reached"
    case .missed: ofGoal.map { "\(Int(($0 * 100).rounded(.down))) % of the goal" } ?? "not reached"
    }
  }

  var json: JSON {
    var members = [
      JSON.Member("goal", .string(goal.number)), JSON.Member("work", .string(goal.work)),
      JSON.Member("workload", .string(goal.workload)), JSON.Member("measure", .string(goal.measure.key)),
    ]
    switch goal.bound {
    case .atLeast(let least): members.append(JSON.Member("atLeast", .number(least)))
    case .atMost(let most): members.append(JSON.Member("atMost", .number(most)))
    }
    members.append(JSON.Member("state", .string(state.rawValue)))
    if let value { members.append(JSON.Member("measured", .number(value))) }
    if let ofGoal { members.append(JSON.Member("ofGoal", .number(ofGoal))) }
    if let result {
      members.append(JSON.Member("label", .string(result.label)))
      if let limit = result.limit { members.append(JSON.Member("limit", limit.json)) }
      if let share = result.ofLimit { members.append(JSON.Member("ofLimit", .number(share))) }
    }
    return .object(members)
  }
}
