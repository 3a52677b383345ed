internal import StrataIO
internal import StrataRecords

/// The bytes that no batch's checksum covers, compared with what the durable point knows of them.
extension LogRecovery {
  /// Where the durable point lies in a segment that is read from `progress` on; nil where it does not.
  func durableEnd(
    _ durable: SegmentProgress?, in segment: RecoveryFacts.SegmentFact, behind progress: SegmentProgress
  ) -> SealPoint? {
    guard let durable, durable.baseOffset == segment.baseOffset, durable.position > progress.position,
      durable.position <= segment.size
    else { return nil }
    return durable.end
  }

  /// Throws where one head below the durable point is not what it was when it was synchronised.
  ///
  /// A digest that more than one changed head would have to explain is no reason to refuse: then somebody else has
  /// taken the end of the log back and written on, as Kafka does.
  func refuseWrongHead(_ file: any File, from start: SealPoint, to durable: SealPoint) throws(LogError) {
    let finding = try io { () throws(IOError) in
      try HeadInspection(file: file, limits: configuration.limits).inspect(from: start, to: durable)
    }
    guard case .damaged(let position, let right) = finding else { return }
    throw LogError(
      .damaged, path: file.path, position: position, offsets: right.baseOffset..<right.nextOffset,
      detail: "the head of this batch is not the one that was durable; nothing was changed",
      cause: FormatError(.checksumMismatch, at: 0, "the digest of the batches' heads does not fit"))
  }
}
