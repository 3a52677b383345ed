internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// The short way of one record into the log: built in the appender's memory, and stored through the mapping.
extension Log {
  /// Appends one record without a system call. nil where something is not as it is nearly always — the segment ends,
  /// blocks are missing, the log sleeps or is poisoned —, and nothing has changed: then the general way does it, or says
  /// why not.
  func store(_ record: Record) -> AppendedBatch? {
    guard access == .readWrite, configuration.compression.codec == .none,
      !isPoisoned.load(ordering: .relaxed)
    else { return nil }
    var time = Timestamp.none
    if record.timestamp == nil { time = Timestamp(milliseconds: environment.wallClockMilliseconds()) }
    noteUse()
    let stored = appender.withLock { appender -> (place: AppendedBatch, isDue: Bool)? in
      // nil: the log was closed.
      guard appender != nil else { return nil }
      return store(record, at: time, with: &appender!)
    }
    guard let stored else { return nil }
    if stored.isDue { prepareLater() }
    return stored.place
  }

  private func store(
    _ record: Record, at time: Timestamp, with appender: inout Appender
  ) -> (place: AppendedBatch, isDue: Bool)? {
    guard let header = appender.build(record, at: time) else { return nil }
    defer { appender.builder.removeFinished() }
    guard appender.canStore(header), !mustRoll(before: header, appender) else { return nil }
    appender.storeBuilt(header)
    guard publish(header, &appender) else {
      // It was poisoned just now; what was stored is no record.
      appender.hasLeftovers = true
      return nil
    }
    let place = AppendedBatch(baseOffset: header.baseOffset, lastOffset: header.baseOffset)
    return (place, appender.isPreparationDue)
  }

  /// Takes the batch in that was stored, and lets readers see it. False in a poisoned log, where the log ends before it.
  private func publish(_ header: RecordBatchHeader, _ appender: inout Appender) -> Bool {
    SegmentScan.enter(
      header, &appender.progress, appender.index, interval: configuration.indexIntervalBytes)
    let progress = appender.progress
    let done = state.withLock { state -> [Waiter]? in
      if case .some = state.poison { return nil }
      state.active.progress = progress
      state.counts.appendedBatches += 1
      state.counts.appendedRecords += 1
      state.counts.appendedBytes += UInt64(header.sizeInBytes)
      assert({ state.checkInvariants() }() == ())
      return state.takeVisible()
    }
    guard let done else {
      appender.progress = state.withLock { $0.active.progress }
      return false
    }
    for waiter in done { waiter.resume(.success(())) }
    return true
  }
}

extension Appender {
  /// Makes a batch of one record in the builder's memory; nil where that is not possible here.
  fileprivate mutating func build(_ record: Record, at time: Timestamp) -> RecordBatchHeader? {
    guard tail != nil, !isDormant, !hasLeftovers else { return nil }
    builder.defaultTimestamp = time
    do throws(FormatError) { try builder.append(record) } catch {
      builder.removeAll()
      return nil
    }
    return builder.finishInPlace(at: progress.nextOffset, epoch: epochs.current)
  }

  /// Whether a batch finds everything that it needs: bytes within the file, and room in the indexes.
  fileprivate func canStore(_ header: RecordBatchHeader) -> Bool {
    header.sizeInBytes <= min(Self.mappedLimit, configuration.maximumBatchBytes)
      && progress.position + Int64(header.sizeInBytes) <= fileEnd
      && progress.nextOffset.rawValue < Offset.max.rawValue && index.freeEntries(progress) > 0
      && index.hasRoom(behind: progress, indexAllocation)
  }

  /// Stores what the builder has finished at the segment's end.
  fileprivate mutating func storeBuilt(_ header: RecordBatchHeader) {
    tail!.store(builder.finishedBytes, at: Int(progress.position))
    writtenEnd = max(writtenEnd, progress.position + Int64(header.sizeInBytes))
  }
}
