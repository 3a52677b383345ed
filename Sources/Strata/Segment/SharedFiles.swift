internal import StrataIO
internal import StrataRecords

/// Gives a log files of its own where other names lead to them too: a snapshot's, or those of a copy made with links.
///
/// What is written in place would change under the other name. Sealed segments never are; the last one and the
/// durable point are. So whoever is going to write makes a copy first, and puts it in the place of the name.
struct SharedFiles {
  let directory: String
  let fileSystem: any FileSystem

  /// Sees to it that nothing that an open log writes in place has another name. Interrupted, it can be begun again:
  /// until the name leads to the copy nothing has changed.
  func unshare() throws(IOError) {
    var isChanged = try unshare(SegmentFiles.path(directory, SegmentFiles.durablePointName))
    let last = try fileSystem.list(directory).compactMap(SegmentFiles.parse).filter { $0.kind == .log }
      .map(\.baseOffset).max()
    if let last, try unshare(last) { isChanged = true }
    if isChanged { try fileSystem.synchronizeDirectory(directory, .unshareDirectory) }
  }

  /// Does so for the files of one segment. True where one of them was shared.
  func unshare(_ baseOffset: Offset) throws(IOError) -> Bool {
    var isChanged = false
    for kind in SegmentFiles.Kind.allCases {
      let path = SegmentFiles.path(directory, SegmentFiles.name(baseOffset, kind))
      if try unshare(path) { isChanged = true }
    }
    return isChanged
  }

  /// Whether the file at `path` had another name, and is a copy now.
  private func unshare(_ path: String) throws(IOError) -> Bool {
    guard let metadata = try fileSystem.metadata(path), metadata.kind == .file, metadata.linkCount > 1,
      !Mutants.leavesOut(.unsharedFiles)
    else { return false }
    let temporary = path + SegmentFiles.temporarySuffix
    let source = try fileSystem.open(path, .read)
    defer { source.close() }
    let copy = try fileSystem.open(temporary, .create)
    defer { copy.close() }
    try copy.resize(to: 0, .emptyTemporary)
    try source.copy(0..<metadata.size, to: copy, at: 0)
    try copy.synchronize(.unshare)
    try fileSystem.rename(temporary, to: path, .unshareRename)
    return true
  }
}
