package import StrataRecords

/// Which records of a log have to go by age and by size, decided from facts alone.
///
/// Whole segments go, the oldest first, up to the first one that may stay: the log never gets a hole. In this order,
/// as Kafka has it:
///
/// 1. by **age** (`retentionMilliseconds`): a segment counts from its newest record's timestamp, but from no later
///    than when its file was last written. So a timestamp from the future, which a producer may give, holds a
///    segment back only until the segment is as old as its file says; a segment without timestamps goes by its file;
/// 2. by **size** (`retentionBytes`): as long as without the oldest segment the log would still have that many bytes;
/// 3. by the **log start**: what lies wholly below it is gone already.
///
/// A segment goes only when all of it lies below `removableEnd`, the high watermark. The last segment goes like any
/// other, if it has records: the log rolls first, so that the next offset is not forgotten.
package struct RetentionPlan: Hashable, Sendable {
  /// Why a segment goes.
  package enum Reason: Hashable, Sendable {
    case age, size, logStart
  }

  /// What there is of one segment.
  package struct SegmentFact: Hashable, Sendable {
    package var baseOffset: Offset
    /// The offset behind its last record.
    package var nextOffset: Offset
    /// The bytes of its batches.
    package var bytes: Int64
    /// The newest timestamp of its records; below 0 where there is none.
    package var largestTimestamp: Timestamp
    /// When its file was last written, in milliseconds since 1970.
    package var modificationTime: Int64

    package init(
      baseOffset: Offset, nextOffset: Offset, bytes: Int64, largestTimestamp: Timestamp,
      modificationTime: Int64
    ) {
      self.baseOffset = baseOffset
      self.nextOffset = nextOffset
      self.bytes = bytes
      self.largestTimestamp = largestTimestamp
      self.modificationTime = modificationTime
    }

    /// The moment from which on it ages.
    var time: Int64 {
      largestTimestamp.milliseconds < 0
        ? modificationTime : min(largestTimestamp.milliseconds, modificationTime)
    }
  }

  /// What is decided from.
  package struct Facts: Hashable, Sendable {
    /// Oldest first; the last one is appended to.
    package var segments: [SegmentFact]
    package var logStart: Offset
    /// The offset up to which records may go.
    package var removableEnd: Offset
    /// The wall clock, in milliseconds since 1970.
    package var now: Int64
    /// nil: nothing is too old.
    package var milliseconds: Int64?
    /// nil: nothing is too much.
    package var bytes: Int64?

    package init(
      segments: [SegmentFact], logStart: Offset, removableEnd: Offset, now: Int64, milliseconds: Int64?,
      bytes: Int64?
    ) {
      self.segments = segments
      self.logStart = logStart
      self.removableEnd = removableEnd
      self.now = now
      self.milliseconds = milliseconds
      self.bytes = bytes
    }
  }

  /// A segment that goes.
  package struct Removal: Hashable, Sendable {
    package var baseOffset: Offset
    package var reason: Reason

    package init(baseOffset: Offset, reason: Reason) {
      self.baseOffset = baseOffset
      self.reason = reason
    }
  }

  /// Where the log begins afterwards. Never below where it began before.
  package private(set) var logStart: Offset
  /// What goes, oldest first.
  package private(set) var removals: [Removal] = []

  package init(_ facts: Facts) {
    logStart = facts.logStart
    var rest = facts.segments[...]
    // What nobody can read any more is no part of the log's size.
    while rest.count > 1, let first = rest.first, first.nextOffset <= facts.logStart {
      remove(first, .logStart, &rest)
    }
    if let age = facts.milliseconds {
      while let first = rest.first, isRemovable(rest, facts) {
        let (passed, over) = facts.now.subtractingReportingOverflow(first.time)
        guard passed > age || (over && first.time < 0) else { break }
        remove(first, .age, &rest)
      }
    }
    if let bytes = facts.bytes {
      var total = rest.reduce(0) { $0 + $1.bytes }
      while let first = rest.first, isRemovable(rest, facts), total - first.bytes >= bytes {
        total -= first.bytes
        remove(first, .size, &rest)
      }
    }
  }

  private mutating func remove(
    _ segment: SegmentFact, _ reason: Reason, _ rest: inout ArraySlice<SegmentFact>
  ) {
    rest.removeFirst()
    removals.append(Removal(baseOffset: segment.baseOffset, reason: reason))
    logStart = max(logStart, segment.nextOffset)
  }

  /// Whether the first of `rest` may go. A last segment without records is what the log goes on in.
  private func isRemovable(_ rest: ArraySlice<SegmentFact>, _ facts: Facts) -> Bool {
    guard let first = rest.first, first.nextOffset <= facts.removableEnd else { return false }
    return rest.count > 1 || first.bytes > 0
  }
}
