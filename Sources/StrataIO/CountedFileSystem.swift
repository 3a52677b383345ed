package import Synchronization

/// How many files and mappings are open in a `CountedFileSystem`.
package final class OpenCounts: Sendable {
  package let files = Atomic<Int>(0)
  package let mappings = Atomic<Int>(0)

  package init() {}
}

/// The file system below, which counts what is open in it, whoever holds it.
///
/// Costs one more dynamic call for each of the file system's.
package final class CountedFileSystem: FileSystem {
  private let base: any FileSystem
  package let counts = OpenCounts()

  package init(_ base: any FileSystem) { self.base = base }

  package func open(_ path: String, _ mode: OpenMode) throws(IOError) -> any File {
    CountedFile(try base.open(path, mode), counts)
  }
  package func list(_ directory: String) throws(IOError) -> [String] { try base.list(directory) }
  package func metadata(_ path: String) throws(IOError) -> FileMetadata? { try base.metadata(path) }
  package func createDirectory(_ path: String) throws(IOError) { try base.createDirectory(path) }
  package func rename(_ source: String, to destination: String) throws(IOError) {
    try base.rename(source, to: destination)
  }
  package func link(_ source: String, to destination: String) throws(IOError) {
    try base.link(source, to: destination)
  }
  package func remove(_ path: String) throws(IOError) { try base.remove(path) }
  package func removeDirectory(_ path: String) throws(IOError) { try base.removeDirectory(path) }
  package func synchronizeDirectory(_ directory: String) throws(IOError) {
    try base.synchronizeDirectory(directory)
  }
  package func lock(_ path: String, _ mode: LockMode, holder: String) throws(IOError) -> any FileLock {
    try base.lock(path, mode, holder: holder)
  }
  package func freeSpace(_ path: String) throws(IOError) -> Int64 { try base.freeSpace(path) }
  package var openFileLimit: Int? { base.openFileLimit }
}

private final class CountedFile: File {
  private let base: any File
  private let counts: OpenCounts
  private let isCounted = Atomic<Bool>(true)

  init(_ base: any File, _ counts: OpenCounts) {
    self.base = base
    self.counts = counts
    counts.files.wrappingAdd(1, ordering: .relaxed)
  }

  deinit { forget() }

  private func forget() {
    if isCounted.exchange(false, ordering: .relaxed) { counts.files.wrappingSubtract(1, ordering: .relaxed) }
  }

  var path: String { base.path }
  func metadata() throws(IOError) -> FileMetadata { try base.metadata() }
  func read(into buffer: inout MutableSpan<UInt8>, at position: Int64) throws(IOError) -> Int {
    try base.read(into: &buffer, at: position)
  }
  func write(_ bytes: Span<UInt8>, at position: Int64) throws(IOError) {
    try base.write(bytes, at: position)
  }
  func write(
    _ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int, at position: Int64
  ) throws(IOError) {
    try base.write(head, body, padding: padding, at: position)
  }
  func resize(to size: Int64) throws(IOError) { try base.resize(to: size) }
  func preallocate(_ range: Range<Int64>, keepingSize: Bool) throws(IOError) {
    try base.preallocate(range, keepingSize: keepingSize)
  }
  func synchronize() throws(IOError) { try base.synchronize() }
  func map(length: Int, _ access: MappingAccess) throws(IOError) -> any Mapping {
    CountedMapping(try base.map(length: length, access), counts)
  }
  func close() {
    forget()
    base.close()
  }
}

private final class CountedMapping: Mapping {
  private let base: any Mapping
  private let counts: OpenCounts

  init(_ base: any Mapping, _ counts: OpenCounts) {
    self.base = base
    self.counts = counts
    counts.mappings.wrappingAdd(1, ordering: .relaxed)
  }

  deinit { counts.mappings.wrappingSubtract(1, ordering: .relaxed) }

  var count: Int { base.count }
  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let mapping = base
      let span = mapping.bytes
      // The mapping below lasts as long as self, and its bytes as long as it.
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
  func store(_ bytes: Span<UInt8>, at position: Int) { base.store(bytes, at: position) }
  func synchronize(_ range: Range<Int>) throws(IOError) { try base.synchronize(range) }
}
