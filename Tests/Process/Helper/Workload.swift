internal import Strata
internal import StrataIO

/// What is done to a log, in words: the same on the machine's disk and on a simulated one.
struct Workload {
  private let steps: [Substring]

  init(_ steps: String) { self.steps = steps.split(separator: "+") }

  private static var configuration: LogConfiguration {
    var configuration = LogConfiguration()
    // Two records to a segment.
    configuration.segmentBytes = 170
    configuration.indexIntervalBytes = 60
    configuration.indexBytes = 4 << 10
    configuration.segmentMilliseconds = nil
    return configuration
  }

  func run(_ environment: LogEnvironment) throws(LogError) {
    func open() throws(LogError) -> Log {
      try Log.open("log", configuration: Self.configuration, environment: environment)
    }
    var log: Log? = try open()
    for step in steps {
      switch step {
      case "open": break
      case "synced": try log!.append(Record(value: "a value"))
      case "buffered": try log!.append(Record(value: "a value"), durability: .buffered)
      case "pair": try log!.append([Record(value: "a value"), Record(value: "one more")])
      case "flush": try log!.flush()
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
