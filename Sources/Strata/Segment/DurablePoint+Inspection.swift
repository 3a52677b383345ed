// What the command shows of side files; the log itself has no use for it.

extension DurablePoint {
  /// The name of the side file in a log's folder.
  package static var fileName: String { SegmentFiles.durablePointName }

  /// The two slots that the bytes of a side file hold; nil for one that holds no valid point.
  package static func slots(of bytes: Span<UInt8>) -> [DurablePoint?] {
    (0..<2).map { slot in
      let start = slot * slotBytes
      guard bytes.count >= start + slotBytes else { return nil }
      return DurablePoint(decoding: bytes.extracting(start..<start + slotBytes))
    }
  }
}

extension LeaderEpochs {
  /// The name of the checkpoint in a log's folder.
  package static var fileName: String { SegmentFiles.leaderEpochsName }
}

extension SegmentFiles {
  /// The name of the lock file in a log's folder.
  package static var lockFileName: String { lockName }
}
