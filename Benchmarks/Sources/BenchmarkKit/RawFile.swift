internal import Glibc

/// An open file, with nothing between the caller and the system calls: what the limits are measured with.
public struct RawFile: ~Copyable {
  private let number: Int32
  public let path: String

  /// Creates the file, empty.
  public init(creating path: String) throws(BenchmarkError) {
    number = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    self.path = path
    guard number >= 0 else { throw .system("open", path) }
  }

  /// Opens the file to read it.
  public init(opening path: String) throws(BenchmarkError) {
    number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    self.path = path
    guard number >= 0 else { throw .system("open", path) }
  }

  deinit { if number >= 0 { close(number) } }

  /// Writes the first `count` bytes of `memory` at `position`, with one call.
  @inline(__always)
  public func write(_ memory: Memory, _ count: Int, at position: Int) throws(BenchmarkError) {
    precondition(count <= memory.count)
    let written = unsafe pwrite(number, memory.base, count, off_t(position))
    guard written == count else { throw .system("pwrite", path) }
  }

  /// Reads `count` bytes at `position` into `memory`, with one call. Returns how many there were.
  @inline(__always)
  public func read(_ memory: Memory, _ count: Int, at position: Int) throws(BenchmarkError) -> Int {
    precondition(count <= memory.count)
    let got = unsafe pread(number, memory.base, count, off_t(position))
    guard got >= 0 else { throw .system("pread", path) }
    return got
  }

  /// fdatasync.
  @inline(__always)
  public func synchronize() throws(BenchmarkError) {
    guard fdatasync(number) == 0 else { throw .system("fdatasync", path) }
  }

  /// Reserves blocks without changing the size.
  public func allocate(_ range: Range<Int>) throws(BenchmarkError) {
    guard fallocate(number, FALLOC_FL_KEEP_SIZE, off_t(range.lowerBound), off_t(range.count)) == 0 else {
      throw .system("fallocate", path)
    }
  }

  /// The file's size in bytes.
  public func size() throws(BenchmarkError) -> Int {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { throw .system("fstat", path) }
    return Int(status.st_size)
  }

  /// Removes the name `path`.
  public static func remove(_ path: String) {
    unsafe unlink(path)
  }
}
