internal import StrataIO

/// Where a snapshot is made: in a folder beside its target, which gets the target's name when all of it is durable.
struct SnapshotPlace {
  let target: String
  let fileSystem: any FileSystem

  /// How often a snapshot is begun anew when the log changes under it.
  static let attempts = 5

  var partial: String {
    var path = Substring(target)
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path + ".strata-partial"
  }

  /// Runs `body`, which makes the folder `partial`, and gives it the target's name, durably.
  func make(_ body: () throws(LogError) -> Void) throws(LogError) {
    try io { () throws(IOError) in
      if try fileSystem.metadata(target) != nil {
        throw IOError(
          .alreadyExists, operation: "snapshot", path: target, detail: "a snapshot is made in a new folder")
      }
      try Self.clear(partial, fileSystem)
      try fileSystem.createFolder(SegmentFiles.parent(of: partial))
    }
    do throws(LogError) {
      try body()
      try io { () throws(IOError) in
        try fileSystem.rename(partial, to: target, .snapshotRename)
        try fileSystem.synchronizeDirectory(SegmentFiles.parent(of: target), .snapshotDirectory)
        try fileSystem.synchronizeParents(of: SegmentFiles.parent(of: target))
      }
    } catch {
      do throws(IOError) { try Self.clear(partial, fileSystem) } catch {}
      throw error
    }
  }

  /// Removes what an interrupted snapshot has left: a folder of files, or of folders of files.
  static func clear(_ folder: String, _ fileSystem: any FileSystem) throws(IOError) {
    guard try fileSystem.metadata(folder) != nil else { return }
    for name in try fileSystem.list(folder) {
      let path = SegmentFiles.path(folder, name)
      if try fileSystem.metadata(path)?.kind == .directory {
        try clear(path, fileSystem)
      } else {
        try fileSystem.remove(path, .snapshotClear)
      }
    }
    try fileSystem.removeDirectory(folder, .snapshotClear)
  }

  /// Copies a file, durably but for its name. False where there is none.
  @discardableResult
  static func copy(
    _ source: String, to target: String, _ fileSystem: any FileSystem
  ) throws(IOError) -> Bool {
    let file: any File
    do { file = try fileSystem.open(source, .read) } catch {
      guard error.code == .notFound else { throw error }
      return false
    }
    defer { file.close() }
    let size = try file.metadata().size
    let copy = try fileSystem.open(target, .createNew)
    defer { copy.close() }
    try file.copy(0..<size, to: copy, at: 0)
    try copy.synchronize(.snapshotFile)
    return true
  }
}
