#if os(Linux)
  internal import Glibc
  internal import Synchronization

  /// A lock on a whole file, of the kind that belongs to an open file (`F_OFD_SETLK`).
  ///
  /// The older kind belongs to a process: a second holder in the same process would get it too, and closing any
  /// other descriptor of the file would drop it. Both kinds conflict with each other, so also with Java's.
  final class LinuxFileLock: FileLock {
    private let descriptor: Descriptor
    private let path: String
    private let isReleased = Atomic<Bool>(false)

    init(path: String, mode: LockMode, holder: String) throws(IOError) {
      self.path = path
      let number = try Self.openLockFile(path, mode)
      self.descriptor = Descriptor(owning: number)
      var request = Self.wholeFile(mode)
      do {
        try retrying { unsafe fcntl(number, F_OFD_SETLK, &request) }
      } catch {
        guard error.code == EAGAIN || error.code == EACCES else { throw IOError(error, "lock", path) }
        throw IOError(
          .locked, operation: "lock", path: path, systemCode: error.code,
          detail: "held by " + Self.holder(of: number, refusing: mode))
      }
      if mode == .exclusive { Self.write(holder, to: number) }
    }

    deinit {
      release()
    }

    func release() {
      guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
      let number = descriptor.beginUse(of: path)
      // Said aloud, because a process forked from this one may have the file open still. The file stays: who
      // waits for its name and who holds its old inode would otherwise both hold "the" lock.
      var request = Self.wholeFile(nil)
      _ = unsafe fcntl(number, F_OFD_SETLK, &request)
      descriptor.endUse()
      descriptor.close()
    }

    /// A shared lock needs no more than to read, so that it works where nothing may be written.
    private static func openLockFile(_ path: String, _ mode: LockMode) throws(IOError) -> Int32 {
      let access = mode == .shared ? O_RDONLY : O_RDWR
      do {
        return try LinuxFileSystem.openDescriptor(path, access, "lock")
      } catch {
        guard error.code == .notFound else { throw error }
        return try LinuxFileSystem.openDescriptor(path, access | O_CREAT, "lock")
      }
    }

    /// The request for all of the file, however it grows; nil gives up.
    private static func wholeFile(_ mode: LockMode?) -> flock {
      var request = flock()
      request.l_whence = Int16(SEEK_SET)
      request.l_type =
        switch mode {
        case .exclusive: Int16(F_WRLCK)
        case .shared: Int16(F_RDLCK)
        case nil: Int16(F_UNLCK)
        }
      return request
    }

    /// The text is for people. A lock is held without it too, so that a full disk is no reason to refuse it.
    private static func write(_ holder: String, to number: Int32) {
      guard ftruncate(number, 0) == 0 else { return }
      var text = holder + "\n"
      text.withUTF8 { bytes in
        _ = try? transferAll(bytes.count) { done in
          unsafe pwrite(number, bytes.baseAddress! + done, bytes.count - done, off_t(done))
        }
      }
    }

    /// Who is in the way, for people: "process 123 (name) on host", or "another process".
    private static func holder(of number: Int32, refusing mode: LockMode) -> String {
      let unknown = "another process"
      var conflict = wholeFile(mode)
      guard unsafe fcntl(number, F_OFD_GETLK, &conflict) == 0 else { return unknown }
      // Java's locks, and all of the older kind, have a process; ours have -1.
      if conflict.l_type != Int16(F_UNLCK), conflict.l_pid > 0 {
        return "process \(conflict.l_pid)" + (programName(conflict.l_pid).map { " (\($0))" } ?? "")
      }
      // Shared holders do not write: the text is of some exclusive holder before them.
      if conflict.l_type == Int16(F_RDLCK) { return unknown }
      return firstLine(of: number) ?? unknown
    }

    private static func programName(_ process: pid_t) -> String? {
      guard let number = try? LinuxFileSystem.openDescriptor("/proc/\(process)/comm", O_RDONLY, "lock") else {
        return nil
      }
      defer { _ = close(number) }
      return firstLine(of: number)
    }

    private static func firstLine(of number: Int32) -> String? {
      unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { buffer in
        let count = try? transferAll(buffer.count) { done in
          unsafe pread(number, buffer.baseAddress! + done, buffer.count - done, off_t(done))
        }
        // Anybody may have written there: no more than a line, and nothing that steers a terminal.
        let line = unsafe buffer[..<(count ?? 0)].prefix { $0 != UInt8(ascii: "\n") }
        let text = unsafe String(decoding: line.filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)
        return text.isEmpty ? nil : text
      }
    }
  }
#endif
