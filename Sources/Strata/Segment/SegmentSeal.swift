package import StrataIO
internal import StrataLock
package import StrataRecords

/// A place in a segment at which a batch begins or the segment ends, and the digest of all heads before it.
///
/// A batch's own checksum leaves its base offset, its length, its leader epoch and its magic out. Two points vouch
/// for them: going on from the one's digest over the heads in between has to give the other's.
package struct SealPoint: Hashable, Sendable {
  package var position: Int64
  package var digest: UInt32

  /// Where every segment begins.
  package static let start = SealPoint(position: 0, digest: 0)

  package init(position: Int64, digest: UInt32) {
    self.position = position
    self.digest = digest
  }
}

/// The points of one segment: one at each batch that has an entry in the offset index, in memory.
///
/// As with an index, how many of them count is not known here (`CountedSeal`): one thread may add points while
/// others read those before. What has been compared with the file since it was opened is remembered.
package final class SegmentSeal: Sendable {
  /// As in the file: position int32, digest uint32, big endian.
  let points: HeapMapping
  private let checked = Lock<[UInt64]>([])

  init(points: HeapMapping) { self.points = points }

  /// With room for as many points as an offset index of `room` bytes has entries.
  convenience init(room: Int) {
    self.init(points: HeapMapping(count: room / Self.pointBytes * Self.pointBytes))
  }

  static let pointBytes = 8
  var capacity: Int { points.count / Self.pointBytes }

  func store(_ point: SealPoint, at place: Int) {
    points.store(point.encoded.span, at: place * Self.pointBytes)
  }

  func point(_ place: Int) -> SealPoint {
    let mapping = points
    let bytes = mapping.bytes
    let start = place * Self.pointBytes
    return SealPoint(
      position: Int64(bytes.bigEndianInt32(at: start)),
      digest: UInt32(bitPattern: bytes.bigEndianInt32(at: start + 4)))
  }

  /// Which of the 64 intervals of this word were compared: interval 0 ends at point 0.
  func checkedIntervals(word: Int) -> UInt64 {
    checked.withLock { word < $0.count ? $0[word] : 0 }
  }

  /// Notes that an interval is as it was written. Returns its word.
  func noteChecked(_ interval: Int) -> UInt64 {
    checked.withLock { words in
      while words.count <= interval / 64 { words.append(0) }
      words[interval / 64] |= 1 << UInt64(interval % 64)
      return words[interval / 64]
    }
  }
}

extension SealPoint {
  var encoded: [8 of UInt8] {
    var bytes = [8 of UInt8](repeating: 0)
    var span = bytes.mutableSpan
    span.storeBigEndian(Int32(truncatingIfNeeded: position), at: 0)
    span.storeBigEndian(digest, at: 4)
    return bytes
  }
}

/// A seal as far as it counts: the points, and where the segment ends as it was written.
package struct CountedSeal: Sendable {
  let seal: SegmentSeal
  /// The points that count.
  package let count: Int
  /// The end of the last batch.
  package let end: SealPoint

  /// Intervals between points: one more than there are points.
  package var intervals: Int { count + 1 }

  /// The two points around an interval.
  package func interval(_ number: Int) -> (from: SealPoint, to: SealPoint) {
    (number == 0 ? .start : seal.point(number - 1), number < count ? seal.point(number) : end)
  }

  /// The interval that `position` lies in. `hint` is looked at first.
  func interval(at position: Int64, hint: Int) -> Int {
    if hint <= count, hint == 0 || seal.point(hint - 1).position <= position,
      hint == count || seal.point(hint).position > position
    {
      return hint
    }
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if seal.point(middle).position <= position { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where the first interval behind `position` begins; nil where the segment ends before.
  func intervalStart(behind position: Int64) -> Int64? {
    let number = interval(at: position, hint: 0)
    return number < count ? seal.point(number).position : nil
  }

  /// What an interval is worth, read from the file.
  package func inspect(
    _ interval: Int, in file: any File, limits: ParsingLimits
  ) throws(IOError) -> HeadFinding {
    let (from, to) = self.interval(interval)
    return try HeadInspection(file: file, limits: limits).inspect(
      from: from, to: to, before: interval > 0 ? self.interval(interval - 1).from.position : nil,
      limit: end.position)
  }
}
