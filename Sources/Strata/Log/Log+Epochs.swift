internal import StrataIO
internal import StrataLock
public import StrataRecords

/// Where a leader epoch ends.
public struct LeaderEpochEnd: Hashable, Sendable {
  /// The largest epoch of the log that is not above the one that was asked for.
  public var leaderEpoch: LeaderEpoch
  /// The offset behind its last record.
  public var endOffset: Offset

  package init(leaderEpoch: LeaderEpoch, endOffset: Offset) {
    self.leaderEpoch = leaderEpoch
    self.endOffset = endOffset
  }
}

/// Leader epochs: who led when a record was written. A log that stands alone leads itself, and begins the next epoch
/// whenever its end was taken back; one that is copied from another has the other's.
extension Log {
  /// The epoch that new batches get.
  public var leaderEpoch: LeaderEpoch { state.withLock { $0.epochs.current } }

  /// Which epoch began where.
  package var leaderEpochs: LeaderEpochs { state.withLock { $0.epochs } }

  /// Where `epoch` ends in this log: where the next one begins, or at the log's end. Of an epoch that the log does not
  /// have the answer is that of the largest one below; nil of one above all that it has. Kafka:
  /// `OffsetForLeaderEpoch`.
  public func endOffset(for epoch: LeaderEpoch) -> LeaderEpochEnd? {
    state.withLock { $0.epochs.end(of: epoch, logEnd: $0.logEnd) }
  }

  /// Lets a new leader epoch begin at the log's end, durably. Batches that come carry it.
  ///
  /// - Throws: `.invalidRecord` for an epoch below that of the log; `.closed`, `.readOnly`, `.noSpace`, `.io`.
  public func beginLeaderEpoch(_ epoch: LeaderEpoch) throws(LogError) {
    try withAppender { appender throws(LogError) in
      guard epoch >= appender.epochs.current else {
        throw LogError(
          .invalidRecord, path: path,
          detail: "leader epoch \(epoch) cannot begin, the log is at \(appender.epochs.current) already")
      }
      try assign(epoch, at: appender.progress.nextOffset, &appender)
    }
  }

  /// Takes back what another log, the leader of `epoch`, does not have: everything behind the end of `epoch` in this
  /// log, and behind `offset`, where that epoch ends in the other. Returns the new end.
  ///
  /// - Throws: as `truncate(to:)`.
  @discardableResult
  public func truncate(toEndOf epoch: LeaderEpoch, at offset: Offset = .max) throws(LogError) -> Offset {
    let end = endOffset(for: epoch)?.endOffset ?? .max
    return try truncate(to: max(min(end, offset), logStartOffset))
  }

  /// Appends batches as they lie in another log that this one is a copy of: offsets and leader epochs stay, end markers
  /// and batches that compaction has thinned out are taken, and producers are not asked whether they may.
  ///
  /// They are appended one after the other; where one is refused, those before it are there. Returns the offset
  /// behind the last one.
  ///
  /// - Throws: `.offsetOutOfRange` for a batch that begins before the log's end, or too far behind it for a segment;
  ///   `.invalidRecord` for one whose leader epoch is below the log's; else as `append`.
  @discardableResult
  public func appendReplica(
    _ batches: some Collection<RecordBatch>, durability: Durability? = nil
  ) throws(LogError) -> Offset {
    let end = try withAppender { appender throws(LogError) in
      for batch in batches { try putReplica(batch, &appender) }
      return appender.progress.nextOffset
    }
    if !batches.isEmpty {
      try settle(AppendedBatch(baseOffset: end - 1, lastOffset: end - 1), durability)
    }
    return end
  }

  private func putReplica(_ batch: RecordBatch, _ appender: inout Appender) throws(LogError) {
    let header = batch.header
    let end = appender.progress.nextOffset
    guard header.baseOffset >= end else {
      throw LogError(
        .offsetOutOfRange, path: path, offsets: logStartOffset..<end,
        detail: "a batch at offset \(header.baseOffset) is appended to a log that ends at \(end)")
    }
    try checkSize(batch)
    let delta = header.lastOffset.rawValue - end.rawValue + 1
    let isTooFar = !fitsRelatively(appender.progress, behind: delta)
    if mustRoll(before: batch.header, appender) || (isTooFar && appender.progress.position > 0) {
      try roll(&appender)
    }
    guard fitsRelatively(appender.progress, behind: delta) else {
      throw LogError(
        .offsetOutOfRange, path: path, offsets: logStartOffset..<end,
        detail: "a segment at \(end) does not reach to offset \(header.lastOffset)")
    }
    if header.partitionLeaderEpoch.rawValue >= 0 {
      try assign(header.partitionLeaderEpoch, at: header.baseOffset, &appender)
    }
    appender.keepsPlaces = true
    defer { appender.keepsPlaces = false }
    try io { () throws(IOError) in
      try appender.write(CollectionOfOne(batch), byteCount: header.sizeInBytes)
    }
    publish(
      &appender, header.producerID >= 0 ? [batch] : [], batches: 1, records: Int(header.recordCount),
      bytes: header.sizeInBytes)
  }

  private func assign(
    _ epoch: LeaderEpoch, at offset: Offset, _ appender: inout Appender
  ) throws(LogError) {
    guard epoch != appender.epochs.current || appender.epochs.entries.isEmpty else { return }
    var epochs = appender.epochs
    guard epochs.assign(epoch, at: offset) else {
      throw LogError(
        .invalidRecord, path: path,
        detail:
          "leader epoch \(epoch) at offset \(offset), where the log is at epoch \(epochs.current) already")
    }
    let stored = epochs
    try io { () throws(IOError) in try stored.store(path, environment.fileSystem) }
    appender.epochs = stored
    state.withLock { $0.epochs = stored }
  }
}
