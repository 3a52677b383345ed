/// What a crash may make of the part of a disk that is not durable, as far as `SurvivingStates` counts it
/// out.
///
/// States drawn by seed always use everything: torn sectors, versions and sizes in between.
public struct SurvivalModel: Hashable, Sendable {
  /// In which pieces a dirty page reaches the disk.
  @nonexhaustive
  public enum Tearing: Hashable, Sendable {
    /// As a whole or not at all.
    case pages
    /// Also only the first of its changed sectors of 512 bytes.
    case sectorPrefixes
    /// Any subset of its changed sectors.
    case sectors
  }

  /// Which of the unsynchronised changes of names go together.
  @nonexhaustive
  public enum NameOrder: Hashable, Sendable {
    /// A change comes only with the earlier changes of the same names; otherwise in any order, as on a
    /// journalling file system with a hostile journal.
    case perName
    /// Any subset, carried out in order, so that a later rename may clobber what an earlier one should have
    /// moved away.
    case any
  }

  public var tearing: Tearing
  public var nameOrder: NameOrder
  /// Whether a page may also survive as it was between two unsynchronised writes (of the last four versions),
  /// and a size as it was in between (of the last eight), or at a page boundary in between.
  public var intermediateVersions: Bool

  public init(
    tearing: Tearing = .pages, nameOrder: NameOrder = .perName, intermediateVersions: Bool = true
  ) {
    self.tearing = tearing
    self.nameOrder = nameOrder
    self.intermediateVersions = intermediateVersions
  }
}

/// Something that was not durable when the power went: what of it survives is decided apart from all else.
public struct DirtyUnit: Hashable, Sendable, CustomStringConvertible {
  @nonexhaustive
  public enum Kind: Hashable, Sendable {
    /// The bytes of one page, from `position` on.
    case page(position: Int64)
    /// The size of a file.
    case size
    /// A creation, rename, link or removal.
    case name
  }

  public var kind: Kind
  /// The file's path; for names what was done.
  public var path: String

  public var description: String {
    switch kind {
    case .page(let position): "page \(position) of \(path)"
    case .size: "size of \(path)"
    case .name: path
    }
  }
}

/// Which version of a dirty page survives.
enum PageChoice: Hashable, Sendable {
  case durable
  /// The `index`-th version since the durable one, complete.
  case version(Int)
  /// Of that version the sectors whose bits are set; the others as on the disk.
  case torn(Int, UInt8)
}

extension FileContent {
  /// The newest version of a dirty page; older ones count from 0.
  func newest(_ page: Int) -> Int { dirty[page]?.count ?? 0 }

  func version(_ version: Int, of page: Int) -> Page? {
    let older = dirty[page] ?? []
    return version < older.count ? older[version] : written.page(page)
  }

  /// The page's bytes after a crash.
  func content(_ choice: PageChoice, of page: Int) -> Page? {
    switch choice {
    case .durable: return durable.page(page)
    case .version(let version): return self.version(version, of: page)
    case .torn(let version, let mask):
      let new = self.version(version, of: page) ?? .zeros
      var torn = durable.page(page) ?? .zeros
      for sector in 0..<Page.sectorCount where mask & (1 << UInt8(sector)) != 0 {
        let start = sector * Page.sectorSize
        torn.replace(at: start, with: new.span, start..<start + Page.sectorSize)
      }
      return torn
    }
  }

  /// The file after a crash.
  func surviving(size: Int, pages: [(page: Int, choice: PageChoice)]) -> FileImage {
    var image = durable
    image.resize(to: size)
    for (page, choice) in pages where choice != .durable {
      image.setPage(page, content(choice, of: page))
    }
    return image
  }

  /// The sizes that may survive, the durable one first.
  func survivingSizes(_ model: SurvivalModel) -> [Int] {
    var found = [durable.size]
    func add(_ size: Int) { if !found.contains(size) { found.append(size) } }
    guard !sizes.isEmpty else { return found }
    if model.intermediateVersions {
      let growth =
        FileImage.pageCount(
          durable.size)..<max(
          FileImage.pageCount(durable.size), FileImage.pageCount(written.size))
      // A large file is not cut at every page: nobody could enumerate that anyway.
      for page in growth.prefix(16) where page * Page.size > durable.size { add(page * Page.size) }
      for size in sizes { add(size) }
    }
    add(written.size)
    return found
  }

  /// What of a dirty page may survive in a file of `size` bytes, without repetitions, the durable one first.
  func survivingChoices(_ page: Int, size: Int, _ model: SurvivalModel) -> [PageChoice] {
    let visible = 0..<min(Page.size, size - page * Page.size)
    var choices = [PageChoice.durable]
    var contents = [durable.page(page)]
    func add(_ choice: PageChoice) {
      let content = content(choice, of: page)
      let isKnown = contents.contains { known in
        if known == nil && content == nil { return true }
        return (known ?? .zeros).matches(content ?? .zeros, in: visible)
      }
      guard !isKnown else { return }
      choices.append(choice)
      contents.append(content)
    }
    let newest = newest(page)
    for version in (model.intermediateVersions ? 0 : newest)...newest {
      add(.version(version))
      for mask in masks(page, version, model.tearing) { add(.torn(version, mask)) }
    }
    return choices
  }

  /// The ways to tear a version of a page: sets of the sectors in which it differs from the disk's.
  private func masks(_ page: Int, _ version: Int, _ tearing: SurvivalModel.Tearing) -> [UInt8] {
    guard tearing != .pages else { return [] }
    let old = durable.page(page) ?? .zeros
    let new = self.version(version, of: page) ?? .zeros
    let changed = (0..<Page.sectorCount).filter {
      !old.matches(new, in: $0 * Page.sectorSize..<($0 + 1) * Page.sectorSize)
    }
    guard changed.count > 1 else { return [] }
    if tearing == .sectorPrefixes {
      return (1..<changed.count).map { count in
        changed.prefix(count).reduce(0) { $0 | 1 << UInt8($1) }
      }
    }
    return (1..<(1 << changed.count) - 1).map { subset in
      changed.indices.reduce(0) { subset & (1 << $1) != 0 ? $0 | 1 << UInt8(changed[$1]) : $0 }
    }
  }
}
