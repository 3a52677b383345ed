internal import StrataIO

/// Files that are read and written as a whole: checkpoints, marks, lists.
extension FileSystem {
  /// The bytes of a file of at most `limit` bytes; nil where there is no such file, or a larger one.
  func contents(of path: String, atMost limit: Int64) throws(IOError) -> [UInt8]? {
    let file: any File
    do { file = try open(path, .read) } catch {
      guard error.code == .notFound || error.code == .isDirectory else { throw error }
      return nil
    }
    defer { file.close() }
    let size = try file.metadata().size
    guard size <= limit else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    var span = bytes.mutableSpan
    let count = try file.read(into: &span, at: 0)
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Puts a file with these bytes in the place of the one before, or where none was. The bytes are on the disk before
  /// they get the name, so that under it lies the old file or the new one; the name is durable once the directory is
  /// synchronised.
  func replace(
    _ path: String, with bytes: [UInt8], _ sync: Barrier, _ name: Barrier
  ) throws(IOError) {
    let temporary = path + SegmentFiles.temporarySuffix
    let file = try open(temporary, .create)
    defer { file.close() }
    try file.resize(to: 0, .emptyTemporary)
    try file.write(bytes.span, at: 0)
    try file.synchronize(sync)
    try rename(temporary, to: path, name)
  }
}
