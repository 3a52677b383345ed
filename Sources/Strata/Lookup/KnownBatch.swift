internal import StrataRecords
internal import Synchronization

/// What a look-up looks for: the first record, in the order of offsets, that is not below it.
enum LookupAim: Sendable {
  case offset(Offset)
  case timestamp(Timestamp)

  @inline(__always)
  func isReached(by record: RecordView) -> Bool {
    switch self {
    case .offset(let offset): record.offset >= offset
    case .timestamp(let timestamp): record.timestamp >= timestamp
    }
  }
}

/// A batch that was read and checked: where its records lie, so that one of them can be read without the others.
///
/// A batch stays what it was for as long as its segment's file does, and as long as nothing is truncated. It is walked
/// over as far as the first record that is asked for, and to its end when another one is: behind the last place lies
/// all the rest.
struct KnownBatch: Sendable {
  /// The first of some records that follow one another.
  struct Place: Sendable {
    /// In bytes behind the batch's header.
    var position = Int32(0)
    var offsetDelta = Int32(0)
    /// How many records lie before it.
    var ordinal = Int32(0)
    /// The largest timestamp of those.
    var largestBefore = Timestamp(milliseconds: .min)
  }

  let header: RecordBatchHeader
  /// Where the batch begins in its segment.
  let position: Int64
  /// At least one, in their order, `step` bytes or more apart.
  private(set) var places: [Place] = []

  /// Whether all of its records were walked over.
  private var isWalked = false

  /// One place for so many bytes of records: what is read for one record is about that much.
  static let step = 1 << 10

  /// Walks over the records of a batch until one is asked for no more; nil where they are compressed, or cannot be
  /// read.
  init?(
    _ batch: RecordBatch, at position: Int64, limits: ParsingLimits, until aim: LookupAim
  ) {
    guard batch.codec == Compression.Codec.none, batch.recordCount > 0 else { return nil }
    header = batch.header
    self.position = position
    do throws(FormatError) {
      // All of them, also where the reader had asked for an offset inside.
      let whole = batch.at(batch.baseOffset)
      var records = try whole.records(limits: limits)
      try walk(&records, from: Place(), until: aim)
    } catch { return nil }
  }

  /// Walks on over the records behind the last place, all of which `records` reads. nil where they cannot be read.
  func goingOn(_ records: inout RecordReader) -> KnownBatch? {
    var known = self
    do throws(FormatError) {
      try known.walk(&records, from: known.places.removeLast(), until: nil)
    } catch { return nil }
    return known
  }

  private mutating func walk(
    _ records: inout RecordReader, from first: Place, until aim: LookupAim?
  ) throws(FormatError) {
    var place = first
    var next = first.position
    var isDone = false
    while true {
      place.position = first.position + Int32(records.bytePosition)
      guard let record = try records.next() else {
        isWalked = true
        return
      }
      if place.position >= next {
        place.offsetDelta = Int32(record.offset.rawValue - header.baseOffset.rawValue)
        places.append(place)
        if isDone { return }
        next = place.position + Int32(Self.step)
      }
      place.ordinal += 1
      place.largestBefore = max(place.largestBefore, record.timestamp)
      if let aim, !isDone { isDone = aim.isReached(by: record) }
    }
  }

  /// Whether a piece is the rest of the batch, and long enough to walk over it.
  func isUnwalked(_ piece: RecordPiece) -> Bool {
    !isWalked && piece.position == Int(places.last!.position) && piece.byteCount > 4 * Self.step
  }

  /// The records among which the one is that is looked for, if there is one.
  func piece(_ aim: LookupAim) -> RecordPiece {
    switch aim {
    case .offset(let offset):
      let delta = Int32(offset.rawValue - header.baseOffset.rawValue)
      return piece(lastWhere: { $0.offsetDelta <= delta })
    case .timestamp(let timestamp):
      return piece(lastWhere: { $0.largestBefore < timestamp })
    }
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
  var memoryBytes: Int { MemoryLayout<KnownBatch>.size + 32 + places.capacity * MemoryLayout<Place>.stride }
}

/// The known batches of one interval of the offset index: those behind one entry's batch, through the next one's.
final class KnownInterval: Sendable {
  /// In the order of their offsets; not all that there are.
  let batches: [KnownBatch]
  /// Pieces that were read once already, by the lowest bits of their places.
  private let read = Atomic<UInt64>(0)

  init(_ batches: [KnownBatch]) { self.batches = batches }

  /// Which of the batches has `offset`; nil where it is not known.
  func place(with offset: Offset) -> Int? {
    batches.firstIndex { $0.header.baseOffset <= offset && offset <= $0.header.lastOffset }
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
