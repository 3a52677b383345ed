internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

extension Log {
  /// Records that were read, wherever they come from.
  struct Read {
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

  /// Reads the records among which the one is that is looked for, of a batch that has been checked. nil says nothing: a
  /// cursor says more.
  func lookUp(_ aim: LookupAim, at spot: Spot) throws(LogError) -> Read? {
    do throws(LogError) { return try lookUpThere(aim, at: spot) } catch {
      // Retention may just have removed it.
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private func lookUpThere(_ aim: LookupAim, at spot: Spot) throws(LogError) -> Read? {
    guard let interval = recordCache.interval(spot.key, spot.truncations),
      let place = interval.place(with: spot.offset), spot.isSeen(interval.batches[place].header)
    else { return try readBatch(aim, at: spot) }
    return try read(interval.batches[place].piece(aim), of: interval, place, spot)
  }

  /// Reads a piece of a known batch: in place where the segment is mapped, from memory where it was remembered, else
  /// from the file. nil where the file ends before it. A piece that is the unwalked rest of its batch is walked over,
  /// for the next time.
  private func read(
    _ piece: RecordPiece, of interval: KnownInterval, _ place: Int, _ spot: Spot
  ) throws(LogError) -> Read? {
    let header = interval.batches[place].header
    let position = interval.batches[place].position + Int64(RecordBatchHeader.byteCount + piece.position)
    if let batches = try spot.segment.mappedBatches(isSealed: spot.isSealed, end: spot.end) {
      guard position + Int64(piece.byteCount) <= Int64(batches.count) else { return nil }
      let read = Read(piece: piece, header: header, buffer: batches, start: Int(position))
      goOn(read, of: interval, place, spot)
      return read
    }
    let key = RecordCache.Key(segment: spot.segment.number, place: position)
    if let bytes = recordCache.piece(at: key, spot.truncations), bytes.count == piece.byteCount {
      return Read(piece: piece, header: header, buffer: bytes, start: 0)
    }
    // What is read for the second time stays.
    let stays = !interval.batches[place].isUnwalked(piece) && interval.noteRead(at: position)
    let buffer = stays ? ByteBuffer(capacity: piece.byteCount) : BufferPool.take()
    let read = Read(piece: piece, header: header, buffer: buffer, start: 0, isPooled: !stays)
    guard try fill(buffer, piece.byteCount, spot.segment, position) else {
      read.giveBack()
      return nil
    }
    if stays {
      recordCache.remember(buffer, at: key, spot.truncations)
    } else {
      goOn(read, of: interval, place, spot)
    }
    return read
  }

  /// Walks over what was read, where it is the rest of its batch.
  private func goOn(_ read: Read, of interval: KnownInterval, _ place: Int, _ spot: Spot) {
    guard interval.batches[place].isUnwalked(read.piece) else { return }
    var records = read.records(configuration.limits)
    if let walked = interval.batches[place].goingOn(&records) {
      recordCache.remember(walked, spot.key, spot.truncations)
    }
  }

  /// Fills an empty buffer with `count` bytes of a segment. False where it ends before, or was truncated meanwhile:
  /// nothing that was written behind a truncation is ever remembered.
  private func fill(
    _ buffer: ByteBuffer, _ count: Int, _ segment: Segment, _ position: Int64
  ) throws(LogError) -> Bool {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    let file = try segment.file()
    buffer.reserve(count)
    do throws(IOError) {
      buffer.count = try buffer.withMutableBytes(from: 0, count: count) { bytes throws(IOError) -> Int in
        try file.read(into: &bytes, at: position)
      }
    } catch { throw LogError(error) }
    return buffer.count == count && truncationCount.load(ordering: .sequentiallyConsistent) == truncations
  }
}

// MARK: A batch that is not known

extension Log {
  /// Intervals of more bytes than this are left to a cursor.
  private static let longestInterval: Int64 = 4 << 20
  /// From this size on a batch is remembered when it is met for the first time.
  private static let largeBatch = 8 * KnownBatch.step

  /// Reads the batch that has the offset, and checks it: the interval of the index in which it lies, by one call, whose
  /// heads the seal vouches for. nil says nothing: a cursor says more.
  private func readBatch(_ aim: LookupAim, at spot: Spot) throws(LogError) -> Read? {
    let view = state.withLock { $0.view(of: spot.segment.baseOffset) }
    guard let view, view.segment === spot.segment else { return nil }
    let seal: CountedSeal?
    do throws(LogError) { seal = try view.segment.seal(for: view) } catch { return nil }
    // That of the active segment may have come to count more points; the intervals before them are the same.
    guard let seal, seal.count >= spot.entries else { return nil }
    // The entry's own batch begins the next interval. Large batches have an entry each.
    let before = seal.interval(spot.entry)
    let isLarge = before.to.position - before.from.position >= Int64(Self.largeBatch)
    for number in isLarge ? [spot.entry + 1, spot.entry] : [spot.entry, spot.entry + 1]
    where number < seal.intervals {
      switch try readInterval(number, of: seal, aim, at: spot) {
      case .found(let read): return read
      case .unsure: return nil
      case .notThere: break
      }
    }
    return nil
  }

  private enum IntervalReading {
    case found(Read)
    case notThere
    case unsure
  }

  private func readInterval(
    _ number: Int, of seal: CountedSeal, _ aim: LookupAim, at spot: Spot
  ) throws(LogError) -> IntervalReading {
    let (from, to) = seal.interval(number)
    let count = to.position - from.position
    guard count > 0, count <= Self.longestInterval, to.position <= seal.end.position
    else { return .unsure }
    let buffer = BufferPool.take()
    var isKept = false
    defer { if !isKept { BufferPool.give(buffer) } }
    guard try fill(buffer, Int(count), spot.segment, from.position),
      let place = Self.find(spot, in: buffer, from: from, to: to)
    else { return .unsure }
    if number < seal.count { _ = seal.seal.noteChecked(number) }
    guard place >= 0 else { return .notThere }
    guard let header = checkedHeader(in: buffer, at: place), spot.isSeen(header) else { return .unsure }
    var read = Read(
      piece: RecordPiece(
        position: 0, byteCount: header.sizeInBytes - RecordBatchHeader.byteCount, firstDelta: 0,
        count: Int(header.recordCount)),
      header: header, buffer: buffer, start: place + RecordBatchHeader.byteCount, isPooled: true)
    remember(&read, at: from.position + Int64(place), aim, spot)
    isKept = true
    return .found(read)
  }

  /// The header of the batch at `place`, if it is whole, its checksum fits, and its records are not compressed.
  private func checkedHeader(in buffer: ByteBuffer, at place: Int) -> RecordBatchHeader? {
    let header = RecordBatchHeader(loading: buffer.bytes, at: place)
    do throws(FormatError) {
      try header.checkFraming(limits: configuration.limits)
      try header.checkContent(limits: configuration.limits)
    } catch { return nil }
    let batch = buffer.bytes.extracting(place..<place + header.sizeInBytes)
    guard header.attributes.codec == Compression.Codec.none,
      Mutants.leavesOut(.checksumCheck) || RecordBatch.checksumFits(batch, header)
    else { return nil }
    return header
  }

  /// Where the batch that has the offset begins in the bytes of an interval; −1 where none has it, nil where the heads
  /// are not those that were sealed.
  private static func find(
    _ spot: Spot, in buffer: ByteBuffer, from: SealPoint, to: SealPoint
  ) -> Int? {
    let bytes = buffer.bytes
    var (digest, place, found) = (from.digest, 0, -1)
    while place < bytes.count {
      guard bytes.count - place >= RecordBatchHeader.byteCount else { return nil }
      let header = RecordBatchHeader(loading: bytes, at: place)
      guard header.batchLength >= RecordBatchHeader.leastBatchLength,
        header.sizeInBytes <= bytes.count - place
      else { return nil }
      digest = header.headDigest(behind: digest)
      if found < 0, header.baseOffset <= spot.offset, spot.offset <= header.lastOffset { found = place }
      place += header.sizeInBytes
    }
    return digest == to.digest ? found : nil
  }

  /// Remembers the batch that was read, and narrows `read` down to the piece that is looked for.
  private func remember(_ read: inout Read, at position: Int64, _ aim: LookupAim, _ spot: Spot) {
    let header = read.header
    // A small one is read as fast as it would be found: only what is asked for again is worth the memory.
    let number = RecordCache.Key(segment: spot.segment.number, place: position)
    guard header.sizeInBytes >= Self.largeBatch || recordCache.notesAgain(number) else { return }
    let batch = RecordBatch(
      verified: read.buffer, start: read.start - RecordBatchHeader.byteCount, header: header)
    let known = KnownBatch(batch, at: position, limits: configuration.limits, until: aim)
    guard let known else { return }
    recordCache.remember(known, spot.key, spot.truncations)
    let piece = known.piece(aim)
    read.start += piece.position
    read.piece = piece
  }
}
