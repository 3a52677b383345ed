/// Every state in which a disk may be found after losing its power at one moment.
///
/// The states are distinct, and numbered from 0 (nothing but the durable survives); each is made when it is
/// asked for. `count` is nil where there are more than `Int.max` or more than sixteen names are pending: such
/// a set is sampled.
public struct SurvivingStates: Sendable {
  /// What was dirty. A page, a size or a change of a name counts as one.
  public let units: [DirtyUnit]
  /// How many states there are.
  public let count: Int?

  let image: DiskImage
  let model: SurvivalModel
  /// The distinct outcomes for the names, with the number of states before each.
  private let outcomes: [(survives: [Bool], files: [Int], start: Int)]
  private let files: [FileStates]

  /// Names beyond this are not counted out.
  static let maximumNames = 16

  init(_ image: DiskImage, _ model: SurvivalModel) {
    self.image = image
    self.model = model
    let paths = image.pathsByInode()
    var units = image.pending.map { DirtyUnit(kind: .name, path: $0.summary) }
    let dirty = image.files.filter { $0.value.isDirty }.keys.sorted()
    let files = dirty.map { FileStates($0, image.files[$0]!, paths[$0] ?? "inode \($0)", model) }
    self.files = files
    for file in files { units += file.units }
    self.units = units
    guard image.pending.count <= Self.maximumNames, files.allSatisfy({ $0.count != nil }) else {
      (outcomes, count) = ([], nil)
      return
    }
    var outcomes: [(survives: [Bool], files: [Int], start: Int)] = []
    var total: Int? = 0
    for survives in image.nameOutcomes(model.nameOrder) {
      let reachable = dirty.isEmpty ? [] : image.reachableFiles(survives)
      let present = files.indices.filter { reachable.contains(files[$0].inode) }
      outcomes.append((survives, present, total ?? 0))
      let states = present.reduce(1) { product($0, files[$1].count) }
      total = total.flatMap { sum in states.flatMap { sum.checkedSum($0) } }
      if total == nil { break }
    }
    (self.outcomes, count) = (outcomes, total)
  }

  /// The `index`-th state.
  public subscript(index: Int) -> SurvivingState {
    precondition(index >= 0 && index < count ?? 0, "there is no such surviving state")
    let outcome = outcomes[outcomes.lastIndex { $0.start <= index }!]
    var rest = index - outcome.start
    var choices: [FileChoice] = []
    for file in outcome.files {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: files[file].count!)
      choices.append(files[file].choice(remainder))
      rest = quotient
    }
    return SurvivingState(image, outcome.survives, choices, name: "state \(index)")
  }

  /// A state drawn by `seed`: often nothing or everything, otherwise any mixture, torn sectors included.
  public func sample(seed: UInt64) -> SurvivingState {
    var random = SplitMix64(seed: seed)
    let mood = Mood.draw(&random)
    let survives = image.drawNames(mood, model.nameOrder, &random)
    let choices = files.map { $0.draw(mood, image.files[$0.inode]!, &random) }
    return SurvivingState(image, survives, choices, name: "sample \(seed)")
  }
}

/// One outcome of a crash. `SimulatedDisk.restarted(into:)` boots on it.
public struct SurvivingState: Sendable, CustomStringConvertible {
  let image: DiskImage
  private let name: String
  private let lines: [String]

  init(_ image: DiskImage, _ survives: [Bool], _ choices: [FileChoice], name: String) {
    self.name = name
    let byInode = Dictionary(uniqueKeysWithValues: choices.map { ($0.inode, $0) })
    self.image = image.surviving(survives) { inode, file in
      guard let choice = byInode[inode] else { return file.durable }
      return file.surviving(size: choice.size, pages: choice.pages)
    }
    lines =
      zip(image.pending, survives).map { "  \($0.summary): \($1 ? "survives" : "lost")" }
      + choices.map(\.description)
  }

  /// What of each dirty unit survives.
  public var description: String {
    ([name + ":"] + (lines.isEmpty ? ["  nothing was dirty"] : lines)).joined(separator: "\n")
  }
}

/// How much survives, for states drawn by seed.
enum Mood: CaseIterable {
  case nothing, everything, namesOnly, bytesOnly, sizesOnly, mixed, mostlyLost, mostlyKept

  static func draw(_ random: inout SplitMix64) -> Mood {
    // Mixtures are the rule; the extremes come often enough to be met in a few draws.
    random.chance(1, in: 2) ? .mixed : allCases[random.below(allCases.count)]
  }

  func survives(_ kind: DirtyUnit.Kind, _ random: inout SplitMix64) -> Bool {
    switch (self, kind) {
    case (.nothing, _): false
    case (.everything, _): true
    case (.namesOnly, .name), (.sizesOnly, .name), (.sizesOnly, .size): true
    case (.namesOnly, _), (.sizesOnly, _): false
    case (.bytesOnly, .name): random.chance(1, in: 2)
    case (.bytesOnly, _): true
    case (.mixed, _): random.chance(1, in: 2)
    case (.mostlyLost, _): random.chance(1, in: 8)
    case (.mostlyKept, _): random.chance(7, in: 8)
    }
  }
}

/// What becomes of one file.
struct FileChoice: Sendable, CustomStringConvertible {
  var inode: Int
  var path: String
  var size: Int
  var pages: [(page: Int, choice: PageChoice)]

  var description: String {
    let parts = pages.map { page, choice in
      switch choice {
      case .durable: "page \(page * Page.size) lost"
      case .version(let version): "page \(page * Page.size) version \(version)"
      case .torn(let version, let mask):
        "page \(page * Page.size) version \(version) torn, sectors "
          + (0..<Page.sectorCount).map { mask & (1 << UInt8($0)) != 0 ? "1" : "0" }.joined()
      }
    }
    return (["  \(path): size \(size)"] + parts).joined(separator: ", ")
  }
}

/// The product of counts, nil where it is too large or one of them is.
func product(_ a: Int?, _ b: Int?) -> Int? {
  guard let a, let b else { return nil }
  let (product, overflow) = a.multipliedReportingOverflow(by: b)
  return overflow ? nil : product
}

extension Int {
  func checkedSum(_ other: Int) -> Int? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }
}
