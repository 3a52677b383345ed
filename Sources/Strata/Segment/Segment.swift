internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// One segment: a file of batches and its indexes, by the offset with which it begins.
///
/// What changes of a segment — how far it is written, how many index entries count — is the log's state and is
/// not here (`SegmentView`). Here are the open files, which come with first use; they live until the last
/// reader lets go, also when retention has removed their names.
package final class Segment: Sendable {
  package let baseOffset: Offset
  /// No two segments of a process have the same, whatever became of the other one.
  let number = Segment.numbers.wrappingAdd(1, ordering: .relaxed).newValue
  private static let numbers = Atomic<UInt64>(0)
  let directory: String
  let access: LogAccess
  private let fileSystem: any FileSystem
  private let configuration: LogConfiguration
  private let handles: Lock<Handles>

  /// An index, and how many entries of it count.
  struct CountedIndex: Sendable {
    var index: SegmentIndex
    var progress: SegmentProgress
    /// Whether it was made although not all of the segment could be read. Its seal speaks of what was found.
    var isPatched = false
  }

  private enum FoundSeal {
    case unknown
    /// There is none, or it is void.
    case none
    case loaded(LoadedSeal)
  }

  private struct Handles {
    var file: (any File)?
    /// While it is the active one.
    var active: SegmentIndex?
    var sealed: CountedIndex?
    /// All batches, mapped.
    var batches: ByteBuffer?
    /// What the file of the seal says of a segment that was found sealed.
    var seal = FoundSeal.unknown
    var isClosed = false
    /// Whether its names are going to lead elsewhere: what is open is all there is of it.
    var isDetached = false
  }

  /// Held while the index is loaded: two at once would write the same files.
  private let loading = Lock(())

  init(
    baseOffset: Offset, directory: String, access: LogAccess, configuration: LogConfiguration,
    fileSystem: any FileSystem, file: (any File)? = nil, activeIndex: SegmentIndex? = nil
  ) {
    self.baseOffset = baseOffset
    self.directory = directory
    self.access = access
    self.configuration = configuration
    self.fileSystem = fileSystem
    handles = Lock(Handles(file: file, active: activeIndex))
  }

  /// The path of one of its files.
  func path(_ kind: SegmentFiles.Kind) -> String {
    SegmentFiles.path(directory, SegmentFiles.name(baseOffset, kind))
  }

  /// The file of batches, opened at first use.
  func file() throws(LogError) -> any File {
    try io { () throws(IOError) in
      try handles.withLock { handles throws(IOError) -> any File in
        if let file = handles.file { return file }
        let file = try fileSystem.open(path(.log), access == .readWrite ? .readWrite : .read)
        handles.file = file
        return file
      }
    }
  }

  /// The batches of a sealed segment, mapped, where the configuration says so; else nil.
  func mappedBatches(_ view: SegmentView) throws(LogError) -> ByteBuffer? {
    try mappedBatches(isSealed: view.isSealed, end: view.progress.position)
  }

  /// The same. `end`: where the batches end.
  func mappedBatches(isSealed: Bool, end: Int64) throws(LogError) -> ByteBuffer? {
    guard configuration.reading == .mapped, isSealed, end > 0 else { return nil }
    if let batches = handles.withLock({ $0.batches }) { return batches }
    let file = try file()
    let mapping = try io { () throws(IOError) in
      // A page behind the file's end would kill the process.
      let size = min(try file.metadata().size, end)
      return try file.map(length: Int(size), .read)
    }
    guard mapping.count > 0 else { return nil }
    // The buffer holds the mapping, and a mapping's bytes stay where they are.
    let batches = unsafe mapping.bytes.withUnsafeBytes { unsafe ByteBuffer(reading: $0, of: mapping) }
    handles.withLock { $0.batches = batches }
    return batches
  }

  /// The index of the segment as far as `view` reaches. That of a sealed segment is checked at first use, and
  /// built anew where it is missing or wrong.
  func index(for view: SegmentView) throws(LogError) -> CountedIndex {
    let (active, sealed) = handles.withLock { ($0.active, $0.sealed) }
    if let active { return CountedIndex(index: active, progress: view.progress) }
    if let sealed { return sealed }
    return try loadIndex(end: view.progress.position, nextOffset: view.progress.nextOffset)
  }

  /// The index, and how many entries of its offset index count, if it is open. `activeEntries`: how many do in the active
  /// segment.
  func indexAtHand(activeEntries: Int) -> (index: SegmentIndex, entries: Int)? {
    handles.withLock { handles in
      if let active = handles.active { return (active, activeEntries) }
      guard handles.sealed != nil else { return nil }
      return (handles.sealed!.index, handles.sealed!.progress.offsetEntries)
    }
  }

  /// Whether a transaction was aborted in this segment, as far as `view` reaches. A seal that says no saves loading
  /// the indexes.
  func mayHaveAborted(_ view: SegmentView) throws(LogError) -> Bool {
    let (active, sealed) = handles.withLock { ($0.active, $0.sealed) }
    if active != nil { return view.progress.abortedTransactions > 0 }
    if let sealed { return sealed.progress.abortedTransactions > 0 }
    let loaded = try loading.withLock { _ throws(LogError) in
      try loadSeal(end: view.progress.position, nextOffset: view.progress.nextOffset)
    }
    return loaded.map { $0.head.abortedTransactions > 0 } ?? true
  }

  private func loadIndex(end: Int64, nextOffset: Offset) throws(LogError) -> CountedIndex {
    try loading.withLock { _ throws(LogError) in
      let (earlier, isClosed) = handles.withLock { ($0.sealed, $0.isClosed) }
      if let earlier { return earlier }
      let seal = try loadSeal(end: end, nextOffset: nextOffset)
      let loader = IndexLoader(segment: self, fileSystem: fileSystem, configuration: configuration)
      let sealed = try loader.load(
        file: file(), end: end, nextOffset: nextOffset, seal: seal,
        isStored: access == .readWrite && !isClosed)
      handles.withLock { $0.sealed = sealed }
      return sealed
    }
  }

  /// What is known of the heads of this segment's batches, as far as `view` reaches; nil where nothing is: there
  /// is no seal, or it is void.
  package func seal(for view: SegmentView) throws(LogError) -> CountedSeal? {
    let (active, sealed, found) = handles.withLock { ($0.active, $0.sealed, $0.seal) }
    if let seal = active?.seal {
      return CountedSeal(seal: seal, count: view.progress.offsetEntries, end: view.progress.end)
    }
    if let sealed, let seal = sealed.index.seal, !sealed.isPatched {
      return CountedSeal(seal: seal, count: sealed.progress.offsetEntries, end: sealed.progress.end)
    }
    if case .loaded(let loaded) = found { return loaded.counted }
    if case .none = found { return nil }
    return try loading.withLock { _ throws(LogError) in
      try loadSeal(end: view.progress.position, nextOffset: view.progress.nextOffset)?.counted
    }
  }

  /// Only for who holds `loading`.
  private func loadSeal(end: Int64, nextOffset: Offset) throws(LogError) -> LoadedSeal? {
    switch handles.withLock({ $0.seal }) {
    case .loaded(let seal): return seal
    case .none: return nil
    case .unknown: break
    }
    let loaded = try io { () throws(IOError) in
      try SealFile.load(path(.seal), fileSystem, base: baseOffset, end: end, nextOffset: nextOffset)
    }
    handles.withLock { $0.seal = loaded.map { .loaded($0) } ?? .none }
    return loaded
  }

  /// Hands the index over that the segment had when it was the active one, or one that was built anew.
  func seal(_ index: SegmentIndex, _ progress: SegmentProgress) {
    handles.withLock { handles in
      handles.active = nil
      handles.sealed = CountedIndex(index: index, progress: progress)
    }
  }

  /// Makes the index files anew, whatever they look like.
  func rebuildIndex(for view: SegmentView) throws(LogError) {
    handles.withLock { $0.sealed = nil }
    for kind in [SegmentFiles.Kind.index, .timeindex] {
      do throws(IOError) { try fileSystem.remove(path(kind), .removeLeftover) } catch {
        guard error.code == .notFound else { throw LogError(error) }
      }
    }
    _ = try index(for: view)
  }

  /// Makes the segment independent of its names, which others are going to get: opens and loads what `view` needs.
  func detach(_ view: SegmentView) throws(LogError) {
    handles.withLock { $0.isDetached = true }
    do throws(LogError) {
      _ = try file()
      _ = try seal(for: view)
      _ = try index(for: view)
    } catch {
      handles.withLock { $0.isDetached = false }
      throw error
    }
    retire()
  }

  /// Nothing is written under its names any more: others have them, or nobody. Its readers go on.
  func retire() {
    loading.withLock { _ in handles.withLock { $0.isClosed = true } }
  }

  /// Gives the files of a sealed segment back; they are opened again by the next use. Who reads them goes on.
  func rest() {
    handles.withLock { handles in
      // The index of the active segment is being written.
      guard handles.active == nil, !handles.isDetached else { return }
      handles = Handles(isClosed: handles.isClosed)
    }
  }

  /// Lets the file and the index go; they are closed with their last reader.
  func close() {
    handles.withLock { $0 = Handles(isClosed: true) }
  }
}

/// A segment as far as it counts: what a reader may see of it, and nothing behind.
package struct SegmentView: Sendable {
  package let segment: Segment
  /// Where it ends. Of a sealed segment that was not read since it was opened, only `position` (the file's
  /// size) and `nextOffset` (the next segment's base) are known.
  package var progress: SegmentProgress
  package var isSealed: Bool

  package var baseOffset: Offset { segment.baseOffset }
}
