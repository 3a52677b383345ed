internal import StrataRecords

/// How often a log was truncated since it was opened, and how far: so that whoever read before can tell whether
/// what it knows is still so.
///
/// Only the lowest cut of each stretch matters, so it holds as many entries as the log has grown between cuts.
struct TruncationHistory: Sendable {
  /// How many cuts there were.
  private(set) var count: UInt64 = 0
  /// Both numbers grow: a cut makes those at higher offsets before it meaningless.
  private var cuts: [(number: UInt64, offset: Offset)] = []

  /// Notes that everything from `offset` on went.
  mutating func add(_ offset: Offset) {
    count += 1
    while let last = cuts.last, last.offset >= offset { cuts.removeLast() }
    cuts.append((count, offset))
  }

  /// The lowest offset that went since there were `known` cuts; nil where none did.
  func lowest(since known: UInt64) -> Offset? {
    cuts.first { $0.number > known }?.offset
  }
}
