internal import StrataIO
internal import StrataRecords
internal import Synchronization

extension Log {
  /// What can be said of a timestamp without a cursor.
  enum KnownOffset {
    case found(Offset)
    /// Every record of the segment is older.
    case behind
    /// From this offset on a cursor has to look.
    case unknown(Offset)
  }

  /// The offset of the first record of a segment, from `start` on, that is not older than `timestamp`.
  func knownOffset(
    for timestamp: Timestamp, from start: Offset, in view: SegmentView, _ isolation: FetchIsolation
  ) throws(LogError) -> KnownOffset {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    var next = start
    // Each batch is looked up in the index: where that leads to one old batch after the other, reading on is faster.
    var batches = 4
    while next < view.progress.nextOffset {
      guard batches > 0 else { return .unknown(next) }
      batches -= 1
      guard let spot = try spot(of: next, isolation, truncations) else { return .unknown(next) }
      guard let read = try lookUp(.timestamp(timestamp), at: spot) else { return .unknown(next) }
      defer { read.giveBack() }
      // A batch of which some is not to be looked at is left to a cursor.
      guard read.header.baseOffset >= next,
        truncationCount.load(ordering: .sequentiallyConsistent) == truncations
      else { return .unknown(next) }
      if read.header.maxTimestamp < timestamp {
        next = read.header.nextOffset
        continue
      }
      guard let found = firstRecordRead(notBefore: timestamp, in: read) else { return .unknown(next) }
      return .found(found)
    }
    return .behind
  }

  private func firstRecordRead(notBefore timestamp: Timestamp, in read: Read) -> Offset? {
    do throws(FormatError) {
      var records = read.records(configuration.limits)
      while let record = try records.next() {
        if record.timestamp >= timestamp { return record.offset }
      }
    } catch {
      // Reading the whole batch says what is wrong with it.
    }
    return nil
  }
}
