/// How far long work has come, on a terminal; nothing anywhere else.
///
///     reading 00000000000000000000.log  [########            ]  41 %
struct ProgressBar {
  private let label: String
  private let total: Int64
  private let isShown: Bool
  private var next: Int64
  private var isDrawn = false

  /// Work shorter than this shows nothing.
  private static let patienceMilliseconds: Int64 = 500
  private static let intervalMilliseconds: Int64 = 100
  private static let width = 30

  /// A bar for `total` steps. `isQuiet` where something else is written to the same terminal.
  init(_ label: String, total: Int64, isQuiet: Bool = false) {
    self.label = label
    self.total = total
    isShown = total > 0 && !isQuiet && System.isTerminal(System.standardError)
    next = isShown ? System.monotonicMilliseconds() + Self.patienceMilliseconds : .max
  }

  /// Shows that `done` steps are done, if it is time to.
  mutating func advance(to done: Int64) {
    guard isShown else { return }
    let now = System.monotonicMilliseconds()
    guard now >= next else { return }
    next = now + Self.intervalMilliseconds
    isDrawn = true
    let share = min(1, max(0, Double(done) / Double(total)))
    let filled = Int(share * Double(Self.width))
    let bar = String(repeating: "#", count: filled) + String(repeating: " ", count: Self.width - filled)
    System.writeToStandardError(Array("\r\(label)  [\(bar)] \(Int(share * 100)) %\u{1B}[K".utf8))
  }

  /// Wipes the bar away.
  mutating func end() {
    guard isDrawn else { return }
    isDrawn = false
    System.writeToStandardError(Array("\r\u{1B}[K".utf8))
  }
}
