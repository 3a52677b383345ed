internal import Strata
internal import StrataIO

/// What `info` tells of a folder of logs: where each of them stands, by opening it to be read.
struct DirectorySurvey {
  struct Entry {
    var name: String
    var logStart: Int64
    var recoveryPoint: Int64
    var logEnd: Int64
    var segments: Int64
    var bytes: Int64
  }

  let path: String
  /// Who has the folder open for writing; nil where nobody has.
  let writer: String?
  /// Whether the mark is there that all logs were closed.
  let wasClosedCleanly: Bool
  private(set) var logs: [Entry] = []
  /// What could not be opened, and why.
  private(set) var failures: [(name: String, failure: LogError)] = []

  init(_ place: LogPlace) throws(CommandFailure) {
    path = place.path
    writer = WriterLock.holder(of: SegmentFiles.path(path, SegmentFiles.lockFileName))
    let mark = SegmentFiles.path(path, CleanMark.fileName)
    wasClosedCleanly = try system { () throws(IOError) in
      try LogEnvironment.system.fileSystem.metadata(mark)?.kind == .file
    }
    for name in try place.logsInFolder() {
      do throws(LogError) {
        let log = try Log.open(SegmentFiles.path(path, name), access: .readOnly)
        let segments = log.segments
        logs.append(
          Entry(
            name: name, logStart: log.logStartOffset.rawValue, recoveryPoint: log.recoveryPoint.rawValue,
            logEnd: log.logEndOffset.rawValue, segments: Int64(segments.count),
            bytes: segments.reduce(0) { $0 + $1.bytes }))
        try log.close()
      } catch { failures.append((name, error)) }
    }
  }

  func writeJSON(to output: inout Output) {
    output.write(UInt8(ascii: "{"))
    JSON.write("path", path, to: &output, isFirst: true)
    JSON.write("closedCleanly", writer == nil && wasClosedCleanly, to: &output)
    JSON.write("writer", writer, to: &output)
    JSON.write(key: "logs", to: &output)
    output.write(UInt8(ascii: "["))
    for (place, log) in logs.enumerated() {
      output.write(place == 0 ? "{" : ",{" as StaticString)
      JSON.write("name", log.name, to: &output, isFirst: true)
      JSON.write("logStartOffset", log.logStart, to: &output)
      JSON.write("recoveryPoint", log.recoveryPoint, to: &output)
      JSON.write("logEndOffset", log.logEnd, to: &output)
      JSON.write("segments", log.segments, to: &output)
      JSON.write("bytes", log.bytes, to: &output)
      output.write(UInt8(ascii: "}"))
    }
    output.write("]}\n" as StaticString)
  }

  func writeTable(to output: inout Output) {
    let state =
      writer.map { "open for writing by \($0)" }
      ?? (wasClosedCleanly ? "closed cleanly" : "not closed cleanly")
    output.write("folder \(path): \(Figures.count(Int64(logs.count), "log")), \(state)\n")
    let width = (logs.map(\.name.count).max() ?? 0) + 2
    for log in logs {
      output.write(
        log.name + String(repeating: " ", count: width - log.name.count)
          + "offsets \(log.logStart) to \(log.logEnd)  durable \(log.recoveryPoint)  "
          + "\(Figures.count(log.segments, "segment"))  \(Figures.size(log.bytes))\n")
    }
  }
}
