internal import StrataIO

/// Why the simulated file system refuses a call; it becomes an `IOError` with the call's name and path.
struct Refusal: Error {
  var code: IOError.Code
  var systemCode: Int32
  var words: String

  static let notFound = Refusal(code: .notFound, systemCode: 2, words: "No such file or directory")
  static let exists = Refusal(code: .alreadyExists, systemCode: 17, words: "File exists")
  static let notEmpty = Refusal(code: .alreadyExists, systemCode: 39, words: "Directory not empty")
  static let notDirectory = Refusal(code: .notDirectory, systemCode: 20, words: "Not a directory")
  static let isDirectory = Refusal(code: .isDirectory, systemCode: 21, words: "Is a directory")
  static let invalid = Refusal(code: .unsupported, systemCode: 22, words: "Invalid argument")
  static let readOnlyFile = Refusal(code: .other, systemCode: 9, words: "Bad file descriptor")
  static let noSpace = Refusal(code: .noSpace, systemCode: 28, words: "No space left on device")
  static let tooManyOpenFiles = Refusal(
    code: .tooManyOpenFiles, systemCode: 24, words: "Too many open files")
}

/// Everything on a simulated disk, written and durable: a value, so that a copy is a fork. Copies share all
/// pages and tables until they change.
struct DiskImage: Sendable {
  struct Directory: Sendable {
    var written: [String: Int] = [:]
    var durable: [String: Int] = [:]
    var modificationTime: Int64
  }

  static let root = 1

  private(set) var files: [Int: FileContent] = [:]
  private(set) var directories: [Int: Directory]
  /// Changes of names since the durable ones, in the order in which they were made.
  private(set) var pending: [NameOperation] = []
  /// Grows with every change, so that an unchanged image is recognised.
  private(set) var version: UInt64 = 0
  /// Pages that are in use.
  private(set) var usedPages = 0
  private(set) var nextInode = 2

  init(time: Int64) {
    directories = [Self.root: Directory(modificationTime: time)]
  }

  // MARK: Paths

  /// The parts of a path. Relative paths start at the root, as if that were the working directory.
  static func components(_ path: String) -> [String] {
    var parts: [String] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
    }
    return parts
  }

  /// What lies at `path`; nil where nothing does.
  func lookUp(_ path: String) throws(Refusal) -> Int? {
    var inode: Int? = Self.root
    for part in Self.components(path) {
      guard let parent = inode else { return nil }
      guard let directory = directories[parent] else { throw .notDirectory }
      inode = directory.written[part]
    }
    return inode
  }

  /// The directory that holds the last part of `path`, and that part.
  func parent(of path: String) throws(Refusal) -> NameOperation.Entry {
    var parts = Self.components(path)
    guard let name = parts.popLast() else { throw .invalid }
    var inode = Self.root
    for part in parts {
      guard let directory = directories[inode] else { throw .notDirectory }
      guard let next = directory.written[part] else { throw .notFound }
      inode = next
    }
    guard directories[inode] != nil else { throw .notDirectory }
    return NameOperation.Entry(directory: inode, name: name)
  }

  func directory(at path: String) throws(Refusal) -> Int {
    guard let inode = try lookUp(path) else { throw .notFound }
    guard directories[inode] != nil else { throw .notDirectory }
    return inode
  }

  func inode(_ entry: NameOperation.Entry) -> Int? {
    directories[entry.directory]?.written[entry.name]
  }

  // MARK: Files

  /// Changes a file in place, and keeps count of the pages in use.
  mutating func change<Result>(_ inode: Int, _ body: (inout FileContent) -> Result) -> Result {
    version += 1
    let before = files[inode]!.allocatedPages
    let result = body(&files[inode]!)
    usedPages += files[inode]!.allocatedPages - before
    return result
  }

  mutating func createFile(_ entry: NameOperation.Entry, path: String, time: Int64) -> Int {
    let inode = newInode()
    files[inode] = FileContent(modificationTime: time)
    files[inode]!.links = 1
    carryOut(
      NameOperation(
        change: .add(directory: entry.directory, name: entry.name, inode: inode), summary: "create \(path)"),
      time: time)
    return inode
  }

  mutating func createDirectory(_ entry: NameOperation.Entry, path: String, time: Int64) {
    let inode = newInode()
    directories[inode] = Directory(modificationTime: time)
    carryOut(
      NameOperation(
        change: .add(directory: entry.directory, name: entry.name, inode: inode),
        summary: "createDirectory \(path)"),
      time: time)
  }

  /// One more open file, mapping or lock.
  mutating func retain(_ inode: Int) {
    files[inode]!.opens += 1
  }

  /// One less. A file without a name goes with its last user.
  mutating func release(_ inode: Int) {
    files[inode]!.opens -= 1
    freeIfUnused(inode)
  }

  mutating func link(_ inode: Int, _ entry: NameOperation.Entry, summary: String, time: Int64) {
    files[inode]!.links += 1
    carryOut(
      NameOperation(
        change: .add(directory: entry.directory, name: entry.name, inode: inode), summary: summary),
      time: time)
  }

  mutating func remove(_ entry: NameOperation.Entry, summary: String, time: Int64) {
    let inode = self.inode(entry)!
    var operation = NameOperation(
      change: .remove(directory: entry.directory, name: entry.name, inode: inode), summary: summary)
    if directories[inode] != nil { operation.removedDirectory = inode }
    carryOut(operation, time: time)
    unlink(inode)
  }

  mutating func rename(
    _ source: NameOperation.Entry, to destination: NameOperation.Entry, summary: String, time: Int64
  ) {
    let inode = self.inode(source)!
    let replaced = self.inode(destination)
    var operation = NameOperation(
      change: .move(
        directory: source.directory, name: source.name, toDirectory: destination.directory,
        toName: destination.name, inode: inode), summary: summary)
    if let replaced, directories[replaced] != nil { operation.removedDirectory = replaced }
    carryOut(operation, time: time)
    if let replaced { unlink(replaced) }
  }

  /// Whether the directory `inode` is `ancestor` or lies in it.
  func contains(_ inode: Int, in ancestor: Int) -> Bool {
    if inode == ancestor { return true }
    guard let directory = directories[ancestor] else { return false }
    return directory.written.values.contains { directories[$0] != nil && contains(inode, in: $0) }
  }

  private mutating func newInode() -> Int {
    defer { nextInode += 1 }
    return nextInode
  }

  private mutating func carryOut(_ operation: NameOperation, time: Int64) {
    version += 1
    pending.append(operation)
    var directories = self.directories
    self.directories = [:]
    operation.apply(
      { directories[$0.directory]?.written[$0.name] },
      {
        directories[$0.directory]!.written[$0.name] = $1
        directories[$0.directory]!.modificationTime = time
      })
    self.directories = directories
  }

  private mutating func unlink(_ inode: Int) {
    guard files[inode] != nil else { return }
    files[inode]!.links -= 1
    freeIfUnused(inode)
  }

  /// Gives the blocks back. The bytes stay in memory, since the name may come back with a crash.
  private mutating func freeIfUnused(_ inode: Int) {
    guard let file = files[inode], file.links == 0, file.opens == 0 else { return }
    usedPages -= file.allocatedPages
  }

  // MARK: Towards the disk

  /// Makes the names of one directory durable, with everything that comes before in them.
  mutating func synchronizeDirectory(_ directory: Int) {
    version += 1
    guard !pending.isEmpty else { return }
    var chosen = pending.map { $0.entries.contains { $0.directory == directory } }
    for index in pending.indices.reversed() where chosen[index] {
      for earlier in 0..<index where pending[index].follows(pending[earlier]) { chosen[earlier] = true }
    }
    var directories = self.directories
    self.directories = [:]
    var removes = false
    for index in pending.indices where chosen[index] {
      pending[index].apply(
        { directories[$0.directory]?.durable[$0.name] },
        { entry, inode in
          if directories[entry.directory]?.durable[entry.name] != nil { removes = true }
          directories[entry.directory]?.durable[entry.name] = inode
        })
    }
    self.directories = directories
    pending = pending.indices.filter { !chosen[$0] }.map { pending[$0] }
    if removes { forgetTheLost() }
  }

  /// Drops what no name leads to any more, whatever survives.
  private mutating func forgetTheLost() {
    var known: Set<Int> = [Self.root]
    for directory in directories.values {
      known.formUnion(directory.written.values)
      known.formUnion(directory.durable.values)
    }
    for operation in pending { known.insert(operation.inode) }
    directories = directories.filter { known.contains($0.key) }
    files = files.filter { known.contains($0.key) || $0.value.opens > 0 }
  }
}

extension DiskImage {
  /// A disk on which everything is durable.
  init(
    names: [Int: [String: Int]], files: [Int: FileContent], directoryTimes: [Int: Int64], nextInode: Int
  ) {
    directories = [:]
    for (inode, entries) in names {
      directories[inode] = Directory(
        written: entries, durable: entries, modificationTime: directoryTimes[inode] ?? 0)
    }
    self.files = files
    self.nextInode = nextInode
    usedPages = files.values.reduce(0) { $0 + $1.allocatedPages }
  }

  /// The same disk as a machine sees it on which nothing is open.
  func closed() -> DiskImage {
    var copy = self
    for (inode, file) in files where file.opens > 0 {
      copy.files[inode]!.opens = 0
      copy.freeIfUnused(inode)
    }
    return copy
  }

  /// Puts a file there, durable at once.
  mutating func install(_ image: FileImage, _ entry: NameOperation.Entry, time: Int64) {
    version += 1
    let inode = self.inode(entry) ?? newInode()
    usedPages -= files[inode]?.allocatedPages ?? 0
    let before = files[inode]
    files[inode] = FileContent(durable: image, links: before?.links ?? 1, modificationTime: time)
    files[inode]!.opens = before?.opens ?? 0
    usedPages += files[inode]!.allocatedPages
    directories[entry.directory]!.written[entry.name] = inode
    directories[entry.directory]!.durable[entry.name] = inode
    pending.removeAll { $0.entries.contains(entry) }
  }

  /// Puts a directory there, durable at once.
  mutating func installDirectory(_ entry: NameOperation.Entry, time: Int64) {
    version += 1
    let inode = newInode()
    directories[inode] = Directory(modificationTime: time)
    directories[entry.directory]!.written[entry.name] = inode
    directories[entry.directory]!.durable[entry.name] = inode
  }

  /// Every path of a file or directory, as written or as durable, sorted.
  func paths(durable: Bool) -> [String] {
    var paths: [String] = []
    func visit(_ inode: Int, _ prefix: String) {
      guard let directory = directories[inode] else { return }
      for (name, child) in durable ? directory.durable : directory.written {
        paths.append(prefix + name + (directories[child] != nil ? "/" : ""))
        visit(child, prefix + name + "/")
      }
    }
    visit(Self.root, "")
    return paths.sorted()
  }

  /// Reads the clean pages of every file from the disk again.
  mutating func evict() {
    for inode in files.keys { change(inode) { $0.evict() } }
  }
}
