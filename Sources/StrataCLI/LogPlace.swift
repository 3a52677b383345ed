internal import Strata
internal import StrataIO

/// Where the log is that a command works on, and whether there is one.
struct LogPlace {
  /// The folder of the log.
  let path: String
  private let directory: String
  private let name: String?
  private var fileSystem: any FileSystem { LogEnvironment.system.fileSystem }

  init(_ arguments: Arguments) throws(CommandFailure) {
    directory = arguments.operands[0]
    name = arguments.text("log")
    if directory.isEmpty { throw .usage("DIR is empty; name the log's folder") }
    if let name, name.isEmpty || name.contains("/") {
      throw .usage("--log \(name): the name of one folder in \(directory) is needed")
    }
    path = name.map { SegmentFiles.path(arguments.operands[0], $0) } ?? directory
  }

  /// Opens the log to be read, which changes nothing, and works beside a writer.
  func openToRead() throws(CommandFailure) -> Log {
    try requireSegments()
    do { return try Log.open(path, access: .readOnly) } catch { throw CommandFailure(error) }
  }

  /// Says what to do where there is no log.
  func requireSegments() throws(CommandFailure) {
    let kind = try system { () throws(IOError) in try fileSystem.metadata(path)?.kind }
    switch kind {
    case .directory:
      guard try Self.segments(of: path).isEmpty else { return }
      throw .refused("\(path): the folder holds no segment; \(try advice())")
    case nil:
      throw .refused("\(path): there is no such folder; \(try advice())")
    default:
      throw .refused(
        "\(path): this is a file, and a log is a folder; name the folder, or look at the file with strata dump"
      )
    }
  }

  /// The segments in a folder, in the order of their offsets.
  static func segments(of directory: String) throws(CommandFailure) -> [(baseOffset: Offset, path: String)] {
    let names = try system { () throws(IOError) in try LogEnvironment.system.fileSystem.list(directory) }
    return names.compactMap { name in
      guard let parsed = SegmentFiles.parse(name), parsed.kind == .log else { return nil }
      return (parsed.baseOffset, SegmentFiles.path(directory, name))
    }.sorted { $0.baseOffset < $1.baseOffset }
  }

  /// Whether DIR alone was given, and is no log but holds some.
  func isFolderOfLogs() throws(CommandFailure) -> Bool {
    guard name == nil else { return false }
    let isFolder = try system { () throws(IOError) in try fileSystem.metadata(path)?.kind == .directory }
    guard isFolder, try Self.segments(of: path).isEmpty else { return false }
    return try !logsInFolder().isEmpty
  }

  /// The names of the logs in DIR.
  func logsInFolder() throws(CommandFailure) -> [String] {
    try system { () throws(IOError) in try logsInDirectory() }
  }

  /// What to do: choose one of the logs that are there, or make one.
  private func advice() throws(CommandFailure) -> String {
    let logs = try system { () throws(IOError) in try logsInDirectory() }
    guard !logs.isEmpty else { return "name the folder of a log, or create one with strata append" }
    let shown = logs.prefix(5).joined(separator: ", ") + (logs.count > 5 ? ", …" : "")
    return "choose a log of \(directory) with --log: \(shown)"
  }

  /// The names of the folders in `directory` that hold segments.
  private func logsInDirectory() throws(IOError) -> [String] {
    guard try fileSystem.metadata(directory)?.kind == .directory else { return [] }
    var logs: [String] = []
    for entry in try fileSystem.list(directory).sorted() {
      let path = SegmentFiles.path(directory, entry)
      // What cannot be looked into is no log that could be chosen.
      guard let names = try? fileSystem.list(path) else { continue }
      if names.contains(where: { SegmentFiles.parse($0)?.kind == .log }) { logs.append(entry) }
    }
    return logs
  }
}
