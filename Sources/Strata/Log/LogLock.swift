internal import StrataIO

/// The locks of an open log: its own, exclusively; and its parent folder's, shared, where somebody keeps many logs
/// there. Given up together.
package final class LogLock: Sendable {
  private let locks: [any FileLock]

  init(path: String, fileSystem: any FileSystem, holder: String) throws(IOError) {
    var locks: [any FileLock] = []
    let parent = SegmentFiles.path(SegmentFiles.parent(of: path), SegmentFiles.lockName)
    if try fileSystem.metadata(parent)?.kind == .file {
      locks.append(try fileSystem.lock(parent, .shared, holder: holder))
    }
    locks.append(
      try fileSystem.lock(SegmentFiles.path(path, SegmentFiles.lockName), .exclusive, holder: holder))
    self.locks = locks
  }

  func release() {
    for lock in locks { lock.release() }
  }
}
