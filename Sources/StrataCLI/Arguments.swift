/// An option of a command, as the help shows it.
struct Option {
  let name: String
  /// What its value looks like; nil for a switch.
  let value: String?
  let help: String

  init(_ name: String, _ value: String?, _ help: String) {
    self.name = name
    self.value = value
    self.help = help
  }

  /// Every command has this one.
  static let log = Option("log", "NAME", "the log NAME in DIR, where DIR holds many")
}

/// An operand of a command: an argument without a name.
struct Operand {
  let name: String
  let isRequired: Bool
  let help: String

  init(_ name: String, isRequired: Bool = true, _ help: String) {
    self.name = name
    self.isRequired = isRequired
    self.help = help
  }
}

/// A command line, taken apart by what a verb declares.
///
/// Options are `--name value` or `--name=value`, in any place; behind `--` everything is an operand.
struct Arguments {
  private var values: [String: String] = [:]
  private var switches: Set<String> = []
  /// What was given for the operands, in their order.
  private(set) var operands: [String] = []
  /// Whether somebody asked for help.
  private(set) var wantsHelp = false

  init(
    _ words: some Sequence<String>, options: [Option], operands declared: [Operand]
  ) throws(CommandFailure) {
    var words = words.makeIterator()
    var isEnded = false
    while let word = words.next() {
      if isEnded || !word.hasPrefix("-") || word == "-" {
        operands.append(word)
      } else if word == "--" {
        isEnded = true
      } else if word == "--help" || word == "-h" {
        wantsHelp = true
      } else {
        let (name, attached) = Self.split(word)
        guard word.hasPrefix("--"), let option = options.first(where: { $0.name == name }) else {
          throw .usage(Self.unknown(word, name, options))
        }
        try take(option, attached, next: { words.next() })
      }
    }
    guard !wantsHelp else { return }
    if operands.count > declared.count {
      throw .usage("unexpected argument \(operands[declared.count]); --help shows what there is")
    }
    if let missing = declared.dropFirst(operands.count).first(where: \.isRequired) {
      throw .usage("\(missing.name) is missing: \(missing.help)")
    }
  }

  private mutating func take(
    _ option: Option, _ attached: String?, next: () -> String?
  ) throws(CommandFailure) {
    let name = option.name
    if values[name] != nil || switches.contains(name) { throw .usage("--\(name) is given twice") }
    guard let expected = option.value else {
      guard attached == nil else { throw .usage("--\(name) takes no value") }
      switches.insert(name)
      return
    }
    guard let value = attached ?? next() else { throw .usage("--\(name) needs a value: \(expected)") }
    values[name] = value
  }

  private static func split(_ word: String) -> (name: String, attached: String?) {
    let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
  }

  private static func unknown(_ word: String, _ name: String, _ options: [Option]) -> String {
    let known = options.map(\.name) + ["help"]
    let advice = Spelling.nearest(to: name, in: known).map { "did you mean --\($0)?" }
    return "unknown option \(word.hasPrefix("--") ? "--" + name : word); "
      + (advice ?? "--help shows what there is")
  }
}

extension Arguments {
  /// Whether a switch was given.
  func has(_ name: String) -> Bool { switches.contains(name) }

  /// An option's value as it was given.
  func text(_ name: String) -> String? { values[name] }

  /// A whole number within bounds.
  func integer(_ name: String, in bounds: ClosedRange<Int>) throws(CommandFailure) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Int(text) else { throw .usage("--\(name) \(text): a whole number is needed") }
    guard bounds.contains(number) else {
      let most = bounds.upperBound == .max ? "" : " and at most \(bounds.upperBound)"
      throw .usage("--\(name) \(text): at least \(bounds.lowerBound)\(most) is needed")
    }
    return number
  }

  /// One of a few words.
  func choice<T>(_ name: String, _ choices: KeyValuePairs<String, T>) throws(CommandFailure) -> T? {
    guard let text = values[name] else { return nil }
    if let found = choices.first(where: { $0.key == text }) { return found.value }
    let names = choices.map(\.key)
    let advice = Spelling.nearest(to: text, in: names).map { "; did you mean \($0)?" } ?? ""
    throw .usage("--\(name) \(text): one of \(names.joined(separator: ", ")) is needed\(advice)")
  }
}

/// Guessing what was meant.
enum Spelling {
  /// The word that is like `word`: begins like it, or is a few changes away. nil where none is.
  static func nearest(to word: String, in words: [String]) -> String? {
    if word.count > 1, let longer = words.first(where: { $0.hasPrefix(word) || word.hasPrefix($0) }) {
      return longer
    }
    let ranked = words.map { (word: $0, distance: distance(Array($0.utf8), Array(word.utf8))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, min(word.utf8.count, best.word.utf8.count) / 2) ? best.word : nil
  }

  /// How many insertions, removals and replacements lie between the two (Levenshtein).
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (left == right ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}
