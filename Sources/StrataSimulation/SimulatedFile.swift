internal import StrataIO
internal import StrataLock
internal import Synchronization

/// One open file of a simulated disk.
final class SimulatedFile: File {
  let path: String
  private let disk: SimulatedDisk
  private let inode: Int
  private let isWritable: Bool
  private let isOpen = Atomic(true)

  init(_ disk: SimulatedDisk, _ path: String, _ inode: Int, isWritable: Bool) {
    self.disk = disk
    self.path = path
    self.inode = inode
    self.isWritable = isWritable
  }

  deinit {
    close()
  }

  func metadata() throws(IOError) -> FileMetadata {
    expectOpen()
    return try disk.perform(Call(.fileMetadata, path)) { (state, _) throws(Refusal) in
      state.metadata(self.inode)
    }
  }

  func read(into buffer: inout MutableSpan<UInt8>, at position: Int64) throws(IOError) -> Int {
    expectOpen()
    precondition(position >= 0, "a position is not negative")
    let call = Call(.read, path, position: position, length: buffer.count)
    // Copied outside of the lock: the image is a value.
    let image = try disk.perform(call) { (state, _) throws(Refusal) in
      state.image.files[self.inode]!.written
    }
    return image.read(into: &buffer, at: Int(position))
  }

  func write(_ bytes: Span<UInt8>, at position: Int64) throws(IOError) {
    try write(bytes, Span(), padding: 0, at: position)
  }

  func write(
    _ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int, at position: Int64
  ) throws(IOError) {
    expectOpen()
    precondition(position >= 0, "a position is not negative")
    precondition(padding >= 0 && padding <= Self.maximumPadding, "a padding of \(padding) bytes")
    let count = head.count + body.count + padding
    let call = Call(.write, path, position: position, length: count)
    try disk.perform(call) { (state, fault) throws(Refusal) in
      guard self.isWritable else { throw .readOnlyFile }
      guard count > 0 else { return }
      var start = Int(position)
      var length = count
      var refusal: Refusal?
      switch fault {
      case .lostWrite: return
      case .misdirectedWrite(let distance): start = max(0, start + Int(distance))
      case .shortWrite(let bytes, let code):
        length = min(max(0, bytes), count)
        refusal = Refusal(code: code, systemCode: code.systemCode, words: "simulated fault: \(code)")
      default: break
      }
      let fitting = state.fittingLength(self.inode, start..<start + length, self.disk.options)
      if fitting < length { (length, refusal) = (fitting, .noSpace) }
      state.change(self.inode, start..<start + length) { file in
        file.write(head.extracting(first: min(length, head.count)), at: start)
        var end = head.count
        if length > end {
          file.write(body.extracting(first: min(length - end, body.count)), at: start + end)
        }
        end += body.count
        if length > end {
          file.write([UInt8](repeating: 0, count: length - end).span, at: start + end)
        }
        if case .flippedBit(let bit) = fault { file.flip(start + bit / 8 % count, bit % 8) }
      }
      if let refusal { throw refusal }
    }
  }

  func resize(to size: Int64) throws(IOError) {
    expectOpen()
    precondition(size >= 0, "a size is not negative")
    try disk.perform(Call(.resize, path, position: size)) { (state, _) throws(Refusal) in
      guard self.isWritable else { throw .invalid }
      state.change(self.inode, 0..<0) { $0.resize(to: Int(size)) }
    }
  }

  func preallocate(_ range: Range<Int64>, keepingSize: Bool) throws(IOError) {
    expectOpen()
    let call = Call(.preallocate, path, position: range.lowerBound, length: range.count)
    try disk.perform(call) { (state, _) throws(Refusal) in
      guard self.isWritable else { throw .readOnlyFile }
      guard range.lowerBound >= 0, !range.isEmpty else { throw .invalid }
      let range = Int(range.lowerBound)..<Int(range.upperBound)
      guard state.fittingLength(self.inode, range, self.disk.options) == range.count else { throw .noSpace }
      state.change(self.inode, 0..<0) { file in
        file.reserve(range)
        if !keepingSize, range.upperBound > file.written.size { file.resize(to: range.upperBound) }
      }
    }
  }

  func synchronize() throws(IOError) {
    expectOpen()
    try disk.perform(Call(.synchronize, path)) { (state, fault) throws(Refusal) in
      if case .failedSync(let variant, let code) = fault {
        throw state.failToSynchronize(self.inode, variant, code)
      }
      if fault != .ignoredSync { state.image.change(self.inode) { $0.synchronize() } }
    }
  }

  func map(length: Int, _ access: MappingAccess) throws(IOError) -> any Mapping {
    expectOpen()
    let call = Call(.map, path, length: length)
    return try disk.perform(call) { (state, _) throws(Refusal) -> SimulatedMapping in
      guard length > 0 else { throw .invalid }
      guard self.isWritable || access == .read else {
        throw Refusal(code: .permissionDenied, systemCode: 13, words: "Permission denied")
      }
      let buffer = MappingBuffer(count: length)
      state.mappings[self.inode, default: []].append(buffer)
      let written = state.image.files[self.inode]!.written
      buffer.load(written, 0..<written.size)
      buffer.poison(from: written.size)
      state.image.retain(self.inode)
      state.openMappingCount += 1
      return SimulatedMapping(self.disk, self.path, self.inode, buffer, access)
    }
  }

  func close() {
    guard isOpen.exchange(false, ordering: .sequentiallyConsistent) else { return }
    disk.performQuietly(Call(.close, path)) { _, _ in }
    disk.state.withLock { state in
      state.openFileCount -= 1
      state.image.release(inode)
    }
  }

  private func expectOpen() {
    precondition(isOpen.load(ordering: .relaxed), "\(path) was closed")
  }
}

extension DiskState {
  /// Loses what was dirty, as `variant` does it; returns what to throw.
  mutating func failToSynchronize(_ inode: Int, _ variant: FailedSync, _ code: IOError.Code) -> Refusal {
    image.change(inode) { $0.failToSynchronize(variant) }
    reload(inode)
    return Refusal(
      code: code, systemCode: code.systemCode, words: "simulated fault: \(code), as on \(variant)")
  }
}

extension FileContent {
  /// Flips one bit of the written image.
  mutating func flip(_ position: Int, _ bit: Int) {
    guard position < written.size else { return }
    var byte = [UInt8](repeating: 0, count: 1)
    var span = byte.mutableSpan
    _ = written.read(into: &span, at: position)
    byte[0] ^= 1 << UInt8(bit)
    write(byte.span, at: position)
  }
}
