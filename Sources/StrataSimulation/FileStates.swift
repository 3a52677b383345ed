/// The states in which one dirty file may be found after a crash, counted out.
///
/// The size is decided first, since it decides which pages matter at all.
struct FileStates: Sendable {
  let inode: Int
  let path: String
  /// nil: too many to be counted out.
  let count: Int?
  let units: [DirtyUnit]
  /// The dirty pages, in order.
  private let pages: [Int]
  /// For each size that may survive: the pages with more than one outcome, and the number of states before
  /// it.
  private let sizes: [(size: Int, pages: [(page: Int, choices: [PageChoice])], start: Int)]

  /// Files with more dirty pages than this are not counted out.
  static let maximumPages = 40

  init(_ inode: Int, _ file: FileContent, _ path: String, _ model: SurvivalModel) {
    self.inode = inode
    self.path = path
    pages = file.dirty.keys.sorted()
    let sizeChoices = file.survivingSizes(model)
    let sizeUnits = sizeChoices.count > 1 ? [DirtyUnit(kind: .size, path: path)] : []
    guard pages.count <= Self.maximumPages else {
      units = sizeUnits + pages.map { DirtyUnit(kind: .page(position: Int64($0 * Page.size)), path: path) }
      (sizes, count) = ([], nil)
      return
    }
    var sizes: [(size: Int, pages: [(page: Int, choices: [PageChoice])], start: Int)] = []
    var total: Int? = 0
    var undecided: Set<Int> = []
    for size in sizeChoices {
      var choices: [(page: Int, choices: [PageChoice])] = []
      for page in pages where page * Page.size < size {
        let found = file.survivingChoices(page, size: size, model)
        if found.count > 1 { choices.append((page, found)) }
      }
      undecided.formUnion(choices.map(\.page))
      sizes.append((size, choices, total ?? 0))
      let states = choices.reduce(1) { product($0, $1.choices.count) }
      total = total.flatMap { sum in states.flatMap { sum.checkedSum($0) } }
    }
    units =
      sizeUnits
      + undecided.sorted().map { DirtyUnit(kind: .page(position: Int64($0 * Page.size)), path: path) }
    (self.sizes, count) = (sizes, total)
  }

  func choice(_ index: Int) -> FileChoice {
    let (size, pages, start) = sizes[sizes.lastIndex { $0.start <= index }!]
    var rest = index - start
    var chosen: [(page: Int, choice: PageChoice)] = []
    for (page, choices) in pages {
      chosen.append((page, choices[rest % choices.count]))
      rest /= choices.count
    }
    return FileChoice(inode: inode, path: path, size: size, pages: chosen)
  }

  func draw(_ mood: Mood, _ file: FileContent, _ random: inout SplitMix64) -> FileChoice {
    var size = file.durable.size
    if mood.survives(.size, &random) {
      size = file.written.size
      if mood == .mixed, random.chance(1, in: 2) {
        let choices = file.survivingSizes(SurvivalModel())
        size = choices[random.below(choices.count)]
      }
    }
    var chosen: [(page: Int, choice: PageChoice)] = []
    for page in pages {
      let newest = file.newest(page)
      guard mood.survives(.page(position: 0), &random) else { continue }
      var choice = PageChoice.version(newest)
      if mood != .everything, mood != .bytesOnly, random.chance(1, in: 3) {
        let version = random.below(newest + 1)
        switch random.below(3) {
        case 0: choice = .version(version)
        case 1: choice = .torn(version, UInt8(truncatingIfNeeded: (1 << random.below(8)) - 1))
        default: choice = .torn(version, UInt8(truncatingIfNeeded: random.next()))
        }
      }
      chosen.append((page, choice))
    }
    return FileChoice(inode: inode, path: path, size: size, pages: chosen)
  }
}
