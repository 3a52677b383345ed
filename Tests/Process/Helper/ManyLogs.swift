internal import Strata
internal import StrataIO
internal import StrataRecords

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A directory of many logs in a process that may have few files open.
enum ManyLogs {
  /// Creates, closes, opens, appends to, reads, takes a snapshot of and closes so many logs, and says how long each took.
  static func run(_ path: String, count: Int, files: UInt) throws(LogError) {
    var limit = rlimit(rlim_cur: rlim_t(files), rlim_max: rlim_t(files))
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      fatalError("setrlimit: \(errno)")
    }
    var configuration = LogDirectoryConfiguration()
    configuration.log.segmentBytes = 1 << 20
    let names = (0..<count).map { "topic-\($0)" }
    var directory = try LogDirectory.open(path, configuration: configuration)
    try time("create") { () throws(LogError) in
      for name in names {
        try directory.log(for: name).append(Record(value: "first in \(name)"), durability: .buffered)
      }
    }
    try time("close") { () throws(LogError) in try directory.close() }
    try time("open") { () throws(LogError) in
      directory = try LogDirectory.open(path, configuration: configuration)
    }
    guard directory.recoveryReport.wasClean, directory.logs.count == count else { fatalError("not clean") }
    try time("append") { () throws(LogError) in
      for name in names {
        try directory.log(for: name).append(Record(value: "second in \(name)"), durability: .buffered)
      }
    }
    try time("read") { () throws(LogError) in
      for name in names { try read(directory.log(for: name), name) }
    }
    let statistics = directory.statistics
    TestProcess.say(
      "files \(statistics.openFiles) awake \(statistics.awakeLogs) fell asleep \(statistics.fellAsleep)")
    try time("close again") { () throws(LogError) in try directory.close() }
    // As after a power failure, every log is looked at.
    try LogEnvironment.system.removeMark(path)
    try time("open unclean") { () throws(LogError) in
      directory = try LogDirectory.open(path, configuration: configuration)
    }
    guard !directory.recoveryReport.wasClean, directory.recoveryReport.failures.isEmpty else {
      fatalError("\(directory.recoveryReport.failures)")
    }
    try time("close third") { () throws(LogError) in try directory.close() }
    TestProcess.say("done")
  }

  private static func read(_ log: Log, _ name: String) throws(LogError) {
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    var found: [String] = []
    while let batch = try cursor.next() {
      do throws(FormatError) {
        var records = try batch.records()
        while let record = try records.next() { found.append(String(copying: record.value!)) }
      } catch { throw LogError(.unreadableBatch, path: log.path, cause: error) }
    }
    guard found == ["first in \(name)", "second in \(name)"] else { fatalError("\(name) has \(found)") }
  }

  private static func time(_ name: String, _ body: () throws(LogError) -> Void) throws(LogError) {
    let now = LogEnvironment.system.monotonicNanoseconds
    let began = now()
    try body()
    TestProcess.say("\(name) milliseconds \((now() - began) / 1_000_000)")
  }
}

extension LogEnvironment {
  fileprivate func removeMark(_ path: String) throws(LogError) {
    do { try fileSystem.remove(path + "/" + CleanMark.fileName) } catch {
      throw LogError(.io, path: path, cause: error)
    }
  }
}
