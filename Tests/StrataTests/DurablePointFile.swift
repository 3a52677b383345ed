import Strata
import StrataRecords

/// A durable point as it lies on the disk: so that a test can say how far a log was durable that somebody else
/// wrote. Nothing is said of its indexes: all of the segment is read.
func durablePointFile(position: Int64, nextOffset: Int64, digest: UInt32 = 0) -> [UInt8] {
  var durable = SegmentProgress(baseOffset: 0)
  durable.position = position
  durable.nextOffset = Offset(nextOffset)
  durable.headDigest = digest
  let point = DurablePoint(
    sequence: 1, logStart: 0, durable: durable, checkpoint: SegmentProgress(baseOffset: 0))
  var slot = [UInt8](repeating: 0, count: DurablePoint.slotBytes)
  var span = slot.mutableSpan
  point.encode(into: &span)
  return slot + [UInt8](repeating: 0, count: DurablePoint.slotBytes)
}
