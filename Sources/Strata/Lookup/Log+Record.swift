internal import StrataIO
public import StrataRecords
internal import Synchronization

extension Log {
  /// The record at `offset`; nil where there is none: a compaction has removed it, or it is not to be seen yet.
  ///
  /// The batch that has it is read whole and checked once; after that, only the record and its neighbours are read
  /// (`LogConfiguration.recordCacheBytes`).
  ///
  /// - Throws: `.offsetOutOfRange` where the log begins behind the offset or ends before it; `.damaged`,
  ///   `.unreadableBatch`, `.closed`, `.io`.
  public func record(at offset: Offset, isolation: FetchIsolation = .durable) throws(LogError) -> Record? {
    try withRecord(at: offset, isolation: isolation) { Record(copying: $0) }
  }

  /// Gives `body` the record at `offset`, where it lies in memory; nil where there is none. Nothing is allocated for
  /// a record that was looked up before.
  ///
  /// - Throws: as `record(at:isolation:)` does.
  public func withRecord<Result>(
    at offset: Offset, isolation: FetchIsolation = .durable, _ body: (RecordView) -> Result
  ) throws(LogError) -> Result? {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    if let found = try known(at: offset, isolation, truncations),
      let piece = try read(found.batch.piece(with: offset), of: found, truncations)
    {
      defer { piece.giveBack() }
      // What was read may be what was written after a truncation.
      if truncationCount.load(ordering: .sequentiallyConsistent) == truncations {
        do throws(FormatError) {
          var records = piece.records(configuration.limits)
          while let record = try records.next(), record.offset <= offset {
            if record.offset == offset { return body(record) }
          }
          return nil
        } catch {
          // It is not what was checked: reading the whole batch says what is wrong with it.
        }
      }
    }
    return try withWalkedRecord(at: offset, isolation, body)
  }

  /// The same by reading the batch whole.
  private func withWalkedRecord<Result>(
    at offset: Offset, _ isolation: FetchIsolation, _ body: (RecordView) -> Result
  ) throws(LogError) -> Result? {
    var cursor = fetch(from: offset, isolation: isolation)
    guard let batch = try cursor.next(), batch.baseOffset <= offset else { return nil }
    remember(batch, cursor)
    do throws(FormatError) {
      var records = try batch.records(limits: configuration.limits)
      guard let record = try records.next(), record.offset == offset else { return nil }
      return body(record)
    } catch { throw unreadable(batch, error) }
  }

  /// Remembers where the records of the batch lie that `cursor` has just returned.
  func remember(_ batch: RecordBatch, _ cursor: borrowing FetchCursor) {
    guard recordCache.isOn, let place = cursor.place(of: batch),
      let known = KnownBatch(batch, at: place.position, limits: configuration.limits),
      let key = try? cacheKey(batch.baseOffset, place.view)
    else { return }
    recordCache.remember(known, key, cursor.truncations)
  }

  func unreadable(_ batch: RecordBatch, _ error: FormatError) -> LogError {
    LogError(
      .unreadableBatch, path: path, offsets: batch.baseOffset..<batch.nextOffset,
      detail: "the batch is as it was written, but its records cannot be read", cause: error)
  }
}

// MARK: What is known

extension Log {
  /// A known batch, and where it is.
  struct Known {
    var view: SegmentView
    var interval: KnownInterval
    var batch: KnownBatch
  }

  /// The batch that has `offset`, if it is known and may be seen whole. nil says nothing: a cursor says more.
  func known(
    at offset: Offset, _ isolation: FetchIsolation, _ truncations: UInt64
  ) throws(LogError) -> Known? {
    guard recordCache.isOn else { return nil }
    let (start, _, visible, view) = try look(at: offset, isolation)
    guard offset >= start, offset < visible else { return nil }
    guard let key = try? cacheKey(offset, view), let interval = recordCache.interval(key, truncations),
      let batch = interval.batch(with: offset), batch.header.lastOffset < visible
    else { return nil }
    let attributes = batch.header.attributes
    if isolation == .committed, attributes.isTransactional || attributes.isControl { return nil }
    return Known(view: view, interval: interval, batch: batch)
  }

  /// The interval of the segment's offset index that ends with the first entry not below `offset`.
  private func cacheKey(_ offset: Offset, _ view: SegmentView) throws(LogError) -> RecordCache.Key {
    let found = try view.segment.index(for: view)
    let entry = found.index.firstEntry(
      notBelow: offset, count: found.progress.offsetEntries, base: view.baseOffset)
    return RecordCache.Key(segment: view.segment.number, place: Int64(entry))
  }

  /// The bytes of a piece, wherever they come from.
  struct ReadPiece {
    var piece: RecordPiece
    var header: RecordBatchHeader
    var buffer: ByteBuffer
    /// Where they begin in the buffer.
    var start: Int
    var isPooled = false

    @_lifetime(immortal)
    func records(_ limits: ParsingLimits) -> RecordReader {
      RecordReader(piece, of: header, in: buffer, at: start, limits: limits)
    }

    func giveBack() {
      if isPooled { BufferPool.give(buffer) }
    }
  }

  /// Reads a piece of a known batch: in place where the segment is mapped, from memory where it was remembered, else
  /// from the file. nil where the file ends before it.
  func read(
    _ piece: RecordPiece, of known: Known, _ truncations: UInt64
  ) throws(LogError) -> ReadPiece? {
    let header = known.batch.header
    let position = known.batch.position + Int64(RecordBatchHeader.byteCount + piece.position)
    if let batches = try known.view.segment.mappedBatches(known.view) {
      guard position + Int64(piece.byteCount) <= Int64(batches.count) else { return nil }
      return ReadPiece(piece: piece, header: header, buffer: batches, start: Int(position))
    }
    let key = RecordCache.Key(segment: known.view.segment.number, place: position)
    if let bytes = recordCache.piece(key, truncations), bytes.count == piece.byteCount {
      return ReadPiece(piece: piece, header: header, buffer: bytes, start: 0)
    }
    // What is read for the second time stays.
    let stays = known.interval.noteRead(at: position)
    let buffer = stays ? ByteBuffer(capacity: piece.byteCount) : BufferPool.take()
    buffer.reserve(piece.byteCount)
    let file = try known.view.segment.file()
    let count: Int
    do throws(IOError) {
      count = try buffer.withMutableBytes(from: 0, count: piece.byteCount) { bytes throws(IOError) -> Int in
        try file.read(into: &bytes, at: position)
      }
    } catch {
      if !stays { BufferPool.give(buffer) }
      throw LogError(error)
    }
    buffer.count = count
    guard count == piece.byteCount else {
      if !stays { BufferPool.give(buffer) }
      return nil
    }
    if stays, truncationCount.load(ordering: .sequentiallyConsistent) == truncations {
      recordCache.remember(buffer, key, truncations)
    }
    return ReadPiece(piece: piece, header: header, buffer: buffer, start: 0, isPooled: !stays)
  }
}
