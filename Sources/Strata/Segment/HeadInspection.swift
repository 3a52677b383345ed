internal import StrataIO
package import StrataRecords

/// What the heads between two points of a seal are worth.
package enum HeadFinding: Sendable {
  /// They are as they were written.
  case whole
  /// One head is not, and this one in its place makes the digest fit. Its batch is at `position`; all other heads
  /// are as they were written.
  case damaged(position: Int64, right: RecordBatchHeader)
  /// What lies at `position` is no batch, and no single bit of its head explains it. The heads before cannot be
  /// vouched for.
  case broken(position: Int64)
  /// Every batch is whole, and yet the digest is another: more than one head differs. Somebody else has written
  /// here, as Kafka does when it takes the end of a log back and writes on; or more than one head is damaged.
  case ambiguous
}

/// Compares the heads of a range of batches with two points of a seal, and finds out which one is wrong.
///
/// A digest that does not fit is explained, in this order, by a single bit turned over in one head (that can be
/// computed from the two digests alone), or by one base offset or leader epoch that is not what its neighbours
/// lead to expect, or by one bit in the head of the first batch that is not whole. What explains the digest was
/// there: 32 bits agree by chance once in four thousand million times.
struct HeadInspection {
  let file: any File
  let limits: ParsingLimits

  /// `before` is a batch's place before the range, from which the last head before it is looked for; and the head
  /// behind it is the one at the range's end, if that lies before `limit`.
  func inspect(
    from: SealPoint, to: SealPoint, before: Int64? = nil, limit: Int64 = 0
  ) throws(IOError) -> HeadFinding {
    if let walk = try walk(from: from, to: to.position) {
      if walk.digest == to.digest { return .whole }
      if let found = try flippedHead(walk.digest ^ to.digest, walk.heads, from: from) { return found }
      if let found = try misplacedHead(from: from, to: to, before: before, limit: limit) {
        return found
      }
    }
    return try brokenBatch(from: from, to: to)
  }

  /// Goes over the heads by their lengths. nil where they do not lead to `end`.
  private func walk(
    from: SealPoint, to end: Int64, _ visit: (RecordBatchHeader, Int64) -> Bool = { _, _ in true }
  ) throws(IOError) -> (digest: UInt32, heads: Int)? {
    var reader = BatchFileReader(position: from.position, expectedOffset: 0, limits: limits)
    var digest = from.digest
    var heads = 0
    while reader.position < end {
      guard let header = try reader.peekHeader(in: file, end: end) else { return nil }
      guard visit(header, reader.position) else { return nil }
      digest = header.headDigest(behind: digest)
      heads += 1
      reader.skip(header)
    }
    return reader.position == end ? (digest, heads) : nil
  }

  /// The head that one turned bit explains.
  private func flippedHead(
    _ difference: UInt32, _ heads: Int, from: SealPoint
  ) throws(IOError) -> HeadFinding? {
    let headBits = 8 * RecordBatchHeader.headByteCount
    guard let fromEnd = CRC32C.flippedBit(for: difference, among: heads * headBits) else { return nil }
    let place = heads - 1 - fromEnd / headBits
    let byte = RecordBatchHeader.headByteCount - 1 - fromEnd % headBits / 8
    let bit = byte * 8 + 7 - fromEnd % 8
    var found: HeadFinding?
    var number = 0
    _ = try walk(from: from, to: .max) { header, position in
      if number == place { found = .damaged(position: position, right: header.flipping(bit: bit)) }
      number += 1
      return found == nil
    }
    return found
  }

  /// The head whose base offset or epoch, made what its neighbours lead to expect, explains the digest.
  private func misplacedHead(
    from: SealPoint, to: SealPoint, before: Int64?, limit: Int64
  ) throws(IOError) -> HeadFinding? {
    var heads: [(header: RecordBatchHeader, position: Int64)] = []
    var neighbour: (header: RecordBatchHeader, position: Int64)?
    if let before {
      let start = SealPoint(position: before, digest: 0)
      _ = try walk(from: start, to: from.position) { header, position in
        neighbour = (header, position)
        return true
      }
    }
    if let neighbour { heads.append(neighbour) }
    var candidates: [(position: Int64, right: RecordBatchHeader)] = []
    _ = try walk(from: from, to: max(to.position, limit)) { header, position in
      heads.append((header, position))
      if heads.count > 2 { heads.removeFirst() }
      if heads.count == 2 {
        for candidate in Self.candidates(heads[0], heads[1])
        where candidate.position >= from.position && candidate.position < to.position {
          candidates.append(candidate)
        }
      }
      // Where nothing fits to anything, nothing is explained by one head.
      return candidates.count < 64 && position < to.position
    }
    for candidate in candidates {
      var digest = from.digest
      _ = try walk(from: from, to: to.position) { header, position in
        digest = (position == candidate.position ? candidate.right : header).headDigest(behind: digest)
        return true
      }
      if digest == to.digest { return .damaged(position: candidate.position, right: candidate.right) }
    }
    return nil
  }

  /// What one of two batches that follow each other would have to be, for them to fit together.
  private static func candidates(
    _ first: (header: RecordBatchHeader, position: Int64),
    _ second: (header: RecordBatchHeader, position: Int64)
  ) -> [(position: Int64, right: RecordBatchHeader)] {
    var candidates: [(position: Int64, right: RecordBatchHeader)] = []
    if second.header.baseOffset != first.header.nextOffset {
      var right = second.header
      right.baseOffset = first.header.nextOffset
      candidates.append((second.position, right))
      right = first.header
      right.baseOffset = Offset(
        second.header.baseOffset.rawValue &- Int64(right.lastOffsetDelta) &- 1)
      candidates.append((first.position, right))
    }
    if second.header.partitionLeaderEpoch != first.header.partitionLeaderEpoch {
      var right = second.header
      right.partitionLeaderEpoch = first.header.partitionLeaderEpoch
      candidates.append((second.position, right))
      right = first.header
      right.partitionLeaderEpoch = second.header.partitionLeaderEpoch
      candidates.append((first.position, right))
    }
    return candidates
  }

  /// The first batch that is not whole, and the bit of its head that explains it.
  private func brokenBatch(from: SealPoint, to: SealPoint) throws(IOError) -> HeadFinding {
    var reader = BatchFileReader(position: from.position, expectedOffset: 0, limits: limits)
    var digest = from.digest
    while reader.position < to.position {
      let position = reader.position
      // Offsets may be what is wrong.
      reader.expectedOffset = 0
      switch try reader.next(in: file, end: to.position) {
      case .batch(let batch): digest = batch.header.headDigest(behind: digest)
      case .end: return .ambiguous
      case .damage(let damage):
        guard let header = damage.header else { return .broken(position: position) }
        for bit in 0..<8 * RecordBatchHeader.headByteCount {
          let right = header.flipping(bit: bit)
          guard try isWhole(right, at: position, end: to.position) else { continue }
          let behind = SealPoint(
            position: position + Int64(right.sizeInBytes), digest: right.headDigest(behind: digest))
          if try walk(from: behind, to: to.position)?.digest == to.digest {
            return .damaged(position: position, right: right)
          }
        }
        return .broken(position: position)
      }
    }
    return .ambiguous
  }

  /// Whether the bytes at `position` are the batch of this header.
  private func isWhole(
    _ header: RecordBatchHeader, at position: Int64, end: Int64
  ) throws(IOError) -> Bool {
    do { try header.checkFraming(limits: limits) } catch { return false }
    guard Int64(header.sizeInBytes) <= end - position else { return false }
    let buffer = ByteBuffer(capacity: header.sizeInBytes)
    let file = file
    buffer.count = try buffer.withMutableBytes(from: 0, count: header.sizeInBytes) {
      bytes throws(IOError) in
      try file.read(into: &bytes, at: position)
    }
    return RecordBatch.checksumFits(buffer.bytes, header)
  }
}
