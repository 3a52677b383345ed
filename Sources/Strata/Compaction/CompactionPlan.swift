package import StrataRecords

/// Which part of a log is compacted next, decided from facts alone.
///
///     log start        cleaned to                  end          log end
///        | clean          | dirty                    |  not yet   |
///
/// In the clean part every key has one record. The dirty part ends before the segment that is appended to, before
/// the high watermark, before the first transaction that is open, and before the first segment with a record younger
/// than the least lag: a record's age counts as for retention (`RetentionPlan`), so that a timestamp from the future
/// stops a compaction only as long as its file is young. The rules are Kafka's (`LogCleanerManager`).
package struct CompactionPlan: Hashable, Sendable {
  /// What there is of one sealed segment.
  package struct SegmentFact: Hashable, Sendable {
    package var baseOffset: Offset
    /// The next segment's base offset.
    package var nextOffset: Offset
    /// The bytes of its batches, and of its larger index.
    package var bytes: Int64
    package var indexBytes: Int
    /// When its newest record was written, in milliseconds since 1970.
    package var time: Int64

    package init(baseOffset: Offset, nextOffset: Offset, bytes: Int64, indexBytes: Int = 0, time: Int64 = 0) {
      self.baseOffset = baseOffset
      self.nextOffset = nextOffset
      self.bytes = bytes
      self.indexBytes = indexBytes
      self.time = time
    }
  }

  /// What is decided from.
  package struct Facts: Hashable, Sendable {
    /// The sealed segments, oldest first.
    package var segments: [SegmentFact]
    package var logStart: Offset
    /// How far the log was compacted.
    package var cleanedTo: Offset
    /// From here on nothing may be compacted: the high watermark, or the first open transaction.
    package var bound: Offset
    /// The wall clock, in milliseconds since 1970.
    package var now: Int64
    package var leastLag: Int64
    package var leastDirtyRatio: Double
    /// The greatest lag, and how long ago the first dirty record was written; nil where nobody asks.
    package var greatestLag: Int64?
    package var oldestDirtyTime: Int64?

    package init(
      segments: [SegmentFact], logStart: Offset = 0, cleanedTo: Offset = 0, bound: Offset = .max,
      now: Int64 = 0,
      leastLag: Int64 = 0, leastDirtyRatio: Double = 0, greatestLag: Int64? = nil,
      oldestDirtyTime: Int64? = nil
    ) {
      self.segments = segments
      self.logStart = logStart
      self.cleanedTo = cleanedTo
      self.bound = bound
      self.now = now
      self.leastLag = leastLag
      self.leastDirtyRatio = leastDirtyRatio
      self.greatestLag = greatestLag
      self.oldestDirtyTime = oldestDirtyTime
    }
  }

  /// Where the dirty part begins and ends.
  package private(set) var dirty: Range<Offset>
  /// The bytes of its segments as a part of all that may be compacted, 0 to 1.
  package private(set) var dirtyRatio: Double
  /// Whether there is enough of it, or some of it is old enough.
  package private(set) var isDue: Bool

  package init(_ facts: Facts) {
    let start = max(facts.cleanedTo, facts.logStart)
    var end = facts.segments.last?.nextOffset ?? start
    if let first = facts.segments.first(where: { $0.nextOffset > facts.bound }) { end = first.baseOffset }
    let young = facts.segments.first {
      guard $0.nextOffset > start, facts.leastLag > 0 else { return false }
      let (age, over) = facts.now.subtractingReportingOverflow($0.time)
      return !over && age < facts.leastLag
    }
    if let young { end = min(end, young.baseOffset) }
    dirty = start..<max(start, end)
    var (clean, dirtyBytes) = (0.0, 0.0)
    for segment in facts.segments where segment.baseOffset < dirty.upperBound {
      if segment.nextOffset > start {
        dirtyBytes += Double(segment.bytes)
      } else {
        clean += Double(segment.bytes)
      }
    }
    if dirty.isEmpty { dirtyBytes = 0 }
    dirtyRatio = dirtyBytes > 0 ? dirtyBytes / (clean + dirtyBytes) : 0
    var isOld = false
    if let lag = facts.greatestLag, let time = facts.oldestDirtyTime {
      let (age, over) = facts.now.subtractingReportingOverflow(time)
      isOld = over ? time < 0 : age > lag
    }
    isDue = !dirty.isEmpty && (dirtyRatio >= facts.leastDirtyRatio || isOld)
  }

  /// Puts the segments that begin before `end` together, in their order, each group as large as one segment may be:
  /// in bytes, in index entries, and in offsets, which an index counts from the base with 31 bits.
  package static func groups(
    _ segments: [SegmentFact], before end: Offset, segmentBytes: Int64, indexBytes: Int
  ) -> [[SegmentFact]] {
    var groups: [[SegmentFact]] = []
    for segment in segments where segment.baseOffset < end {
      if let last = groups.last,
        last.reduce(segment.bytes, { $0 + $1.bytes }) <= segmentBytes,
        last.reduce(segment.indexBytes, { $0 + $1.indexBytes }) <= indexBytes,
        segment.nextOffset.rawValue - last[0].baseOffset.rawValue - 1 <= Int64(Int32.max)
      {
        groups[groups.count - 1].append(segment)
      } else {
        groups.append([segment])
      }
    }
    return groups
  }
}
