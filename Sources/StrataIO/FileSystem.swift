/// Everything that Strata asks of a file system: the one seam between the log and the disk.
///
/// Two implementations exist: Linux, which holds every system call of the package, and the simulated disk of
/// `StrataSimulation`. Paths are the system's own, relative ones included. Nothing is durable until the call
/// that says so: the bytes of a file by `File.synchronize()`, its name by `synchronizeDirectory(_:)` of the
/// folder that holds it.
///
/// Every call is complete or throws: interruptions (`EINTR`) and short reads and writes are dealt with by the
/// implementation. Every call may be made from any thread.
public protocol FileSystem: AnyObject, Sendable {
  /// Opens the file at `path`.
  func open(_ path: String, _ mode: OpenMode) throws(IOError) -> any File

  /// The names in a directory, without `.` and `..`, in no order.
  func list(_ directory: String) throws(IOError) -> [String]

  /// What lies at `path`, following links; nil where nothing does.
  func metadata(_ path: String) throws(IOError) -> FileMetadata?

  /// Creates one directory; its parent has to exist. Throws `.alreadyExists` where anything is there.
  func createDirectory(_ path: String) throws(IOError)

  /// Gives the file at `source` the name `destination`, in place of what had that name. Atomic, but durable
  /// only once the directory is synchronised; two renames may reach the disk in either order until then.
  func rename(_ source: String, to destination: String) throws(IOError)

  /// Gives the file at `source` a second name. Throws `.alreadyExists`; `.unsupported` where links do not exist.
  func link(_ source: String, to destination: String) throws(IOError)

  /// Removes the name of a file. What still has the file open keeps it.
  func remove(_ path: String) throws(IOError)

  /// Removes an empty directory.
  func removeDirectory(_ path: String) throws(IOError)

  /// Makes every creation, rename and removal in `directory` durable.
  func synchronizeDirectory(_ directory: String) throws(IOError)

  /// Takes the lock file at `path`, creating it where it is missing, without waiting.
  ///
  /// The lock conflicts with other processes', with other holders' in this process, and with Java's file
  /// locks. An exclusive holder writes `holder` into the file, so that who comes second can be told who was
  /// first. A lock file is never unlinked. Throws `.locked`, with the holder in `detail`.
  func lock(_ path: String, _ mode: LockMode, holder: String) throws(IOError) -> any FileLock

  /// Bytes that an unprivileged process can still write to the file system of `path`.
  func freeSpace(_ path: String) throws(IOError) -> Int64

  /// How many files and locks may be open at once; nil where there is no limit.
  var openFileLimit: Int? { get }
}

/// How a file is opened.
@nonexhaustive
public enum OpenMode: Hashable, Sendable {
  /// To read; the file has to exist.
  case read
  /// To read and write; the file has to exist.
  case readWrite
  /// To read and write; created where it is missing.
  case create
  /// To read and write; created now, and nothing may have that name.
  case createNew
}

/// Who else may hold a lock at the same time.
@nonexhaustive
public enum LockMode: Hashable, Sendable {
  /// Nobody.
  case exclusive
  /// Others that hold it shared.
  case shared
}

/// A lock that is held until `release()` or the end of its last reference.
public protocol FileLock: AnyObject, Sendable {
  /// Gives the lock up. Idempotent.
  func release()
}

/// What the file system knows of a file.
public struct FileMetadata: Hashable, Sendable {
  @nonexhaustive
  public enum Kind: Hashable, Sendable {
    case file
    case directory
    case other
  }

  public var kind: Kind
  /// The size in bytes; of directories whatever the file system says.
  public var size: Int64
  /// Bytes of disk that the file occupies, allocated ones beyond its size included.
  public var allocatedSize: Int64
  /// Names that the file has.
  public var linkCount: Int
  /// When the content last changed, in milliseconds since 1970.
  public var modificationTime: Int64
  /// The same number for the same file, as long as it exists, on one file system.
  public var identity: UInt64

  public init(
    kind: Kind, size: Int64, allocatedSize: Int64, linkCount: Int, modificationTime: Int64, identity: UInt64
  ) {
    self.kind = kind
    self.size = size
    self.allocatedSize = allocatedSize
    self.linkCount = linkCount
    self.modificationTime = modificationTime
    self.identity = identity
  }
}
