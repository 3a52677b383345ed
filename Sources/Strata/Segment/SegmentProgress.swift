internal import StrataRecords

/// All that has to be known of a segment to go on at its end: the one shape in which an append, a recovery and
/// the rebuilding of an index move through a segment, batch by batch, so that all three make the same entries.
///
/// The rule for entries is Kafka's (`LogSegment.append`): a batch gets an entry when more than the interval of
/// bytes lies between the last entry's batch and it; the batch's own bytes are counted afterwards. The offset
/// index gets the batch's last offset and its position, the time index the largest timestamp up to and with
/// this batch, unless that has not grown.
package struct SegmentProgress: Hashable, Sendable {
  /// The segment's first offset; index entries are relative to it.
  package let baseOffset: Offset
  /// The bytes of whole batches so far: where the next batch goes.
  package var position: Int64 = 0
  /// The offset behind the last batch.
  package var nextOffset: Offset
  /// Where the last batch starts, and its checksum: by these a durable point knows its segment again.
  package var lastBatchPosition: Int64 = 0
  package var lastBatchChecksum: UInt32 = 0
  /// Entries in the two indexes.
  package var offsetEntries = 0
  package var timeEntries = 0
  /// Bytes of batches since the last entry of the offset index.
  package var bytesSinceEntry: Int64 = 0
  /// The largest timestamp, and the last offset of the first batch that has it. −1 is none.
  package var largestTimestamp = Timestamp(milliseconds: -1)
  package var offsetOfLargestTimestamp: Offset
  /// The timestamp of the last entry in the time index.
  package var lastIndexedTimestamp = Timestamp(milliseconds: -1)
  /// The largest timestamp of the first batch: from it on the segment ages.
  package var firstTimestamp = Timestamp(milliseconds: -1)

  package init(baseOffset: Offset) {
    self.baseOffset = baseOffset
    nextOffset = baseOffset
    offsetOfLargestTimestamp = baseOffset
  }

  /// The entries that one batch makes.
  struct Entries {
    var offset: OffsetIndexEntry?
    var time: TimeIndexEntry?
  }

  /// Takes the batch at `position` in. Returns the entries that it makes.
  @inline(__always)
  mutating func take(
    lastOffset: Offset, maxTimestamp: Timestamp, checksum: UInt32, byteCount: Int, interval: Int
  ) -> Entries {
    if position == 0 { firstTimestamp = maxTimestamp }
    if maxTimestamp > largestTimestamp {
      largestTimestamp = maxTimestamp
      offsetOfLargestTimestamp = lastOffset
    }
    var entries = Entries()
    if bytesSinceEntry > Int64(interval) {
      entries.offset = OffsetIndexEntry(offset: lastOffset, position: position)
      offsetEntries += 1
      entries.time = takeTimeEntry()
      bytesSinceEntry = 0
    }
    lastBatchPosition = position
    lastBatchChecksum = checksum
    position += Int64(byteCount)
    bytesSinceEntry += Int64(byteCount)
    nextOffset = Offset(lastOffset.rawValue + 1)
    return entries
  }

  /// The entry of the time index that is due when a segment ends, or with an entry of the offset index.
  mutating func takeTimeEntry() -> TimeIndexEntry? {
    guard largestTimestamp > lastIndexedTimestamp else { return nil }
    lastIndexedTimestamp = largestTimestamp
    timeEntries += 1
    return TimeIndexEntry(timestamp: largestTimestamp, offset: offsetOfLargestTimestamp)
  }

  func checkInvariants() {
    precondition(nextOffset >= baseOffset && position >= 0 && bytesSinceEntry >= 0)
    precondition(offsetEntries >= 0 && timeEntries >= 0)
    precondition(lastBatchPosition <= position && lastIndexedTimestamp <= largestTimestamp)
  }
}
