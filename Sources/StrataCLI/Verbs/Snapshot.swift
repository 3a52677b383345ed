internal import Strata

/// `strata snapshot`: a log, or a folder of logs, once more.
enum SnapshotVerb {
  static let verb = Verb(
    name: "snapshot",
    summary: "Makes a durable snapshot of a log, or of a folder of logs, in a new folder.",
    operands: [Operand("DIR", "the log's folder, or a folder of logs"), Operand("TO", "the new folder")],
    options: [.log],
    notes: """
      Sealed segments are linked where the file system can, and take no room of their own; the last one is copied. One
      log can be taken while somebody writes it. A folder of logs is opened for that, so nobody else may have it open;
      the snapshot is one moment of all of its logs. Where the log ends is printed, as {"logEndOffset": N}, or how many
      logs there are, as {"logs": N}.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    let target = arguments.operands[1]
    if target.isEmpty { throw .usage("TO is empty; name the new folder") }
    if try place.isFolderOfLogs() {
      let count = try takeAll(place.path, to: target)
      JSON.write("logs", count, toObject: &output)
    } else {
      let log = try place.openToRead()
      do throws(LogError) { try log.snapshot(to: target) } catch { throw CommandFailure(error) }
      JSON.write("logEndOffset", try end(of: target), toObject: &output)
    }
    try output.commit()
    return .done
  }

  /// What became durable while the snapshot was made may be in it.
  private static func end(of target: String) throws(CommandFailure) -> Int64 {
    do throws(LogError) { return try Log.open(target, access: .readOnly).logEndOffset.rawValue } catch {
      throw CommandFailure(error)
    }
  }

  private static func takeAll(_ path: String, to target: String) throws(CommandFailure) -> Int64 {
    do throws(LogError) {
      let directory = try LogDirectory.open(path)
      try directory.snapshot(to: target)
      let count = Int64(directory.logs.count)
      try directory.close()
      return count
    } catch { throw CommandFailure(error) }
  }
}
