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
    do {
      switch try fileSystem.metadata(path)?.kind {
      case .directory: break
      case nil: throw CommandFailure.refused("\(path): there is no such folder; \(try advice())")
      default:
        throw CommandFailure.refused(
          "\(path): this is a file, and a log is a folder; name the folder, or look at the file with strata dump"
        )
      }
      guard try !holdsSegments(path) else { return }
      throw CommandFailure.refused("\(path): the folder holds no segment; \(try advice())")
    } catch let error as IOError { throw CommandFailure(error) } catch { throw error as! CommandFailure }
  }

  /// The segments in a folder, in the order of their offsets.
  static func segments(of directory: String) throws(CommandFailure) -> [(baseOffset: Offset, path: String)] {
    let names: [String]
    do { names = try LogEnvironment.system.fileSystem.list(directory) } catch { throw CommandFailure(error) }
    return names.compactMap { name in
      guard let parsed = SegmentFiles.parse(name), parsed.kind == .log else { return nil }
      return (parsed.baseOffset, SegmentFiles.path(directory, name))
    }.sorted { $0.baseOffset < $1.baseOffset }
  }

  private func holdsSegments(_ path: String) throws(IOError) -> Bool {
    try fileSystem.list(path).contains { SegmentFiles.parse($0)?.kind == .log }
  }

  /// What to do: choose one of the logs that are there, or make one.
  private func advice() throws(IOError) -> String {
    var logs: [String] = []
    if try fileSystem.metadata(directory)?.kind == .directory {
      for entry in try fileSystem.list(directory).sorted() {
        let path = SegmentFiles.path(directory, entry)
        guard try fileSystem.metadata(path)?.kind == .directory, try holdsSegments(path) else { continue }
        logs.append(entry)
      }
    }
    guard !logs.isEmpty else { return "name the folder of a log, or create one with strata append" }
    let shown = logs.prefix(5).joined(separator: ", ") + (logs.count > 5 ? ", …" : "")
    return "choose a log of \(directory) with --log: \(shown)"
  }
}
