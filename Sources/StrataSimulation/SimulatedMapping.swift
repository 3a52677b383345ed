internal import StrataIO
internal import StrataLock
internal import Synchronization

/// Bytes of a simulated file in memory.
final class SimulatedMapping: Mapping {
  private let disk: SimulatedDisk
  private let path: String
  private let inode: Int
  private let buffer: MappingBuffer
  private let access: MappingAccess

  init(
    _ disk: SimulatedDisk, _ path: String, _ inode: Int, _ buffer: MappingBuffer, _ access: MappingAccess
  ) {
    self.disk = disk
    self.path = path
    self.inode = inode
    self.buffer = buffer
    self.access = access
  }

  deinit {
    disk.state.withLock { state in
      state.openMappingCount -= 1
      state.mappings[inode]!.removeAll { $0 === buffer }
      if state.mappings[inode]!.isEmpty { state.mappings[inode] = nil }
      state.image.release(inode)
    }
  }

  var count: Int { buffer.count }

  var bytes: Span<UInt8> {
    @_lifetime(borrow self) get { buffer.bytes(heldBy: self) }
  }

  func store(_ bytes: Span<UInt8>, at position: Int) {
    precondition(access == .readWrite, "\(path) is mapped to be read")
    precondition(position >= 0 && position <= count - bytes.count, "store outside of the mapping of \(path)")
    let range = position..<position + bytes.count
    let call = Call(.store, path, position: Int64(position), length: bytes.count)
    disk.performQuietly(call) { state, fault in
      precondition(
        range.upperBound <= state.image.files[inode]!.written.size,
        "store at \(range) behind the end of \(path): SIGBUS on a real machine")
      precondition(
        state.fittingLength(inode, range, disk.options) == range.count,
        "store at \(range) of \(path) finds no room on the disk: SIGBUS on a real machine")
      if fault == .lostWrite { return }
      state.change(inode, range) { $0.write(bytes, at: position) }
    }
  }

  func synchronize(_ range: Range<Int>) throws(IOError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "outside of the mapping of \(path)")
    let call = Call(.synchronizeMapping, path, position: Int64(range.lowerBound), length: range.count)
    try disk.perform(call) { (state, fault) throws(Refusal) in
      if case .failedSync(let variant, let code) = fault {
        throw state.failToSynchronize(self.inode, variant, code)
      }
      if fault != .ignoredSync { state.image.change(self.inode) { $0.synchronize(range) } }
    }
  }
}
