/// What is going to be written ahead of the appends, decided from how far the log is.
///
/// The zeros go behind the records of the active segment, and where that ends within the lead, into the file that
/// becomes the next segment: never further, so that what is written in vain is bounded by the lead.
package struct PreparationPlan: Equatable {
  package struct Facts: Equatable, Sendable {
    /// Where the next batch goes in the active segment.
    package var position: Int64
    /// Through where the active segment's file is written, with batches or zeros.
    package var writtenEnd: Int64
    /// The bytes of the file that becomes the next segment; 0 where there is none.
    package var nextBytes: Int64
    /// The largest size of a segment.
    package var segmentBytes: Int64

    package init(position: Int64, writtenEnd: Int64, nextBytes: Int64, segmentBytes: Int64) {
      self.position = position
      self.writtenEnd = writtenEnd
      self.nextBytes = nextBytes
      self.segmentBytes = segmentBytes
    }
  }

  /// Through where the active segment is to be written.
  package var activeEnd: Int64
  /// How many bytes the next segment's file is to have; 0: none is needed yet.
  package var nextBytes: Int64
  /// How much of both is missing.
  package var missingBytes: Int64

  /// What it takes to have `lead` bytes ready in front of the next batch.
  package init(_ facts: Facts, lead: Int64) {
    let wanted = facts.position + lead
    activeEnd = max(facts.writtenEnd, min(wanted, facts.segmentBytes))
    nextBytes = max(facts.nextBytes, min(wanted - facts.segmentBytes, facts.segmentBytes), 0)
    missingBytes = activeEnd - facts.writtenEnd + nextBytes - facts.nextBytes
  }

  /// How far the log runs ahead of what it has written: as far again as the active segment is, so that a small log
  /// stays small, and the larger one seldom asks.
  static let leads: ClosedRange<Int64> = 1 << 20...64 << 20

  /// The lead of a log whose active segment has `position` bytes, and that had `earlier` before: it only grows.
  package static func lead(at position: Int64, earlier: Int64) -> Int64 {
    min(max(position, earlier, leads.lowerBound), leads.upperBound)
  }

  /// The position in the active segment from which on the next plan is due: when half of the lead is used up. Where two
  /// segments are ready as a whole, only another segment makes one due.
  package static func due(_ facts: Facts, lead: Int64) -> Int64 {
    guard facts.writtenEnd >= facts.segmentBytes else { return facts.writtenEnd - lead / 2 }
    guard facts.nextBytes < facts.segmentBytes else { return .max }
    return facts.writtenEnd + facts.nextBytes - lead / 2
  }
}
