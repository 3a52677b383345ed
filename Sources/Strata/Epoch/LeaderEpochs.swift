internal import StrataIO
internal import StrataRecords

/// Which leader epoch began at which offset, in Kafka's `leader-epoch-checkpoint`:
///
///     0                      the version
///     2                      the number of lines that follow
///     0 0                    epoch 0 began at offset 0
///     1 4711
///
/// A log that stands alone begins with epoch 0, and begins the next one whenever its end was taken back.
package struct LeaderEpochs: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package var epoch: LeaderEpoch
    package var startOffset: Offset
  }

  /// Both numbers grow from entry to entry.
  package private(set) var entries: [Entry] = []

  package init() {}

  /// The epoch that new batches get.
  var current: LeaderEpoch { entries.last?.epoch ?? 0 }

  /// Parses the file's text; nil where it is not in the format.
  package init?(parsing text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]), count == lines.count - 2 else {
      return nil
    }
    for line in lines.dropFirst(2) {
      let fields = line.split(separator: " ")
      guard fields.count == 2, let epoch = Int32(fields[0]), let offset = Int64(fields[1]), epoch >= 0,
        offset >= 0
      else { return nil }
      if let last = entries.last {
        guard epoch > last.epoch.rawValue, offset >= last.startOffset.rawValue else { return nil }
      }
      entries.append(Entry(epoch: LeaderEpoch(epoch), startOffset: Offset(offset)))
    }
  }

  package var text: String {
    "0\n\(entries.count)\n" + entries.map { "\($0.epoch) \($0.startOffset)\n" }.joined()
  }

  /// Lets `epoch` begin at `offset`. Entries from there on are gone with the records that they spoke of.
  package mutating func begin(_ epoch: LeaderEpoch, at offset: Offset) {
    if let last = entries.last, last.epoch >= epoch { return }
    while let last = entries.last, last.startOffset >= offset { entries.removeLast() }
    entries.append(Entry(epoch: epoch, startOffset: offset))
  }

  /// Lets `epoch` begin at `offset`, which nothing was written to yet, as another log says. False where the records
  /// before have a larger one.
  package mutating func assign(_ epoch: LeaderEpoch, at offset: Offset) -> Bool {
    let kept = entries.prefix { $0.startOffset < offset }
    if let last = kept.last, last.epoch > epoch { return false }
    entries = Array(kept)
    if entries.last?.epoch != epoch { entries.append(Entry(epoch: epoch, startOffset: offset)) }
    return true
  }

  /// Where `epoch` ends: where the next one begins, or at `logEnd`. Of an epoch that is not there, the largest one
  /// below it ends there; nil of one above all. The rules are Kafka's (`LeaderEpochFileCache.endOffsetFor`).
  package func end(of epoch: LeaderEpoch, logEnd: Offset) -> LeaderEpochEnd? {
    guard epoch.rawValue >= 0, let last = entries.last, epoch <= last.epoch else { return nil }
    if epoch == last.epoch { return LeaderEpochEnd(leaderEpoch: epoch, endOffset: logEnd) }
    let higher = entries.first { $0.epoch > epoch }!
    // Of one below all that are known nobody knows more than where those begin.
    let found = entries.last { $0.epoch <= epoch }?.epoch ?? epoch
    return LeaderEpochEnd(leaderEpoch: found, endOffset: higher.startOffset)
  }

  /// A batch that ends at `end` has an older epoch than was to begin before: a crash has kept a truncation from taking
  /// it back. So the newer one begins behind it.
  mutating func postpone(above epoch: LeaderEpoch, through end: Offset) {
    guard let last = entries.last, last.epoch > epoch, last.startOffset < end else { return }
    entries.removeAll { $0.epoch > epoch && $0.startOffset < end }
    entries.append(Entry(epoch: last.epoch, startOffset: end))
  }

  /// Forgets what lies before the log's start: the epoch in which it lies begins there.
  package mutating func truncate(from start: Offset) {
    guard let place = entries.lastIndex(where: { $0.startOffset <= start }) else { return }
    entries.removeSubrange(..<place)
    entries[0].startOffset = start
  }

  /// Finds the epochs out from the batches of a log, all of which are read. Those behind damage in a segment are not
  /// met.
  static func rebuild(
    _ directory: String, _ segments: [Offset], _ fileSystem: any FileSystem, limits: ParsingLimits
  ) throws(IOError) -> LeaderEpochs {
    var epochs = LeaderEpochs()
    for base in segments {
      let file = try fileSystem.open(SegmentFiles.path(directory, SegmentFiles.name(base, .log)), .read)
      defer { file.close() }
      let end = try file.metadata().size
      var reader = BatchFileReader(
        position: 0, expectedOffset: base, limits: limits, maximumRead: 256 << 10, firstRead: 256 << 10)
      while case .batch(let batch) = try reader.next(in: file, end: end) {
        let epoch = batch.header.partitionLeaderEpoch
        if epoch.rawValue >= 0 { epochs.begin(epoch, at: batch.baseOffset) }
      }
    }
    return epochs
  }

  /// Begins the epoch behind the current one, since what was at `offset` and behind is gone.
  mutating func beginNext(at offset: Offset) {
    // Behind the largest epoch there is none; damage can claim it, and is no reason to stop.
    guard current.rawValue < .max else { return }
    begin(LeaderEpoch(current.rawValue + 1), at: offset)
  }

  /// Reads the checkpoint of a log; nil where there is none, or none that can be read.
  static func load(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) -> LeaderEpochs? {
    let path = SegmentFiles.path(directory, SegmentFiles.leaderEpochsName)
    let file: any File
    do { file = try fileSystem.open(path, .read) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    defer { file.close() }
    let size = min(try file.metadata().size, 16 << 20)
    var bytes = [UInt8](repeating: 0, count: Int(size))
    var span = bytes.mutableSpan
    let count = try file.read(into: &span, at: 0)
    return LeaderEpochs(parsing: String(decoding: bytes.prefix(count), as: UTF8.self))
  }

  /// Puts the checkpoint in place of the one before, durably.
  func store(_ directory: String, _ fileSystem: any FileSystem) throws(IOError) {
    let path = SegmentFiles.path(directory, SegmentFiles.leaderEpochsName)
    try fileSystem.replace(path, with: Array(text.utf8), .epochs, .epochsRename)
    try fileSystem.synchronizeDirectory(directory, .epochsDirectory)
  }
}
