import Strata
import StrataIO
import StrataSimulation
import Testing

/// The log on a disk that loses its power at every call, in every state that the disk may be left in.
///
/// The oracle: what was acknowledged as durable is there with its offset; what else is there is a prefix of what
/// was written; opening twice is opening once; the log goes on.
@Suite struct CrashTests {
  enum Promise: Sendable {
    /// This value was given to an append.
    case attempted(String)
    /// Every record before this offset was acknowledged as durable.
    case durable(Int64)
  }

  enum Step: String, CaseIterable, Sendable {
    case synced, buffered, pair, flush, reopen
  }

  static var configuration: LogConfiguration {
    var configuration = LogConfiguration()
    // Two records to a segment.
    configuration.segmentBytes = 170
    configuration.indexIntervalBytes = 60
    configuration.indexBytes = 4 << 10
    configuration.segmentMilliseconds = nil
    return configuration
  }

  static func explorer(
    _ steps: [Step], options: CrashExplorer<Promise>.Options
  ) -> CrashExplorer<Promise> {
    CrashExplorer<Promise>(
      options: options,
      workload: { run in
        var log = try Log.open("log", configuration: configuration, environment: run.environment)
        var count = 0
        func next() -> Record {
          let value = "value \(count)"
          count += 1
          run.promise(.attempted(value))
          return Record(value: value)
        }
        for step in steps {
          switch step {
          case .synced:
            let place = try log.append(next())
            run.promise(.durable(place.lastOffset.rawValue + 1))
          case .buffered: try log.append(next(), durability: .buffered)
          case .pair:
            let records = [next(), next()]
            let place = try log.append(records, durability: .synced)
            run.promise(.durable(place.lastOffset.rawValue + 1))
          case .flush:
            try log.flush()
            run.promise(.durable(Int64(count)))
          case .reopen:
            try log.close()
            run.promise(.durable(Int64(count)))
            log = try Log.open("log", configuration: configuration, environment: run.environment)
          }
        }
      },
      recover: { environment in
        _ = try Log.open("log", configuration: configuration, environment: environment)
      },
      check: { survivor in try check(survivor) })
  }

  static func check(_ survivor: CrashSurvivor<Promise>) throws {
    var attempted: [String] = []
    var durable: Int64 = 0
    for promise in survivor.promises {
      switch promise {
      case .attempted(let value): attempted.append(value)
      case .durable(let end): durable = max(durable, end)
      }
    }
    let log = try Log.open("log", configuration: configuration, environment: survivor.environment)
    log.checkInvariants()
    let values = try log.values(from: 0, isolation: .durable)
    try #require(values.count >= durable, "\(durable) records were acknowledged, \(values.count) are there")
    try #require(values == Array(attempted.prefix(values.count)))
    try #require(log.logEndOffset.rawValue == Int64(values.count))
    for offset in values.indices {
      try #require(log.values(from: Offset(Int64(offset)), isolation: .durable) == Array(values[offset...]))
    }
    try log.append(Record(value: "after"))
    try log.close()
    let again = try Log.open("log", configuration: configuration, environment: survivor.environment)
    try #require(again.recoveryReport.wasClean)
    try #require(again.values(from: 0) == values + ["after"])
  }

  static var workloads: [[Step]] {
    var all: [[Step]] = []
    for first in Step.allCases {
      for second in Step.allCases {
        all.append([first, second])
        all.append([.buffered, first, second])
      }
    }
    return all + [[.synced, .synced, .synced, .synced], [.buffered, .buffered, .pair, .flush]]
  }

  @Test func nothingAcknowledgedIsLostAtAnyCall() throws {
    var total = CrashReport()
    for steps in Self.workloads {
      var options = CrashExplorer<Promise>.Options()
      options.recoveries = 0
      #if DEBUG
        // Unoptimised code takes twenty times as long.
        options.maximumStates = 64
        options.samples = 8
      #else
        options.maximumStates = 512
        options.samples = 24
      #endif
      do { total += try Self.explorer(steps, options: options).explore() } catch {
        Issue.record("\(steps.map(\.rawValue)): \(error)")
        return
      }
    }
    print("crash states: \(total)")
  }

  @Test(arguments: [[Step.buffered, .synced], [.pair, .reopen, .synced]])
  func aCrashWhileRecoveringLosesNothingEither(steps: [Step]) throws {
    var options = CrashExplorer<Promise>.Options()
    options.maximumStates = 16
    options.samples = 4
    options.recoveries = 4
    options.maximumRecoveryStates = 16
    options.recoverySamples = 2
    let report = try Self.explorer(steps, options: options).explore()
    #expect(report.recoveryCrashPoints > 100)
  }
}
