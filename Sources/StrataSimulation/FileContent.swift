/// How a failed `synchronize()` leaves a file.
///
/// On every file system the dirty pages are clean afterwards, so that a second attempt succeeds without
/// writing them: a program that retries believes a lie. What differs is what it reads in the meantime. After
/// Rebello et al., "Can Applications Recover from fsync Failures?" (USENIX ATC 2020), and PostgreSQL's
/// "fsyncgate".
@nonexhaustive
public enum FailedSync: Hashable, Sendable, CaseIterable {
  /// The pages stay readable with their new bytes, clean, until the cache evicts them
  /// (`SimulatedDisk.evictCleanPages()`); the disk keeps the old bytes. The new size becomes durable.
  case ext4
  /// The pages are dropped from the cache, so that reads give the old bytes at once, and zeros where there
  /// were none. The new size becomes durable.
  case xfs
  /// The file goes back to what is on the disk, its size included.
  case btrfs
}

/// The two images of a file, and what lies between them.
struct FileContent: Sendable {
  /// Older versions of a page that are remembered besides its durable and its newest one.
  static let keptVersions = 3
  /// Sizes that are remembered besides the durable one.
  static let keptSizes = 8

  /// What every read of the first life sees.
  private(set) var written: FileImage
  /// What is certain to survive.
  private(set) var durable: FileImage
  /// The pages that differ from the durable image or may: for each the versions that it had since it was last
  /// durable, oldest first, without the newest, which is in `written`. Any of them may have reached the disk.
  private(set) var dirty: [Int: [Page?]] = [:]
  /// The sizes since the size was last durable, oldest first, the present one included.
  private(set) var sizes: [Int] = []
  /// Pages whose synchronisation failed on ext4: clean, yet other than the disk's.
  private var forsaken: Set<Int> = []
  /// The pages that occupy the disk, reserved ones included.
  private(set) var allocated = RangeSet<Int>()
  private var durablyAllocated = RangeSet<Int>()

  /// Names that the file has now.
  var links = 0
  /// Open files, mappings and locks that use it.
  var opens = 0
  var modificationTime: Int64

  init(modificationTime: Int64) {
    written = FileImage()
    durable = FileImage()
    self.modificationTime = modificationTime
  }

  /// A file that is whole on the disk.
  init(
    durable image: FileImage, reserved: RangeSet<Int> = RangeSet(), links: Int, modificationTime: Int64
  ) {
    written = image
    durable = image
    allocated = reserved
    for index in image.pages.indices where image.pages[index] != nil {
      allocated.insert(contentsOf: index..<index + 1)
    }
    durablyAllocated = allocated
    self.links = links
    self.modificationTime = modificationTime
  }

  var isDirty: Bool { !dirty.isEmpty || !sizes.isEmpty }

  /// What of the reserved pages is certain to survive.
  var survivingReservation: RangeSet<Int> { durablyAllocated }

  var allocatedPages: Int {
    allocated.ranges.reduce(0) { $0 + $1.count }
  }

  /// Pages of `range` that would have to be allocated.
  func missingPages(_ range: Range<Int>) -> Int {
    var missing = 0
    for index in FileImage.pageRange(range) where !allocated.contains(index) { missing += 1 }
    return missing
  }

  // MARK: Changes to the written image

  mutating func write(_ bytes: Span<UInt8>, at position: Int) {
    guard !bytes.isEmpty else { return }
    let pages = FileImage.pageRange(position..<position + bytes.count)
    for index in pages { willChange(index) }
    allocated.insert(contentsOf: pages)
    let size = written.size
    written.write(bytes, at: position)
    if written.size != size { noteSize() }
  }

  mutating func resize(to size: Int) {
    // Blocks that were reserved behind the end go, also where the size stays.
    if size <= written.size { allocated.remove(contentsOf: FileImage.pageCount(size)..<Int.max) }
    guard size != written.size else { return }
    if size < written.size {
      let kept = FileImage.pageCount(size)
      // The page that is cut through is zeroed behind the cut, the ones behind it become holes.
      for index in size / Page.size..<max(size / Page.size, written.pages.count)
      where written.pages[index] != nil && index * Page.size + Page.size > size {
        willChange(index)
      }
      forsaken = forsaken.filter { $0 < kept }
    }
    written.resize(to: size)
    noteSize()
  }

  mutating func reserve(_ range: Range<Int>) {
    allocated.insert(contentsOf: FileImage.pageRange(range))
  }

  private mutating func willChange(_ index: Int) {
    guard dirty[index] != nil else {
      dirty[index] = []
      forsaken.remove(index)
      return
    }
    dirty[index]!.append(written.page(index))
    if dirty[index]!.count > Self.keptVersions { dirty[index]!.removeFirst() }
  }

  private mutating func noteSize() {
    sizes.append(written.size)
    if sizes.count > Self.keptSizes { sizes.removeFirst() }
  }

  // MARK: Towards the disk

  /// `fdatasync`.
  mutating func synchronize() {
    durable.resize(to: written.size)
    for index in dirty.keys { durable.setPage(index, written.page(index)) }
    dirty = [:]
    sizes = []
    durablyAllocated = allocated
  }

  /// `msync`: the pages of `range`, and the size.
  mutating func synchronize(_ range: Range<Int>) {
    durable.resize(to: written.size)
    sizes = []
    let pages = FileImage.pageRange(range)
    let pageCount = FileImage.pageCount(written.size)
    for index in dirty.keys where pages.contains(index) || index >= pageCount {
      durable.setPage(index, written.page(index))
      dirty[index] = nil
    }
    durablyAllocated = allocated
  }

  mutating func failToSynchronize(_ variant: FailedSync) {
    switch variant {
    case .ext4:
      forsaken.formUnion(dirty.keys)
      durable.resize(to: written.size)
    case .xfs:
      durable.resize(to: written.size)
      for index in dirty.keys { written.setPage(index, durable.page(index)) }
    case .btrfs:
      written = durable
    }
    dirty = [:]
    sizes = []
  }

  /// Reads the clean pages from the disk again, as a cache under pressure does.
  mutating func evict() {
    for index in forsaken { written.setPage(index, durable.page(index)) }
    forsaken = []
  }

  /// Puts other bytes in place of all, durable at once.
  mutating func replaceDurably(_ bytes: [UInt8]) {
    resize(to: 0)
    write(bytes.span, at: 0)
    synchronize()
  }

  /// Changes both images behind everybody's back, as rot and misdirected writes do.
  mutating func damage(at position: Int, _ bytes: Span<UInt8>) {
    let inside = min(bytes.count, max(0, durable.size - position))
    if inside > 0 { durable.write(bytes.extracting(first: inside), at: position) }
    let visible = min(bytes.count, max(0, written.size - position))
    if visible > 0 { written.write(bytes.extracting(first: visible), at: position) }
  }
}
