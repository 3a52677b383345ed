enum DumpVerb {
  static let verb = Verb(name: "dump", summary: "", operands: [], options: [], notes: "", run: { (arguments, output) throws(CommandFailure) in .done })
}
enum InfoVerb {
  static let verb = Verb(name: "info", summary: "", operands: [], options: [], notes: "", run: { (arguments, output) throws(CommandFailure) in .done })
}
