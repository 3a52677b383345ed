internal import StrataIO
internal import StrataRecords
internal import Synchronization

extension Log {
  /// What known batches say of a timestamp.
  enum KnownOffset {
    case found(Offset)
    /// Every record of the segment is older.
    case behind
    /// From this offset on nothing is known.
    case unknown(Offset)
  }

  /// The offset of the first record of a segment, from `start` on, that is not older than `timestamp`: as far as known
  /// batches tell.
  func knownOffset(
    for timestamp: Timestamp, from start: Offset, in view: SegmentView, _ isolation: FetchIsolation
  ) throws(LogError) -> KnownOffset {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    var next = start
    while next < view.progress.nextOffset {
      // A batch of which some is not to be looked at is left to a cursor.
      guard let known = try known(at: next, isolation, truncations), known.batch.header.baseOffset >= next
      else { return .unknown(next) }
      let header = known.batch.header
      guard header.maxTimestamp >= timestamp else {
        next = header.nextOffset
        continue
      }
      guard let piece = try read(known.batch.piece(notBefore: timestamp), of: known, truncations) else {
        return .unknown(next)
      }
      defer { piece.giveBack() }
      guard truncationCount.load(ordering: .sequentiallyConsistent) == truncations,
        let found = firstRecord(notBefore: timestamp, in: piece)
      else { return .unknown(next) }
      return .found(found)
    }
    return .behind
  }

  private func firstRecord(notBefore timestamp: Timestamp, in piece: ReadPiece) -> Offset? {
    do throws(FormatError) {
      var records = piece.records(configuration.limits)
      while let record = try records.next() {
        if record.timestamp >= timestamp { return record.offset }
      }
    } catch {
      // It is not what was checked: reading the whole batch says what is wrong with it.
    }
    return nil
  }
}
