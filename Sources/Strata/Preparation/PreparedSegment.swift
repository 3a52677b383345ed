internal import StrataIO
internal import StrataRecords

/// The file that becomes the next segment: nothing but zeros, on the disk before anybody counts on them.
///
/// It has a name of its own that no loader takes for a segment's, Kafka's neither; a roll gives it the segment's.
/// What a crash leaves of it is removed by the next opening, and closing the log removes it: it never holds a record.
///
/// Segments that were removed are not used again for it. Writing zeros over their blocks takes as long as writing new
/// ones within what can be measured, and another process may be reading them: nobody here can know.
struct PreparedSegment: Sendable {
  let file: any File
  /// How many zeros are written.
  private(set) var bytes: Int64 = 0
  private let path: String

  /// Begins an empty one in the folder of a log.
  init(directory: String, fileSystem: any FileSystem) throws(IOError) {
    path = SegmentFiles.path(directory, SegmentFiles.preparedName)
    file = try fileSystem.open(path, .create)
    // What another try has left behind may be as large as it likes.
    try file.resize(to: 0, .emptyTemporary)
  }

  /// Writes the next zeros, up to `end` at most. They are not on the disk yet.
  mutating func write(through end: Int64) throws(IOError) {
    let zeros = Appender.zeros
    let count = min(Int(end - bytes), zeros.count)
    guard count > 0 else { return }
    try file.write(zeros.span.extracting(first: count), at: bytes)
    bytes += Int64(count)
  }

  /// Makes the zeros durable, so that no sync of a record has to wait for them.
  func makeDurable() throws(IOError) { try file.synchronize(.preparedZeros) }

  /// Gives it the name of a segment, which is not durable yet. Returns the file under that name.
  func take(_ segmentPath: String, _ fileSystem: any FileSystem) throws(IOError) -> any File {
    guard try fileSystem.metadata(segmentPath) == nil else {
      throw IOError(
        .alreadyExists, operation: "rename", path: segmentPath, detail: "a segment of that name is there")
    }
    try fileSystem.rename(path, to: segmentPath, .preparedRename)
    // Opened again for the sake of its path alone: there is no way back, so a failure here is none.
    do throws(IOError) {
      let named = try fileSystem.open(segmentPath, .readWrite)
      file.close()
      return named
    } catch { return file }
  }

  /// Gives the space back.
  func discard(_ fileSystem: any FileSystem) throws(IOError) {
    file.close()
    do throws(IOError) { try fileSystem.remove(path, .preparedRemove) } catch {
      guard error.code == .notFound else { throw error }
    }
  }
}
