internal import Strata
internal import StrataIO

/// What is done to a log, in words: the same on the machine's disk and on a simulated one. The words `written` and
/// `mapped` in front say how space is made ready and how records get there.
struct Workload {
  private let steps: [Substring]
  private var configuration = Self.standard

  init(_ steps: String) {
    let words = steps.split(separator: "+")
    self.steps = words.filter { $0 != "written" && $0 != "mapped" }
    if words.contains("written") { configuration.preparation = .written }
    if words.contains("mapped") { configuration.writing = .mapped }
  }

  private static var standard: LogConfiguration {
    var configuration = LogConfiguration()
    // Two records to a segment.
    configuration.segmentBytes = 170
    configuration.indexIntervalBytes = 60
    configuration.indexBytes = 4 << 10
    configuration.segmentMilliseconds = nil
    return configuration
  }

  func run(_ environment: LogEnvironment) throws(LogError) {
    var environment = environment
    // What the log's own thread does would come at any time: `prepare` does it instead.
    environment.makeIOThread = { IdleThread() }
    func open() throws(LogError) -> Log {
      try Log.open("log", configuration: configuration, environment: environment)
    }
    var log: Log? = try open()
    for step in steps {
      switch step {
      case "open": break
      case "synced": try log!.append(Record(value: "a value"))
      case "buffered": try log!.append(Record(value: "a value"), durability: .buffered)
      case "pair": try log!.append([Record(value: "a value"), Record(value: "one more")])
      case "flush": try log!.flush()
      case "prepare": try log!.prepare()
      case "close": try log!.close()
      case "reopen":
        try log!.close()
        log = try open()
      case "killed":
        // Without a close, as where a process ends.
        log = nil
        log = try open()
      default: fatalError("no such step: \(step)")
      }
    }
  }
}

/// Never comes to its jobs.
private final class IdleThread: IOThread {
  func enqueue(_ job: @escaping @Sendable () -> Void) {}
}
