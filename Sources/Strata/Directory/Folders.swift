internal import StrataIO

/// Making folders, and making them durable.
extension FileSystem {
  /// Creates the folder at `path`, and those above it that are missing. `synchronizeParents(of:)` makes them durable.
  func createFolder(_ path: String) throws(IOError) {
    if let metadata = try metadata(path) {
      guard metadata.kind == .directory else {
        throw IOError(.notDirectory, operation: "open", path: path, detail: "this is a file")
      }
      return
    }
    let parent = SegmentFiles.parent(of: path)
    if parent != path { try createFolder(parent) }
    do { try createDirectory(path) } catch {
      // Somebody else may have been faster.
      guard error.code == .alreadyExists else { throw error }
    }
  }

  /// Makes the folder at `path`, and those above it, known to their parents durably. Whoever created them may have
  /// been stopped before that, so it is done for all that begins, as far up as this process may look,
  /// and `levels` at most.
  func synchronizeParents(of path: String, atMost levels: Int = .max) throws(IOError) {
    var path = path
    for _ in 0..<levels {
      let parent = SegmentFiles.parent(of: path)
      guard parent != path else { return }
      do { try synchronizeDirectory(parent, .parentDirectories) } catch {
        // A folder that may not be opened was not made by this process.
        guard error.code == .permissionDenied else { throw error }
        return
      }
      path = parent
    }
  }
}
