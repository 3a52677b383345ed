#if os(Linux)
  internal import Glibc

  /// The file system of the machine. With the other files of this folder it holds every system call of the
  /// package.
  package final class LinuxFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(IOError) -> any File {
      let flags: Int32 =
        switch mode {
        case .read: O_RDONLY
        case .readWrite: O_RDWR
        case .create: O_RDWR | O_CREAT
        case .createNew: O_RDWR | O_CREAT | O_EXCL
        }
      let number = try Self.openDescriptor(path, flags, "open")
      let file = LinuxFile(path: path, owning: number)
      switch try Self.status(number, path, "open").st_mode & S_IFMT {
      case S_IFDIR:
        throw IOError(Errno(EISDIR), "open", path)
      case S_IFIFO, S_IFSOCK:
        throw IOError(.unsupported, operation: "open", path: path, detail: "a pipe or a socket, not a file")
      default:
        return file
      }
    }

    /// A descriptor that programs started by this one do not inherit.
    static func openDescriptor(_ path: String, _ flags: Int32, _ operation: String) throws(IOError) -> Int32 {
      // O_NONBLOCK: a pipe that bears a segment's name must not stop us for ever. Files do not care.
      let flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
      let number = try onPath(path, operation) { unsafe Glibc.open(path, flags, 0o644) }
      guard number <= STDERR_FILENO else { return number }
      // A process that was started without its standard streams prints into whatever has their numbers.
      defer { _ = close(number) }
      return try onPath(path, operation) { fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) }
    }

    private static func status(_ number: Int32, _ path: String, _ operation: String) throws(IOError) -> stat {
      var status = stat()
      try onPath(path, operation) { unsafe fstat(number, &status) }
      return status
    }

    /// Names that are not UTF-8 come with replacement characters, and so name nothing.
    package func list(_ directory: String) throws(IOError) -> [String] {
      let number = try Self.openDescriptor(directory, O_RDONLY | O_DIRECTORY, "list")
      guard let stream = unsafe fdopendir(number) else {
        let error = IOError(.last, "list", directory)
        _ = close(number)
        throw error
      }
      // Closes the descriptor too.
      defer { unsafe closedir(stream) }
      let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name)!
      var names: [String] = []
      while true {
        // readdir says "the end" and "failed" by the same nil; only errno tells them apart.
        errno = 0
        guard let entry = unsafe readdir(stream) else { break }
        // By address, not through the imported tuple: an entry is only as long as its name.
        let start = unsafe (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: CChar.self)
        let name = unsafe String(cString: start)
        if name != "." && name != ".." { names.append(name) }
      }
      guard errno == 0 else { throw IOError(.last, "list", directory) }
      return names
    }

    package func metadata(_ path: String) throws(IOError) -> FileMetadata? {
      var status = stat()
      do {
        try onPath(path, "metadata") { unsafe stat(path, &status) }
        return FileMetadata(status)
      } catch {
        guard error.code == .notFound else { throw error }
        return nil
      }
    }

    package func createDirectory(_ path: String) throws(IOError) {
      try onPath(path, "createDirectory") { unsafe mkdir(path, 0o755) }
    }

    package func rename(_ source: String, to destination: String) throws(IOError) {
      try onPaths(source, destination, "rename") { unsafe Glibc.rename(source, destination) }
    }

    package func link(_ source: String, to destination: String) throws(IOError) {
      do {
        try onPaths(source, destination, "link") { unsafe Glibc.link(source, destination) }
      } catch {
        // EPERM is how a file system without links says so, and how a hardened kernel says no to links to
        // other people's files. A copy is the answer to both.
        var error = error
        if error.systemCode == EPERM { error.code = .unsupported }
        throw error
      }
    }

    package func remove(_ path: String) throws(IOError) {
      try onPath(path, "remove") { unsafe unlink(path) }
    }

    package func removeDirectory(_ path: String) throws(IOError) {
      try onPath(path, "removeDirectory") { unsafe rmdir(path) }
    }

    package func synchronizeDirectory(_ directory: String) throws(IOError) {
      let operation = "synchronizeDirectory"
      let number = try Self.openDescriptor(directory, O_RDONLY | O_DIRECTORY, operation)
      defer { _ = close(number) }
      try onPath(directory, operation) { fsync(number) }
    }

    package func lock(_ path: String, _ mode: LockMode, holder: String) throws(IOError) -> any FileLock {
      try LinuxFileLock(path: path, mode: mode, holder: holder)
    }

    package func freeSpace(_ path: String) throws(IOError) -> Int64 {
      var status = statvfs()
      try onPath(path, "freeSpace") { unsafe statvfs(path, &status) }
      let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
      return overflow ? .max : Int64(clamping: bytes)
    }

    /// The limit of this process (`RLIMIT_NOFILE`), whoever else uses descriptors in it.
    package var openFileLimit: Int? {
      var limit = rlimit()
      guard unsafe getrlimit(RLIMIT_NOFILE, &limit) == 0, limit.rlim_cur != rlim_t.max else { return nil }
      return Int(clamping: limit.rlim_cur)
    }

    /// A call on two paths; its error is that of the first and names the second.
    private func onPaths(
      _ source: String, _ destination: String, _ operation: String, _ call: () -> Int32
    ) throws(IOError) {
      // Only to refuse a zero byte in the second, as onPath does for the first.
      try onPath(destination, operation) { 0 }
      do {
        try onPath(source, operation, call)
      } catch {
        var error = error
        error.detail += " (to \(destination))"
        throw error
      }
    }
  }
#endif
