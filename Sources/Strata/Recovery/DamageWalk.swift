internal import StrataIO
internal import StrataRecords

/// Bytes of a segment that are no batch, or none that belongs there.
struct SegmentDamage: Sendable {
  var position: Int64
  var length: Int64
  /// The offsets of the records that were there, as far as what lies around them tells.
  var offsets: Range<Offset>
  var reason: FormatError
  /// The broken header, where there are bytes enough for one.
  var header: RecordBatchHeader?
  /// Whether nothing behind it in the segment can be read.
  var reachesEnd: Bool

  var positions: Range<Int64> { position..<position + length }
}

/// Goes through a segment from its start, over damage too: the one place that decides what of a damaged segment
/// is still a batch. Salvage and verification both ask it.
///
/// What counts as the batch behind damage is found by what is known of the log, and never by searching the bytes:
/// a record's value may be a whole batch, with the very next offset. In this order:
///
/// 1. the batch's own length with one bit changed, where its checksum then fits;
/// 2. the length that the broken header claims, where a whole batch lies behind it, or a broken one whose header
///    goes on with the very next offset;
/// 3. an entry of the offset index, where the batch that it speaks of lies at its position.
///
/// What a batch's checksum leaves out the segment's seal covers. Where there is none, a base offset that jumps
/// ahead, and behind which the offsets go back, is the damaged one of the two.
struct DamageWalk: ~Copyable {
  /// What is known of the segment.
  struct Known {
    var file: any File
    var baseOffset: Offset
    /// Where its bytes end.
    var end: Int64
    /// Where its offsets end: the next segment's base, or the log's end.
    var bound: Offset
    /// Below this position everything was durable, and below this offset there was a record.
    var durable: (position: Int64, offset: Offset)?
    /// The epoch that no batch is above.
    var epoch: LeaderEpoch
    /// The offset index as it was found.
    var entries: [OffsetIndexEntry]
    /// Batches whose heads the seal knows to be wrong, by their positions, and the heads that they had.
    var wrongHeads: [Int64: RecordBatchHeader] = [:]
    var limits: ParsingLimits
  }

  enum Step {
    /// A whole batch, and its position.
    case batch(RecordBatch, Int64)
    case damage(SegmentDamage)
    case end
  }

  private struct Found {
    var step: BatchFileReader.Step
    var position: Int64
    /// The offset that was expected there.
    var expected: Offset
  }

  let known: Known
  private var reader: BatchFileReader
  /// What was read ahead.
  private var ahead: Found?
  private var epoch = LeaderEpoch(-1)
  private var hasEnded = false

  init(_ known: Known) {
    self.known = known
    reader = BatchFileReader(
      position: 0, expectedOffset: known.baseOffset, limits: known.limits, maximumRead: 256 << 10,
      firstRead: 256 << 10)
  }

  mutating func next() throws(IOError) -> Step {
    if hasEnded { return .end }
    if let damage = wrongHead() { return .damage(damage) }
    let found = try read()
    switch found.step {
    case .end: return .end
    case .batch(let batch):
      if batch.baseOffset > found.expected, let damage = try misplaced(batch, found) {
        return .damage(damage)
      }
      epoch = min(batch.header.partitionLeaderEpoch, known.epoch)
      return .batch(batch, found.position)
    case .damage(let damage):
      if try isPadding(from: damage.position, found.expected) { return .end }
      return .damage(try resolve(damage, found.expected))
    }
  }

  /// The batch that is next as damage, where the seal knows its head to be wrong. Its length and its offsets are
  /// known all the same.
  private mutating func wrongHead() -> SegmentDamage? {
    let (position, expected) = (ahead?.position ?? reader.position, ahead?.expected ?? reader.expectedOffset)
    guard let right = known.wrongHeads[position], position + Int64(right.sizeInBytes) <= known.end,
      right.baseOffset >= expected, right.nextOffset <= bound(at: position)
    else { return nil }
    ahead = nil
    reader.move(to: position + Int64(right.sizeInBytes), expectedOffset: right.nextOffset)
    return SegmentDamage(
      position: position, length: Int64(right.sizeInBytes), offsets: expected..<right.nextOffset,
      reason: FormatError(.checksumMismatch, at: 0, "the head is not the one that was sealed"), header: nil,
      reachesEnd: false)
  }

  private mutating func read() throws(IOError) -> Found {
    if let ahead {
      self.ahead = nil
      return ahead
    }
    let (position, expected) = (reader.position, reader.expectedOffset)
    let step = try reader.next(in: known.file, end: known.end, bound: bound(at: position))
    return Found(step: step, position: position, expected: expected)
  }

  /// The offset behind the last one that a batch at `position` can have.
  private func bound(at position: Int64) -> Offset {
    guard let durable = known.durable, position < durable.position else { return known.bound }
    return min(known.bound, durable.offset)
  }

  /// The batch as damage, where the one behind it shows that its base offset is wrong.
  private mutating func misplaced(_ batch: RecordBatch, _ found: Found) throws(IOError) -> SegmentDamage? {
    let next = try read()
    guard case .damage(let damage) = next.step, damage.reason.code == .invalidRecords,
      let header = damage.header, header.baseOffset > found.expected, header.baseOffset < batch.nextOffset
    else {
      ahead = next
      return nil
    }
    reader.move(to: next.position, expectedOffset: header.baseOffset)
    let reason = FormatError(
      .invalidRecords, at: 0,
      "offsets from \(batch.baseOffset), where \(found.expected) is next and the batch behind begins with "
        + "\(header.baseOffset)")
    return SegmentDamage(
      position: found.position, length: next.position - found.position,
      offsets: found.expected..<header.baseOffset, reason: reason, header: batch.header, reachesEnd: false)
  }

  /// Zeros to the end, where nothing is missing.
  private func isPadding(from position: Int64, _ expected: Offset) throws(IOError) -> Bool {
    guard expected >= bound(at: position) || (known.durable == nil && known.bound == .max) else {
      return false
    }
    return try known.file.isZero(position..<known.end)
  }

  /// Finds out how far damage reaches, and goes on behind it.
  private mutating func resolve(_ damage: BatchDamage, _ expected: Offset) throws(IOError) -> SegmentDamage {
    var result = SegmentDamage(
      position: damage.position, length: known.end - damage.position,
      offsets: expected..<max(expected, bound(at: damage.position)), reason: damage.reason,
      header: damage.header, reachesEnd: true)
    guard let (position, offset) = try placeBehind(damage, expected), position < known.end else {
      hasEnded = true
      return result
    }
    reader.move(to: position, expectedOffset: offset)
    result.length = position - damage.position
    result.offsets = expected..<offset
    result.reachesEnd = false
    return result
  }

  private func placeBehind(
    _ damage: BatchDamage, _ expected: Offset
  ) throws(IOError) -> (position: Int64, offset: Offset)? {
    if let header = damage.header, let size = try sizeWithOneBitChanged(header, damage.position, expected) {
      return (damage.position + size, header.nextOffset)
    }
    let behind = try damage.batchBehind(
      in: known.file, end: known.end, expected: expected, bound: known.bound, epoch: epoch,
      limits: known.limits)
    if let behind, isPossible(behind.position, behind.batch, damage) {
      return (behind.position, behind.batch.baseOffset)
    }
    if let place = try framedPlaceBehind(damage, expected) { return place }
    for entry in known.entries where entry.position > damage.position && entry.offset >= expected {
      var reader = BatchFileReader(
        position: entry.position, expectedOffset: expected, limits: known.limits)
      guard
        case .batch(let batch) = try reader.next(in: known.file, end: known.end, bound: known.bound),
        batch.lastOffset == entry.offset, batch.header.partitionLeaderEpoch >= epoch,
        isPossible(entry.position, batch, damage)
      else { continue }
      return (entry.position, batch.baseOffset)
    }
    return nil
  }

  /// Where the batch behind a broken one begins, when that is broken too: its header goes on where the other's ends.
  private func framedPlaceBehind(
    _ damage: BatchDamage, _ expected: Offset
  ) throws(IOError) -> (position: Int64, offset: Offset)? {
    guard let header = damage.header, damage.reason.code == .checksumMismatch,
      header.baseOffset >= expected
    else { return nil }
    let position = damage.position + Int64(header.sizeInBytes)
    var reader = BatchFileReader(
      position: position, expectedOffset: header.nextOffset, limits: known.limits, maximumRead: 4096,
      firstRead: 4096)
    guard let next = try reader.peekHeader(in: known.file, end: known.end),
      next.baseOffset == header.nextOffset, next.nextOffset <= bound(at: position),
      next.partitionLeaderEpoch >= epoch, position < known.durable?.position ?? .max
    else { return nil }
    return (position, header.nextOffset)
  }

  /// Durable bytes end where a batch does: none that was behind them can lie behind damage that was among them.
  private func isPossible(_ position: Int64, _ batch: RecordBatch, _ damage: BatchDamage) -> Bool {
    guard let durable = known.durable, damage.position < durable.position else { return true }
    return position <= durable.position && batch.baseOffset <= durable.offset
  }

  /// The size of a batch in whose length one bit has changed, told by the checksum; nil where that is not it.
  private func sizeWithOneBitChanged(
    _ broken: RecordBatchHeader, _ position: Int64, _ expected: Offset
  ) throws(IOError) -> Int64? {
    guard broken.magic == RecordBatchHeader.supportedMagic, broken.baseOffset >= expected,
      broken.lastOffsetDelta >= 0, broken.baseOffset < bound(at: position),
      Int64(broken.lastOffsetDelta) < bound(at: position).rawValue - broken.baseOffset.rawValue
    else { return nil }
    for bit in 0..<32 {
      var header = broken
      header.batchLength = broken.batchLength ^ Int32(bitPattern: 1 << UInt32(bit))
      guard header.batchLength >= RecordBatchHeader.leastBatchLength,
        header.sizeInBytes <= known.limits.batchBytes, position + Int64(header.sizeInBytes) <= known.end
      else { continue }
      let bytes = ByteBuffer(capacity: header.sizeInBytes)
      bytes.count = try bytes.withMutableBytes(from: 0, count: header.sizeInBytes) {
        span throws(IOError) in
        try known.file.read(into: &span, at: position)
      }
      guard bytes.count == header.sizeInBytes, RecordBatch.checksumFits(bytes.bytes, header) else { continue }
      return Int64(header.sizeInBytes)
    }
    return nil
  }
}
