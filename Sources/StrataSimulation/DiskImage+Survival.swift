/// What becomes of the names, and of the disk as a whole, when the power goes.
extension DiskImage {
  /// What stays of it, in this choice of pending names and with these files, when the power goes.
  func surviving(_ survives: [Bool], _ image: (Int, FileContent) -> FileImage) -> DiskImage {
    let names = reachable(survivingNames(survives))
    var links: [Int: Int] = [:]
    for inode in names.values.flatMap(\.values) { links[inode, default: 0] += 1 }
    var kept: [Int: FileContent] = [:]
    for (inode, count) in links {
      guard let file = files[inode] else { continue }
      kept[inode] = FileContent(
        durable: image(inode, file), reserved: file.survivingReservation, links: count,
        modificationTime: file.modificationTime)
    }
    return DiskImage(
      names: names, files: kept, directoryTimes: directories.mapValues(\.modificationTime),
      nextInode: nextInode)
  }

  /// The names of every directory after a crash that `survives`, one for each pending operation, describes.
  func survivingNames(_ survives: [Bool]) -> [Int: [String: Int]] {
    var names = directories.mapValues(\.durable)
    for (operation, survives) in zip(pending, survives) where survives {
      operation.apply({ names[$0.directory]?[$0.name] }, { names[$0.directory]?[$0.name] = $1 })
    }
    return names
  }

  /// The files that a name leads to after such a crash.
  func reachableFiles(_ survives: [Bool]) -> Set<Int> {
    Set(reachable(survivingNames(survives)).values.joined().map(\.value))
  }

  private func reachable(_ names: [Int: [String: Int]]) -> [Int: [String: Int]] {
    var found: [Int: [String: Int]] = [:]
    var open = [Self.root]
    while let inode = open.popLast() {
      guard let entries = names[inode], found[inode] == nil else { continue }
      found[inode] = entries
      open.append(contentsOf: entries.values)
    }
    return found
  }

  /// The distinct outcomes of a crash for the pending names: which operations survive.
  func nameOutcomes(_ order: SurvivalModel.NameOrder) -> [[Bool]] {
    let needed = earlierOperations(order)
    var seen: Set<[NameOperation.Entry: Int]> = []
    var outcomes: [[Bool]] = []
    for mask in 0..<1 << pending.count {
      let survives = pending.indices.map { mask & (1 << $0) != 0 }
      guard pending.indices.allSatisfy({ !survives[$0] || mask & needed[$0] == needed[$0] }) else { continue }
      // Only the names that change tell one outcome from another.
      var names: [NameOperation.Entry: Int] = [:]
      for operation in pending {
        for entry in operation.entries {
          names[entry] = directories[entry.directory]?.durable[entry.name]
        }
      }
      for index in pending.indices where survives[index] {
        pending[index].apply({ names[$0] }, { names[$0] = $1 })
      }
      if seen.insert(names).inserted { outcomes.append(survives) }
    }
    return outcomes
  }

  func drawNames(
    _ mood: Mood, _ order: SurvivalModel.NameOrder, _ random: inout SplitMix64
  ) -> [Bool] {
    var survives = pending.map { _ in mood.survives(.name, &random) }
    guard order == .perName else { return survives }
    for index in pending.indices where survives[index] {
      survives[index] = (0..<index).allSatisfy { survives[$0] || !pending[index].follows(pending[$0]) }
    }
    return survives
  }

  /// For each pending operation the bits of those that it cannot survive without.
  private func earlierOperations(_ order: SurvivalModel.NameOrder) -> [Int] {
    pending.indices.map { index in
      guard order == .perName else { return 0 }
      return (0..<index).reduce(0) { pending[index].follows(pending[$1]) ? $0 | 1 << $1 : $0 }
    }
  }

  /// A path for every file, as far as a name leads to it.
  func pathsByInode() -> [Int: String] {
    var paths: [Int: String] = [:]
    for durable in [true, false] {
      func visit(_ inode: Int, _ prefix: String) {
        guard let directory = directories[inode] else { return }
        let entries = durable ? directory.durable : directory.written
        for (name, child) in entries.sorted(by: { $0.key < $1.key }) {
          paths[child] = prefix + name
          visit(child, prefix + name + "/")
        }
      }
      visit(Self.root, "")
    }
    return paths
  }
}
