internal import StrataIO
internal import StrataLock
internal import Synchronization

/// The seam, over a simulated disk.
final class SimulatedFileSystem: FileSystem {
  private let disk: SimulatedDisk

  init(_ disk: SimulatedDisk) {
    self.disk = disk
  }

  func open(_ path: String, _ mode: OpenMode) throws(IOError) -> any File {
    try disk.perform(Call(.open, path)) { (state, _) throws(Refusal) -> SimulatedFile in
      if let limit = self.disk.options.openFileLimit, state.openHandleCount >= limit {
        throw .tooManyOpenFiles
      }
      let inode = try state.openInode(path, mode)
      state.image.retain(inode)
      state.openFileCount += 1
      return SimulatedFile(self.disk, path, inode, isWritable: mode != .read)
    }
  }

  func list(_ directory: String) throws(IOError) -> [String] {
    try disk.perform(Call(.list, directory)) { (state, _) throws(Refusal) -> [String] in
      // A directory has no order, but every run has the same one.
      state.image.directories[try state.image.directory(at: directory)]!.written.keys.sorted()
    }
  }

  func metadata(_ path: String) throws(IOError) -> FileMetadata? {
    try disk.perform(Call(.metadata, path)) { (state, _) throws(Refusal) -> FileMetadata? in
      try state.image.lookUp(path).map { state.metadata($0) }
    }
  }

  func createDirectory(_ path: String) throws(IOError) {
    try disk.perform(Call(.createDirectory, path)) { (state, _) throws(Refusal) in
      // `/` and `.` are there already.
      guard try state.image.lookUp(path) == nil else { throw .exists }
      let entry = try state.image.parent(of: path)
      state.image.createDirectory(entry, path: path, time: state.time.wall)
    }
  }

  func rename(_ source: String, to destination: String) throws(IOError) {
    let call = Call(.rename, source, destination: destination)
    try disk.perform(call) { (state, _) throws(Refusal) in
      let from = try state.image.parent(of: source)
      let to = try state.image.parent(of: destination)
      guard let inode = state.image.inode(from) else { throw .notFound }
      let isDirectory = state.image.directories[inode] != nil
      if let replaced = state.image.inode(to) {
        if replaced == inode { return }
        if let directory = state.image.directories[replaced] {
          guard isDirectory else { throw .isDirectory }
          guard directory.written.isEmpty else { throw .notEmpty }
        } else if isDirectory {
          throw .notDirectory
        }
      }
      if isDirectory, state.image.contains(to.directory, in: inode) { throw .invalid }
      state.image.rename(
        from, to: to, summary: "rename \(source) to \(destination)", time: state.time.wall)
    }
  }

  func link(_ source: String, to destination: String) throws(IOError) {
    let call = Call(.link, source, destination: destination)
    try disk.perform(call) { (state, _) throws(Refusal) in
      guard let inode = try state.image.lookUp(source) else { throw .notFound }
      guard state.image.files[inode] != nil else { throw .isDirectory }
      let entry = try state.image.parent(of: destination)
      guard state.image.inode(entry) == nil else { throw .exists }
      state.image.link(
        inode, entry, summary: "link \(source) to \(destination)", time: state.time.wall)
    }
  }

  func remove(_ path: String) throws(IOError) {
    try disk.perform(Call(.remove, path)) { (state, _) throws(Refusal) in
      let entry = try state.image.parent(of: path)
      guard let inode = state.image.inode(entry) else { throw .notFound }
      guard state.image.files[inode] != nil else { throw .isDirectory }
      state.image.remove(entry, summary: "remove \(path)", time: state.time.wall)
    }
  }

  func removeDirectory(_ path: String) throws(IOError) {
    try disk.perform(Call(.removeDirectory, path)) { (state, _) throws(Refusal) in
      let entry = try state.image.parent(of: path)
      guard let inode = state.image.inode(entry) else { throw .notFound }
      guard let directory = state.image.directories[inode] else { throw .notDirectory }
      guard directory.written.isEmpty else { throw .notEmpty }
      state.image.remove(entry, summary: "removeDirectory \(path)", time: state.time.wall)
    }
  }

  func synchronizeDirectory(_ directory: String) throws(IOError) {
    try disk.perform(Call(.synchronizeDirectory, directory)) { (state, fault) throws(Refusal) in
      let inode = try state.image.directory(at: directory)
      if fault != .ignoredSync { state.image.synchronizeDirectory(inode) }
    }
  }

  func lock(_ path: String, _ mode: LockMode, holder: String) throws(IOError) -> any FileLock {
    try disk.perform(Call(.lock, path)) { (state, _) throws(Refusal) -> SimulatedLock in
      if let limit = self.disk.options.openFileLimit, state.openHandleCount >= limit {
        throw .tooManyOpenFiles
      }
      let inode = try state.openInode(path, .create)
      let holders = state.locks[inode] ?? DiskState.Holders()
      guard holders.exclusive == 0, mode == .shared || holders.shared == 0 else {
        let owner = state.image.files[inode]!.written.bytes
        throw Refusal(code: .locked, systemCode: 11, words: String(decoding: owner, as: UTF8.self))
      }
      if mode == .exclusive {
        let text = Array(holder.utf8)
        guard state.fittingLength(inode, 0..<text.count, self.disk.options) == text.count else {
          throw .noSpace
        }
        state.image.change(inode) { $0.replaceDurably(text) }
        state.reload(inode)
      }
      state.image.retain(inode)
      if mode == .exclusive {
        state.locks[inode, default: DiskState.Holders()].exclusive += 1
      } else {
        state.locks[inode, default: DiskState.Holders()].shared += 1
      }
      return SimulatedLock(self.disk, path, inode, mode)
    }
  }

  var openFileLimit: Int? { disk.options.openFileLimit }

  func freeSpace(_ path: String) throws(IOError) -> Int64 {
    try disk.perform(Call(.freeSpace, path)) { (state, _) throws(Refusal) -> Int64 in
      guard try state.image.lookUp(path) != nil else { throw .notFound }
      guard self.disk.options.capacity != nil else { return 1 << 50 }
      return Int64(state.freePages(self.disk.options)) * Int64(Page.size)
    }
  }
}

/// A lock on a simulated file.
final class SimulatedLock: FileLock {
  private let disk: SimulatedDisk
  private let path: String
  private let inode: Int
  private let mode: LockMode
  private let isHeld = Atomic(true)

  init(_ disk: SimulatedDisk, _ path: String, _ inode: Int, _ mode: LockMode) {
    self.disk = disk
    self.path = path
    self.inode = inode
    self.mode = mode
  }

  deinit {
    release()
  }

  func release() {
    guard isHeld.exchange(false, ordering: .sequentiallyConsistent) else { return }
    disk.performQuietly(Call(.unlock, path)) { _, _ in }
    disk.state.withLock { state in
      if mode == .exclusive {
        state.locks[inode]!.exclusive -= 1
      } else {
        state.locks[inode]!.shared -= 1
      }
      state.image.release(inode)
    }
  }
}

extension DiskState {
  var openLockCount: Int { locks.values.reduce(0) { $0 + $1.exclusive + $1.shared } }

  /// What counts against the limit of descriptors.
  var openHandleCount: Int { openFileCount + openLockCount }

  mutating func openInode(_ path: String, _ mode: OpenMode) throws(Refusal) -> Int {
    if let inode = try image.lookUp(path) {
      if mode == .createNew { throw .exists }
      guard image.files[inode] != nil else { throw .isDirectory }
      return inode
    }
    guard mode == .create || mode == .createNew else { throw .notFound }
    guard !path.hasSuffix("/") else { throw .isDirectory }
    return image.createFile(try image.parent(of: path), path: path, time: time.wall)
  }

  func metadata(_ inode: Int) -> FileMetadata {
    guard let file = image.files[inode] else {
      return FileMetadata(
        kind: .directory, size: 4096, allocatedSize: 0, linkCount: 1,
        modificationTime: image.directories[inode]!.modificationTime, identity: UInt64(inode))
    }
    return FileMetadata(
      kind: .file, size: Int64(file.written.size), allocatedSize: Int64(file.allocatedPages * Page.size),
      linkCount: file.links, modificationTime: file.modificationTime, identity: UInt64(inode))
  }
}
