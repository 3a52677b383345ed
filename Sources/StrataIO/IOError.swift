/// Why a call to the file system failed: which call, on which path, with which of the system's errors.
///
/// The seam throws nothing else. `code` is what a program decides by; `systemCode` (an `errno`) is for the
/// message.
public struct IOError: Error, Hashable, Sendable {
  /// What went wrong, as far as a caller can act on it.
  @nonexhaustive
  public enum Code: Hashable, Sendable {
    /// The path names nothing (`ENOENT`).
    case notFound
    /// Something is there already (`EEXIST`, `ENOTEMPTY`).
    case alreadyExists
    /// A file where a directory has to be (`ENOTDIR`).
    case notDirectory
    /// A directory where a file has to be (`EISDIR`).
    case isDirectory
    /// The caller may not (`EACCES`, `EPERM`).
    case permissionDenied
    /// The file system is mounted read-only (`EROFS`).
    case readOnlyFileSystem
    /// No room left, or the quota is used up (`ENOSPC`, `EDQUOT`, `EFBIG`).
    case noSpace
    /// No descriptor left (`EMFILE`, `ENFILE`).
    case tooManyOpenFiles
    /// Somebody else holds the lock; `detail` names the holder.
    case locked
    /// The file system cannot do this (`EOPNOTSUPP`, `EINVAL`, `ENOSYS`, `EXDEV`): callers fall back.
    case unsupported
    /// The device failed (`EIO`).
    case device
    /// Any other error of the system.
    case other
  }

  public var code: Code
  /// The call, as the seam names it: "open", "write", "synchronize", …
  public var operation: String
  public var path: String
  /// The `errno` of the failed call; 0 where there was none.
  public var systemCode: Int32
  /// The system's own words, or who holds a lock.
  public var detail: String

  public init(_ code: Code, operation: String, path: String, systemCode: Int32 = 0, detail: String = "") {
    self.code = code
    self.operation = operation
    self.path = path
    self.systemCode = systemCode
    self.detail = detail
  }
}

extension IOError: CustomStringConvertible {
  public var description: String {
    "\(operation) \(path): \(detail.isEmpty ? "\(code)" : detail)"
  }
}
