/// A change to the names of a directory that is written and not yet durable. It survives as a whole or not at
/// all; so a rename leaves the old name or the new one, never neither.
struct NameOperation: Sendable {
  enum Change: Sendable {
    case add(directory: Int, name: String, inode: Int)
    case remove(directory: Int, name: String, inode: Int)
    case move(directory: Int, name: String, toDirectory: Int, toName: String, inode: Int)
  }

  /// A name in a directory.
  struct Entry: Hashable, Sendable {
    var directory: Int
    var name: String
  }

  var change: Change
  /// For messages: "create a/b".
  var summary: String
  /// The directory that vanishes with this change; what happened in it before comes before.
  var removedDirectory: Int?

  /// The names that change.
  var entries: [Entry] {
    switch change {
    case .add(let directory, let name, _), .remove(let directory, let name, _):
      [Entry(directory: directory, name: name)]
    case .move(let directory, let name, let toDirectory, let toName, _):
      [Entry(directory: directory, name: name), Entry(directory: toDirectory, name: toName)]
    }
  }

  var inode: Int {
    switch change {
    case .add(_, _, let inode), .remove(_, _, let inode), .move(_, _, _, _, let inode): inode
    }
  }

  /// Whether it touches a name that `earlier` touched.
  func follows(_ earlier: NameOperation) -> Bool {
    let names = earlier.entries
    if let removedDirectory, names.contains(where: { $0.directory == removedDirectory }) { return true }
    return entries.contains { names.contains($0) }
  }

  /// Carries it out on names that may have missed earlier changes.
  func apply(_ current: (Entry) -> Int?, _ set: (Entry, Int?) -> Void) {
    switch change {
    case .add(let directory, let name, let inode):
      set(Entry(directory: directory, name: name), inode)
    case .remove(let directory, let name, let inode):
      let entry = Entry(directory: directory, name: name)
      if current(entry) == inode { set(entry, nil) }
    case .move(let directory, let name, let toDirectory, let toName, let inode):
      let source = Entry(directory: directory, name: name)
      if current(source) == inode { set(source, nil) }
      set(Entry(directory: toDirectory, name: toName), inode)
    }
  }
}
