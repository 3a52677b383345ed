#if os(Linux)
  internal import Glibc

  /// A file of the system.
  final class LinuxFile: File {
    let path: String
    private let descriptor: Descriptor

    /// Takes over `number`, which is open and nobody else's.
    init(path: String, owning number: Int32) {
      self.path = path
      self.descriptor = Descriptor(owning: number)
    }

    func read(into buffer: inout MutableSpan<UInt8>, at position: Int64) throws(IOError) -> Int {
      let number = descriptor.beginUse(of: path)
      defer { descriptor.endUse() }
      do {
        return unsafe try buffer.withUnsafeMutableBufferPointer { (bytes) throws(Errno) in
          try transferAll(bytes.count) { done in
            // In bounds: transferAll keeps done < count.
            unsafe pread(number, bytes.baseAddress! + done, bytes.count &- done, off_t(position) &+ done)
          }
        }
      } catch {
        throw IOError(error, "read", path)
      }
    }

    func write(_ bytes: Span<UInt8>, at position: Int64) throws(IOError) {
      let number = descriptor.beginUse(of: path)
      defer { descriptor.endUse() }
      let written: Int
      do {
        written = unsafe try bytes.withUnsafeBufferPointer { (bytes) throws(Errno) in
          try transferAll(bytes.count) { done in
            // In bounds: transferAll keeps done < count.
            unsafe pwrite(number, bytes.baseAddress! + done, bytes.count &- done, off_t(position) &+ done)
          }
        }
      } catch {
        throw IOError(error, "write", path)
      }
      try check(written, of: bytes.count)
    }

    func write(
      _ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int, at position: Int64
    ) throws(IOError) {
      precondition(padding >= 0 && padding <= Self.maximumPadding, "a padding of \(padding) bytes")
      let number = descriptor.beginUse(of: path)
      defer { descriptor.endUse() }
      let count = head.count + body.count + padding
      let written: Int
      do {
        written = unsafe try head.withUnsafeBufferPointer { (head) throws(Errno) in
          unsafe try body.withUnsafeBufferPointer { (body) throws(Errno) in
            unsafe try Self.zeros.withUnsafeBufferPointer { (zeros) throws(Errno) in
              let zeros = unsafe UnsafeBufferPointer(rebasing: zeros[..<padding])
              return try transferAll(count) { done in
                unsafe Self.writePieces(number, [head, body, zeros], done, position)
              }
            }
          }
        }
      } catch {
        throw IOError(error, "write", path)
      }
      try check(written, of: count)
    }

    /// What a padding is written from.
    private static let zeros = [UInt8](repeating: 0, count: maximumPadding)

    /// One `pwritev` of what is left of three pieces after `done` bytes.
    @inline(__always)
    private static func writePieces(
      _ number: Int32, _ pieces: [3 of UnsafeBufferPointer<UInt8>], _ done: Int, _ position: Int64
    ) -> Int {
      unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { vectors in
        var skip = done
        var filled = 0
        for place in 0..<3 {
          let piece = unsafe pieces[place]
          let rest = skipping(&skip, of: piece.count)
          if rest == 0 { continue }
          // pwritev only reads the bytes, though iovec has no const.
          let start = unsafe UnsafeMutablePointer(mutating: piece.baseAddress! + (piece.count - rest))
          unsafe vectors.initializeElement(at: filled, to: iovec(iov_base: start, iov_len: rest))
          filled += 1
        }
        return unsafe pwritev(number, vectors.baseAddress!, Int32(filled), off_t(position) &+ done)
      }
    }

    /// A write that moves nothing and gives no reason would otherwise be tried for ever.
    @inline(__always)
    private func check(_ written: Int, of count: Int) throws(IOError) {
      if written < count { throw incomplete(written, of: count) }
    }

    private func incomplete(_ written: Int, of count: Int) -> IOError {
      IOError(
        .device, operation: "write", path: path, systemCode: EIO,
        detail: "only \(written) of \(count) bytes were taken")
    }

    func metadata() throws(IOError) -> FileMetadata {
      var status = stat()
      try call("metadata") { number in unsafe fstat(number, &status) }
      return FileMetadata(status)
    }

    func resize(to size: Int64) throws(IOError) {
      try call("resize") { number in ftruncate(number, off_t(size)) }
    }

    func preallocate(_ range: Range<Int64>, keepingSize: Bool) throws(IOError) {
      // The system takes an empty range for a mistake.
      guard !range.isEmpty else { return }
      try call("preallocate") { number in
        fallocate(
          number, keepingSize ? FALLOC_FL_KEEP_SIZE : 0, off_t(range.lowerBound),
          off_t(range.upperBound &- range.lowerBound))
      }
    }

    func synchronize() throws(IOError) {
      try call("synchronize") { number in fdatasync(number) }
    }

    func map(length: Int, _ access: MappingAccess) throws(IOError) -> any Mapping {
      let number = descriptor.beginUse(of: path)
      defer { descriptor.endUse() }
      return try LinuxMapping(path: path, number: number, count: length, access: access)
    }

    func close() {
      descriptor.close()
    }

    /// Makes a call that has no result but failure.
    @inline(__always)
    private func call(_ operation: StaticString, _ body: (Int32) -> Int32) throws(IOError) {
      let number = descriptor.beginUse(of: path)
      defer { descriptor.endUse() }
      do {
        try retrying { body(number) }
      } catch {
        throw IOError(error, "\(operation)", path)
      }
    }
  }

  extension FileMetadata {
    init(_ status: stat) {
      let kind: Kind =
        switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        default: .other
        }
      self.init(
        kind: kind, size: Int64(status.st_size), allocatedSize: Int64(status.st_blocks) * 512,
        linkCount: Int(status.st_nlink),
        modificationTime: Int64(status.st_mtim.tv_sec) * 1_000 + Int64(status.st_mtim.tv_nsec) / 1_000_000,
        identity: UInt64(status.st_ino))
    }
  }
#endif
