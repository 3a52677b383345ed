internal import StrataRecords

/// What a snapshot of a log takes, decided from what the log knows.
///
/// Everything in front of the durable point is there for good: sealed segments are linked, and of the segment in which
/// the log was durable the batches up to there are copied, since it goes on being written.
struct SnapshotPlan: Sendable {
  /// Segments that are taken as they are, oldest first.
  var linked: [SegmentView] = []
  /// The segment in which the snapshot ends, and through which of its batches.
  var last: SegmentView
  var end: SegmentProgress
  var logStart: Offset
  /// How many truncations the log had seen: after another one, `end` means nothing.
  var truncations: UInt64

  /// nil where the segment that holds `end` is no more.
  init?(_ segments: [SegmentView], end: SegmentProgress, logStart: Offset, truncations: UInt64) {
    guard let last = segments.last(where: { $0.baseOffset == end.baseOffset }) else { return nil }
    self.last = last
    self.end = end
    self.logStart = min(logStart, end.nextOffset)
    self.truncations = truncations
    linked = segments.filter { $0.baseOffset < end.baseOffset && $0.progress.nextOffset > logStart }
  }
}

extension LogState {
  /// The plan of a snapshot that ends where the log is durable; `end` where it ended when another log was looked at.
  func snapshotPlan(end: SegmentProgress? = nil) -> SnapshotPlan? {
    SnapshotPlan(
      sealed + [active], end: end ?? durable, logStart: logStart, truncations: truncations.count)
  }
}
