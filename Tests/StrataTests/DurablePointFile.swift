import Strata
import StrataRecords

/// A durable point as it lies on the disk: so that a test can say how far a log was durable that somebody else
/// wrote. `segment` is what the log's only segment holds; its heads are taken for what they were.
func durablePointFile(_ segment: [UInt8], position: Int64, nextOffset: Int64) -> [UInt8] {
  var durable = SegmentProgress(baseOffset: 0)
  durable.position = position
  durable.nextOffset = Offset(nextOffset)
  durable.headDigest = headDigest(segment, before: Int(position))
  // Nothing is said of the indexes: all of the segment is read.
  let point = DurablePoint(
    sequence: 1, logStart: 0, durable: durable, checkpoint: SegmentProgress(baseOffset: 0))
  var bytes = [UInt8](repeating: 0, count: 2 * DurablePoint.slotBytes)
  var span = bytes.mutableSpan
  point.encode(into: &span)
  return bytes
}

/// The digest of the heads of the batches that end at `end`, as far as their lengths lead.
private func headDigest(_ segment: [UInt8], before end: Int) -> UInt32 {
  var digest: UInt32 = 0
  var place = 0
  while place + RecordBatchHeader.byteCount <= min(end, segment.count) {
    let length = segment[place + 8..<place + 12].reduce(Int32(0)) { $0 &<< 8 | Int32($1) }
    guard length >= 49 else { break }
    let head = segment.span.extracting(place..<place + RecordBatchHeader.headByteCount)
    digest = CRC32C.update(digest, head)
    place += 12 + Int(length)
  }
  return digest
}
