internal import StrataRecords

/// What recovery reads, decided from facts alone.
///
/// Everything below the durable point was on the disk; a roll synchronises a segment before the next one has a
/// name. So only the durable point's segment and those behind it have to be read, and of the first of them only
/// what lies above the checkpoint. Without a durable point all is read.
struct RecoveryPlan: Equatable {
  /// Segments that are taken as they are.
  var trusted: [Int] = []
  /// Segments that are read, in order, the last one being the active one.
  var scanned: [Int] = []
  /// From where the first of them is read; nil is its start.
  var start: SegmentProgress?
  /// Below this place damage is damage, and never cut: the durable point. nil where none is known.
  var durable: SegmentProgress?
  /// Whether nothing has to be read: the last segment ends at the durable point, and its index files do so too.
  var isClean = false

  /// `checkpointFits` and `durableFits`: whether the batch that the point names lies in its segment.
  ///
  /// `kafkaRecoveryPoint`: below it Kafka has synchronised everything. It counts only where the log has no durable
  /// point of its own, and never for the last segment, whose index is needed to go on.
  init(
    _ facts: RecoveryFacts, checkpointFits: Bool, durableFits: Bool, kafkaRecoveryPoint: Offset? = nil
  ) {
    let all = Array(facts.segments.indices)
    guard let point = facts.durablePoint,
      let place = all.first(where: { facts.segments[$0].baseOffset == point.durable.baseOffset })
    else {
      let synchronized = facts.durablePoint == nil ? kafkaRecoveryPoint ?? 0 : 0
      let isTrusted = { (place: Int) in
        place + 1 < all.count && facts.segments[place + 1].baseOffset <= synchronized
      }
      trusted = Array(all.prefix(while: isTrusted))
      scanned = Array(all.dropFirst(trusted.count))
      return
    }
    durable = point.durable
    let checkpointPlace = all.first { facts.segments[$0].baseOffset == point.checkpoint.baseOffset }
    let start = min(checkpointPlace ?? place, place)
    trusted = Array(all[..<start])
    scanned = Array(all[start...])
    if checkpointFits, checkpointPlace == start { self.start = point.checkpoint }
    isClean =
      durableFits && checkpointFits && place == all.count - 1
      && facts.segments[place].size == point.durable.position && point.checkpoint == point.durable
  }
}
