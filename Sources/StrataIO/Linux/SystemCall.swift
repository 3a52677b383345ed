#if os(Linux)
  internal import CStrataShims
  internal import Glibc

  /// The `errno` of a system call that failed.
  package struct Errno: Error, Hashable {
    package var code: Int32

    package init(_ code: Int32) {
      self.code = code
    }

    /// What the calling thread's last failed call left behind.
    package static var last: Errno { Errno(errno) }
  }

  /// Makes a call that returns -1 where it failed, again as long as signals interrupt it.
  @inline(__always)
  @discardableResult
  package func retrying<Result: FixedWidthInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
      let result = call()
      if result != -1 { return result }
      let error = Errno.last
      guard error.code == EINTR else { throw error }
    }
  }

  /// Moves `count` bytes by calls that may move fewer: `step` gets the number of bytes done so far and returns
  /// what its call returned.
  ///
  /// Returns `count`, or less where a call moved nothing: reading, that is the end of the file.
  @inline(__always)
  package func transferAll(_ count: Int, _ step: (_ done: Int) -> Int) throws(Errno) -> Int {
    var done = 0
    while done < count {
      let moved = try retrying { step(done) }
      if moved == 0 { break }
      done += moved
    }
    return done
  }

  /// How much is left of a piece of `count` bytes where `skip` bytes are done, which it takes its part of.
  @inline(__always)
  package func skipping(_ skip: inout Int, of count: Int) -> Int {
    let done = min(skip, count)
    skip -= done
    return count - done
  }

  extension IOError {
    /// The error of a system call, in the seam's words.
    init(_ error: Errno, _ operation: String, _ path: String) {
      let words = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        unsafe strata_error_text(error.code, buffer.baseAddress!, buffer.count)
        return unsafe String(cString: buffer.baseAddress!)
      }
      self.init(Code(error), operation: operation, path: path, systemCode: error.code, detail: words)
    }
  }

  extension IOError.Code {
    /// The table of `IOError.Code`, read from right to left.
    init(_ error: Errno) {
      self =
        switch error.code {
        case ENOENT: .notFound
        case EEXIST, ENOTEMPTY: .alreadyExists
        case ENOTDIR: .notDirectory
        case EISDIR: .isDirectory
        case EACCES, EPERM: .permissionDenied
        case EROFS: .readOnlyFileSystem
        case ENOSPC, EDQUOT, EFBIG: .noSpace
        case EMFILE, ENFILE: .tooManyOpenFiles
        case EOPNOTSUPP, EINVAL, ENOSYS, EXDEV, ENODEV: .unsupported
        // EUCLEAN: the file system found its own structures damaged.
        case EIO, EUCLEAN: .device
        default: .other
        }
    }
  }

  /// Makes a call on a path, and throws what went wrong in the seam's words.
  @discardableResult
  func onPath(_ path: String, _ operation: String, _ call: () -> Int32) throws(IOError) -> Int32 {
    // C would end the path at its first zero byte, and so name another file.
    guard !path.utf8.contains(0) else {
      throw IOError(
        .other, operation: operation, path: path, systemCode: EINVAL, detail: "the path has a zero byte")
    }
    do {
      return try retrying(call)
    } catch {
      throw IOError(error, operation, path)
    }
  }
#endif
