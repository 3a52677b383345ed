/// A piece of HTML or SVG. Text and attributes are escaped when it is written, so that nothing can be
/// forgotten, and every element that is opened is closed.
indirect enum Markup: Sendable {
  case text(String)
  case element(String, [(String, String)], [Markup])
  /// Rules of our own for `<style>`, which are written as they are.
  case style(String)

  /// Elements that HTML leaves without an end; the stroke before the bracket makes the page XML as well.
  private static let empty: Set<String> = ["meta", "link", "br", "hr"]

  func write(to output: inout String) {
    switch self {
    case .text(let text): output += Markup.escaped(text)
    case .style(let rules): output += "<style>\(rules)</style>"
    case .element(let name, let attributes, let children):
      output += "<\(name)"
      for (key, value) in attributes { output += " \(key)=\"\(Markup.escaped(value))\"" }
      guard !Markup.empty.contains(name) else {
        output += "/>"
        return
      }
      output += ">"
      for child in children { child.write(to: &output) }
      output += "</\(name)>"
      if ["tr", "p", "section", "table", "svg", "head", "details"].contains(name) { output += "\n" }
    }
  }

  static func escaped(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "'": output += "&#39;"
      // Controls are no characters of HTML.
      case _ where scalar.value < 0x20 && !["\n", "\t"].contains(scalar): output += "\u{FFFD}"
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}

/// An element with text or further elements in it.
func element(_ name: String, _ children: [Markup]) -> Markup { .element(name, [], children) }

/// The same of a class.
func element(_ name: String, _ style: String?, _ children: [Markup]) -> Markup {
  element(name, style, attributes: [], children)
}

/// The same with attributes.
func element(
  _ name: String, _ style: String? = nil, attributes: [(String, String)], _ children: [Markup] = []
) -> Markup {
  .element(name, (style.map { [("class", $0)] } ?? []) + attributes, children)
}

/// The same with nothing but text in it.
func element(
  _ name: String, _ style: String? = nil, attributes: [(String, String)] = [], text: String
) -> Markup {
  element(name, style, attributes: attributes, [.text(text)])
}
