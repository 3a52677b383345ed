package import StrataIO
package import StrataRecords

/// Puts rewritten segments in the place of the ones they were made from, so that at every moment the folder holds
/// either all of the old or all of the new, for Kafka's loader as well as for this one.
///
/// The names are Kafka's, and so are the phases; after each the directory is synchronised, without which the
/// renames of one phase could reach the disk behind those of the next:
///
/// 1. the new files are complete under `.cleaned`: until the end of this phase they mean nothing;
/// 2. renamed to `.swap`, those with the lowest base offset last: from the end of this phase on they are the truth.
///    As long as one of the lowest is left under `.cleaned`, they are not, since one of several may be missing;
/// 3. the old files renamed to `.deleted`;
/// 4. `.swap` renamed to the final names;
/// 5. `.deleted` removed, which needs no haste.
///
/// `finish()` ends a swap that a crash has interrupted, and is a swap's rest itself: it may be interrupted too.
package struct SegmentSwap {
  let directory: String
  let fileSystem: any FileSystem

  package init(directory: String, fileSystem: any FileSystem) {
    self.directory = directory
    self.fileSystem = fileSystem
  }

  static let cleaned = ".cleaned"
  static let swap = ".swap"
  static let deleted = ".deleted"

  /// The kinds of file that a rewritten segment has. The batches come last: whoever finds them finds the rest.
  static let kinds: [SegmentFiles.Kind] = [.seal, .index, .timeindex, .log]

  func path(_ baseOffset: Offset, _ kind: SegmentFiles.Kind, _ suffix: String = "") -> String {
    SegmentFiles.path(directory, SegmentFiles.name(baseOffset, kind) + suffix)
  }

  /// The base offset and the kind of a file that belongs to a swap, and its suffix.
  static func parse(_ name: String) -> (baseOffset: Offset, kind: SegmentFiles.Kind, suffix: String)? {
    for suffix in [cleaned, swap, deleted] where name.hasSuffix(suffix) {
      guard let parsed = SegmentFiles.parse(String(name.dropLast(suffix.utf8.count))) else { return nil }
      return (parsed.baseOffset, parsed.kind, suffix)
    }
    return nil
  }

  /// Replaces the segments `old` by `new`, whose `.cleaned` files are complete and synchronised.
  package func run(replacing old: [Offset], by new: [Offset]) throws(IOError) {
    try fileSystem.synchronizeDirectory(directory, .swapCleanedDirectory)
    for base in new.sorted().reversed() {
      // A `.cleaned` voids what has its base offset or a higher one: the lowest decides, and comes last.
      if new.count > 1, base == new.min() {
        try fileSystem.synchronizeDirectory(directory, .swapLowestDirectory)
      }
      for kind in Self.kinds {
        do throws(IOError) {
          try fileSystem.rename(path(base, kind, Self.cleaned), to: path(base, kind, Self.swap), .swapRename)
        } catch {
          // A segment can do without a seal.
          guard kind == .seal, error.code == .notFound else { throw error }
        }
      }
    }
    try fileSystem.synchronizeDirectory(directory, .swapDirectory)
    try complete(replacing: old, by: new)
  }

  /// From the moment on at which the `.swap` files are the truth.
  private func complete(replacing old: [Offset], by new: [Offset]) throws(IOError) {
    for base in old {
      // What belongs to a base that stays, and was not rewritten, stays.
      for kind in new.contains(base) ? Self.kinds : SegmentFiles.Kind.allCases {
        try ignoringMissing { () throws(IOError) in
          try fileSystem.rename(path(base, kind), to: path(base, kind, Self.deleted), .swapDelete)
        }
      }
    }
    try fileSystem.synchronizeDirectory(directory, .swapDeletedDirectory)
    for base in new {
      for kind in SegmentFiles.Kind.allCases.reversed() {
        try ignoringMissing { () throws(IOError) in
          try fileSystem.rename(path(base, kind, Self.swap), to: path(base, kind), .swapFinalRename)
        }
      }
    }
    try fileSystem.synchronizeDirectory(directory, .swapDeletedDirectory)
    try removeAll(Self.deleted)
  }

  /// Ends what a crash has interrupted, by what the folder holds. `limits` bound the batches that are read to
  /// learn how far a rewritten segment reaches.
  package func finish(limits: ParsingLimits) throws(IOError) {
    let names = try fileSystem.list(directory)
    let files = names.compactMap(Self.parse)
    if let least = files.filter({ $0.suffix == Self.cleaned }).map(\.baseOffset).min() {
      // Not decided: what was made goes, swaps first, so that none of them outlives the sign that they are void.
      for file in files where file.suffix == Self.swap && file.baseOffset >= least {
        try fileSystem.remove(path(file.baseOffset, file.kind, Self.swap), .swapAbandon)
      }
      try fileSystem.synchronizeDirectory(directory, .swapAbandonDirectory)
      try removeAll(Self.cleaned)
    }
    let swaps = try fileSystem.list(directory).compactMap(Self.parse).filter { $0.suffix == Self.swap }
    guard !swaps.isEmpty else { return try removeAll(Self.deleted) }
    let rewritten = swaps.filter { $0.kind == .log }.map(\.baseOffset)
    var old: [Offset] = []
    if let first = rewritten.min(), let last = rewritten.max() {
      let end = try nextOffset(of: last, limits)
      old = names.compactMap(SegmentFiles.parse).filter { $0.kind == .log }.map(\.baseOffset).filter {
        rewritten.contains($0) || ($0 >= first && $0 < end)
      }
      // An index alone may have got its final name already.
      old += rewritten.filter { !old.contains($0) }
    }
    try complete(replacing: old, by: Array(Set(swaps.map(\.baseOffset))).sorted())
  }

  /// The offset behind the last batch of a rewritten segment.
  private func nextOffset(of base: Offset, _ limits: ParsingLimits) throws(IOError) -> Offset {
    let file = try fileSystem.open(path(base, .log, Self.swap), .read)
    defer { file.close() }
    let end = try file.metadata().size
    var reader = BatchFileReader(position: 0, expectedOffset: base, limits: limits, maximumRead: 256 << 10)
    while case .batch = try reader.next(in: file, end: end) {}
    return reader.expectedOffset
  }

  /// Removes the files of new segments that are not going to count.
  func abandon() throws(IOError) { try removeAll(Self.cleaned) }

  private func removeAll(_ suffix: String) throws(IOError) {
    for file in try fileSystem.list(directory).compactMap(Self.parse) where file.suffix == suffix {
      try fileSystem.remove(path(file.baseOffset, file.kind, suffix), .swapRemove)
    }
  }

  private func ignoringMissing(_ body: () throws(IOError) -> Void) throws(IOError) {
    do { try body() } catch { guard error.code == .notFound else { throw error } }
  }
}
