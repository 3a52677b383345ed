internal import StrataIO
internal import StrataLock
internal import Synchronization

/// What a test looks at and what it breaks by hand. None of these is a call: nothing is counted, nothing
/// fails.
extension SimulatedDisk {
  /// Which of the two images of a disk.
  @nonexhaustive
  public enum Image: Hashable, Sendable {
    /// What the running program sees.
    case written
    /// What certainly survives.
    case durable
  }

  // MARK: Looking

  /// Every call so far, in order.
  public var calls: [Call] { state.withLock { $0.calls } }

  /// How many calls there were.
  public var callCount: Int { state.withLock { $0.callCount } }

  /// Files that are open.
  public var openFileCount: Int { state.withLock { $0.openFileCount } }

  /// Mappings that are alive.
  public var openMappingCount: Int { state.withLock { $0.openMappingCount } }

  /// Locks that are held.
  public var openLockCount: Int { state.withLock { $0.openLockCount } }

  /// Bytes that the files occupy, reserved ones included.
  public var usedSpace: Int64 { state.withLock { Int64($0.image.usedPages * Page.size) } }

  /// The bytes of the file at `path`; nil where there is none.
  ///
  /// The durable image of a file is what is on the disk under that name; without a durable name there is
  /// none.
  public func contents(of path: String, _ image: Image = .written) -> [UInt8]? {
    state.withLock { state in
      guard let inode = state.image.find(path, durable: image == .durable) else { return nil }
      let file = state.image.files[inode]
      return image == .durable ? file?.durable.bytes : file?.written.bytes
    }
  }

  /// The paths of all files and directories, sorted; those of directories end in a slash.
  public func listing(_ image: Image = .written) -> [String] {
    state.withLock { $0.image.paths(durable: image == .durable) }
  }

  // MARK: Fixtures

  /// Puts a file there, durable at once, with the directories that it needs.
  public func install(_ path: String, _ bytes: [UInt8]) {
    let parts = DiskImage.components(path)
    precondition(!parts.isEmpty, "a file needs a name")
    state.withLock { state in
      let time = state.time.wall
      var entry = NameOperation.Entry(directory: DiskImage.root, name: parts[0])
      for part in parts.dropFirst() {
        let directory = state.image.inode(entry)
        if directory == nil { state.image.installDirectory(entry, time: time) }
        entry = NameOperation.Entry(directory: state.image.inode(entry)!, name: part)
      }
      precondition(
        state.image.directories[entry.directory] != nil, "a file is where \(path) needs a directory")
      state.image.install(FileImage(bytes), entry, time: time)
      state.reload(state.image.inode(entry)!)
    }
  }

  // MARK: Damage

  /// Flips a bit of a file, on the disk and for every reader.
  public func flipBit(_ bit: Int, ofByte position: Int64, in path: String) {
    guard let byte = contents(of: path)?[Int(position)] else {
      preconditionFailure("there is no byte \(position) in \(path)")
    }
    overwrite(path, at: position, with: [byte ^ 1 << UInt8(bit)])
  }

  /// Replaces bytes of a file, on the disk and for every reader, as rot or another file's misdirected write
  /// does. The size stays.
  public func overwrite(_ path: String, at position: Int64, with bytes: [UInt8]) {
    state.withLock { state in
      guard let inode = state.image.find(path, durable: false), state.image.files[inode] != nil else {
        preconditionFailure("there is no file \(path)")
      }
      state.image.change(inode) { $0.damage(at: Int(position), bytes.span) }
      state.reload(inode)
    }
  }

  /// Makes every file read its clean pages from the disk again, as the page cache under pressure may do at
  /// any time. Shows what a failed synchronisation on ext4 has lost.
  public func evictCleanPages() {
    state.withLock { state in
      state.image.evict()
      for inode in state.mappings.keys { state.reload(inode) }
    }
  }
}

extension DiskImage {
  /// What has this path in one of the images.
  func find(_ path: String, durable: Bool) -> Int? {
    var inode = Self.root
    for part in Self.components(path) {
      guard let directory = directories[inode],
        let next = durable ? directory.durable[part] : directory.written[part]
      else { return nil }
      inode = next
    }
    return inode
  }
}
