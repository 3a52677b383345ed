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
  /// The digest of the heads of all batches so far (`RecordBatchHeader.headDigest`).
  package var headDigest: UInt32 = 0
  /// The CRC-32C of the entries so far of the offset index, of the time index, and of the seal's points.
  package var offsetChecksum: UInt32 = 0
  package var timeChecksum: UInt32 = 0
  package var sealChecksum: UInt32 = 0
  /// Entries in the transaction index, and their CRC-32C.
  package var abortedTransactions = 0
  package var transactionChecksum: UInt32 = 0
  /// Whether the log knows any producer here: only then a snapshot says which.
  package var hasProducers = false

  package init(baseOffset: Offset) {
    self.baseOffset = baseOffset
    nextOffset = baseOffset
    offsetOfLargestTimestamp = baseOffset
  }

  /// The entries that one batch makes.
  struct Entries {
    var offset: OffsetIndexEntry?
    var time: TimeIndexEntry?
    /// The seal gets a point wherever the offset index gets an entry.
    var point: SealPoint?
  }

  /// The end of the last batch, as a point of the seal.
  package var end: SealPoint { SealPoint(position: position, digest: headDigest) }

  /// Takes the batch at `position` in. Returns the entries that it makes.
  @inline(__always)
  mutating func take(_ header: RecordBatchHeader, interval: Int) -> Entries {
    let (lastOffset, maxTimestamp) = (header.lastOffset, header.maxTimestamp)
    if position == 0 { firstTimestamp = maxTimestamp }
    if maxTimestamp > largestTimestamp {
      largestTimestamp = maxTimestamp
      offsetOfLargestTimestamp = lastOffset
    }
    var entries = Entries()
    if bytesSinceEntry > Int64(interval) {
      let entry = OffsetIndexEntry(offset: lastOffset, position: position)
      entries.offset = entry
      offsetChecksum = CRC32C.update(offsetChecksum, entry.encoded(base: baseOffset).span)
      offsetEntries += 1
      let point = end
      entries.point = point
      sealChecksum = CRC32C.update(sealChecksum, point.encoded.span)
      entries.time = takeTimeEntry()
      bytesSinceEntry = 0
    }
    lastBatchPosition = position
    lastBatchChecksum = header.crc
    headDigest = header.headDigest(behind: headDigest)
    position += Int64(header.sizeInBytes)
    bytesSinceEntry += Int64(header.sizeInBytes)
    nextOffset = Offset(lastOffset.rawValue + 1)
    if header.producerID >= 0 { hasProducers = true }
    return entries
  }

  /// The entry of the time index that is due when a segment ends, or with an entry of the offset index.
  mutating func takeTimeEntry() -> TimeIndexEntry? {
    guard largestTimestamp > lastIndexedTimestamp else { return nil }
    lastIndexedTimestamp = largestTimestamp
    timeEntries += 1
    let entry = TimeIndexEntry(timestamp: largestTimestamp, offset: offsetOfLargestTimestamp)
    timeChecksum = CRC32C.update(timeChecksum, entry.encoded(base: baseOffset).span)
    return entry
  }

  func checkInvariants() {
    precondition(nextOffset >= baseOffset && position >= 0 && bytesSinceEntry >= 0)
    precondition(offsetEntries >= 0 && timeEntries >= 0 && abortedTransactions >= 0)
    precondition(lastBatchPosition <= position && lastIndexedTimestamp <= largestTimestamp)
  }
}
