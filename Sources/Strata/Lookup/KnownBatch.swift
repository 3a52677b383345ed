internal import StrataRecords
internal import Synchronization

/// A batch that was read, checked and walked over: where its records lie, so that one of them can be read without the
/// others.
///
/// A batch stays what it was for as long as its segment's file does, and as long as nothing is truncated.
struct KnownBatch: Sendable {
  /// The first of some records that follow one another.
  struct Place: Sendable {
    /// In bytes behind the batch's header.
    var position: Int32
    var offsetDelta: Int32
    /// How many records lie before it.
    var ordinal: Int32
    /// The largest timestamp of those.
    var largestBefore: Timestamp
  }

  let header: RecordBatchHeader
  /// Where the batch begins in its segment.
  let position: Int64
  /// At least one, in their order, `step` bytes or more apart.
  let places: [Place]

  /// One place for so many bytes of records: what is read for one record is about that much.
  static let step = 1 << 10

  /// Walks over the records of a batch; nil where they are compressed, or cannot be read.
  init?(_ batch: RecordBatch, at position: Int64, limits: ParsingLimits) {
    guard batch.codec == Compression.Codec.none, batch.recordCount > 0 else { return nil }
    header = batch.header
    self.position = position
    var places: [Place] = []
    places.reserveCapacity(batch.sizeInBytes / Self.step + 1)
    do {
      // All of them, also where the reader had asked for an offset inside.
      let whole = batch.at(batch.baseOffset)
      var records = try whole.records(limits: limits)
      var (ordinal, next) = (Int32(0), 0)
      var largest = Timestamp(milliseconds: .min)
      while true {
        let start = records.bytePosition
        guard let record = try records.next() else { break }
        if start >= next {
          places.append(
            Place(
              position: Int32(start), offsetDelta: Int32(record.offset.rawValue - batch.baseOffset.rawValue),
              ordinal: ordinal, largestBefore: largest))
          next = start + Self.step
        }
        ordinal += 1
        largest = max(largest, record.timestamp)
      }
    } catch { return nil }
    self.places = places
  }

  /// The records among which that of `offset` is, if there is one.
  func piece(with offset: Offset) -> RecordPiece {
    let delta = Int32(offset.rawValue - header.baseOffset.rawValue)
    return piece(lastWhere: { $0.offsetDelta <= delta })
  }

  /// The records among which the first one is that is not older than `timestamp`, if there is one.
  func piece(notBefore timestamp: Timestamp) -> RecordPiece {
    piece(lastWhere: { $0.largestBefore < timestamp })
  }

  /// The piece that begins at the last place that satisfies `belongs`, given that those that do come first.
  private func piece(lastWhere belongs: (Place) -> Bool) -> RecordPiece {
    var low = 0
    var high = places.count
    while low < high {
      let middle = (low + high) / 2
      if belongs(places[middle]) { low = middle + 1 } else { high = middle }
    }
    let index = max(low - 1, 0)
    let place = places[index]
    var end = header.sizeInBytes - RecordBatchHeader.byteCount
    var ordinal = header.recordCount
    if index + 1 < places.count {
      end = Int(places[index + 1].position)
      ordinal = places[index + 1].ordinal
    }
    return RecordPiece(
      position: Int(place.position), byteCount: end - Int(place.position),
      firstDelta: Int(place.offsetDelta), count: Int(ordinal - place.ordinal))
  }

  /// About how many bytes of memory it takes.
  var memoryBytes: Int { MemoryLayout<KnownBatch>.size + 32 + places.count * MemoryLayout<Place>.stride }
}

/// The known batches of one interval of the offset index: those behind one entry's batch, through the next one's.
final class KnownInterval: Sendable {
  /// In the order of their offsets; not all that there are.
  let batches: [KnownBatch]
  /// Pieces that were read once already, by the lowest bits of their places.
  private let read = Atomic<UInt64>(0)

  init(_ batches: [KnownBatch]) { self.batches = batches }

  /// The batch that has `offset`, if it is known.
  func batch(with offset: Offset) -> KnownBatch? {
    batches.first { $0.header.baseOffset <= offset && offset <= $0.header.lastOffset }
  }

  func adding(_ batch: KnownBatch) -> KnownInterval {
    var all = batches.filter { $0.position != batch.position }
    all.insert(batch, at: all.firstIndex { $0.position > batch.position } ?? all.count)
    return KnownInterval(all)
  }

  /// Notes that a piece is read. Whether it may have been before.
  func noteRead(at position: Int64) -> Bool {
    let bit = UInt64(1) << UInt64(truncatingIfNeeded: position / Int64(KnownBatch.step) & 63)
    return read.bitwiseOr(bit, ordering: .relaxed).oldValue & bit != 0
  }

  var memoryBytes: Int { batches.reduce(64) { $0 + $1.memoryBytes } }
}
