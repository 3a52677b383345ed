internal import StrataIO
internal import StrataRecords

/// What a folder holds, before anything is decided.
struct RecoveryFacts {
  /// One `.log` file.
  struct SegmentFact {
    var baseOffset: Offset
    var size: Int64
  }

  /// Sorted by base offset.
  var segments: [SegmentFact] = []
  /// Files that an interrupted rebuild has left.
  var leftovers: [String] = []
  var durablePoint: DurablePoint?
  var epochs: LeaderEpochs?
  var lost = LostOffsets()
  /// The offsets of the producers' snapshots.
  var snapshots: [Offset] = []
  /// Files of a swap that a crash has interrupted.
  var swapFiles: [String] = []

  /// Positions have 31 bits; the last batch of a segment may go beyond.
  private static let largestSegment = 2 * Int64(Int32.max)

  static func gather(
    _ directory: String, _ fileSystem: any FileSystem, _ point: DurablePoint?
  ) throws(LogError) -> RecoveryFacts {
    try io { () throws(IOError) in
      var facts = RecoveryFacts()
      facts.durablePoint = point
      facts.epochs = try LeaderEpochs.load(directory, fileSystem)
      facts.lost = try LostOffsets.load(directory, fileSystem)
      let names = try fileSystem.list(directory)
      facts.snapshots = ProducerSnapshot.offsets(in: names)
      for name in names {
        if SegmentSwap.parse(name) != nil { facts.swapFiles.append(name) }
        if SegmentFiles.isTemporary(name) || name == SegmentFiles.preparedName {
          facts.leftovers.append(name)
        }
        guard let parsed = SegmentFiles.parse(name), parsed.kind == .log else { continue }
        let path = SegmentFiles.path(directory, name)
        guard let metadata = try fileSystem.metadata(path) else { continue }
        guard metadata.kind == .file else {
          throw IOError(.isDirectory, operation: "open", path: path, detail: "a segment is a file")
        }
        guard metadata.size <= largestSegment else {
          throw IOError(
            .unsupported, operation: "open", path: path,
            detail: "\(metadata.size) bytes are too many for a segment")
        }
        facts.segments.append(SegmentFact(baseOffset: parsed.baseOffset, size: metadata.size))
      }
      facts.segments.sort { $0.baseOffset < $1.baseOffset }
      return facts
    }
  }
}
