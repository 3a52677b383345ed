#if os(Linux)
  internal import Glibc

  /// Bytes of a file, shared with the page cache. Unmapped with the last reference.
  @safe
  final class LinuxMapping: Mapping {
    let count: Int
    private let path: String
    private let access: MappingAccess
    /// The first byte; nil for a mapping of nothing, which the system does not know. Never changes, and the
    /// bytes behind it are shared by the rules of `Mapping`.
    private nonisolated(unsafe) let start: UnsafeMutablePointer<UInt8>?

    /// Maps the first `count` bytes of the file that is open as `number`, which may be closed afterwards.
    init(path: String, number: Int32, count: Int, access: MappingAccess) throws(IOError) {
      precondition(count >= 0, "a mapping of \(count) bytes")
      self.count = count
      self.path = path
      self.access = access
      guard count > 0 else {
        unsafe self.start = nil
        return
      }
      let protection = access == .read ? PROT_READ : PROT_READ | PROT_WRITE
      let address = unsafe mmap(nil, count, protection, MAP_SHARED, number, 0)
      guard let address = unsafe address, unsafe address != MAP_FAILED else {
        throw IOError(.last, "map", path)
      }
      unsafe self.start = address.bindMemory(to: UInt8.self, capacity: count)
    }

    deinit {
      if let start = unsafe start { unsafe munmap(start, count) }
    }

    var bytes: Span<UInt8> {
      @_lifetime(borrow self)
      get {
        // The mapping lasts as long as self.
        let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count))
        return unsafe _overrideLifetime(span, borrowing: self)
      }
    }

    func store(_ bytes: Span<UInt8>, at position: Int) {
      precondition(access == .readWrite, "a store through a mapping made for reading")
      precondition(
        position >= 0 && position <= count - bytes.count, "a store outside of the mapping")
      guard !bytes.isEmpty else { return }
      unsafe bytes.withUnsafeBufferPointer { source in
        // Checked above; count > 0, so there is a start.
        unsafe UnsafeMutableRawPointer(start! + position).copyMemory(
          from: source.baseAddress!, byteCount: source.count)
      }
    }

    func synchronize(_ range: Range<Int>) throws(IOError) {
      precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside of the mapping")
      guard !range.isEmpty, let start = unsafe start else { return }
      // msync takes whole pages, from the start of one.
      let first = range.lowerBound & ~(Self.pageSize - 1)
      do {
        try retrying { unsafe msync(start + first, range.upperBound - first, MS_SYNC) }
      } catch {
        throw IOError(error, "synchronize", path)
      }
    }

    private static let pageSize = sysconf(Int32(_SC_PAGESIZE))
  }
#endif
