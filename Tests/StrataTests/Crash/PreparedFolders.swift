import Strata
import StrataIO
import StrataRecords
import StrataSimulation

/// Folders that need a recovery, each with what has to hold afterwards. Opening one of them is a workload like any
/// other: the power goes at every call of the recovery, and a second time while that is recovered from.
enum PreparedFolder: String, CaseIterable, Sendable {
  /// Behind whole batches that nobody has synchronised lies a hole, and behind the hole a whole batch.
  case hole
  /// The last batch is torn.
  case tornTail
  /// Nobody knows what is durable, and a batch of the first segment is broken: two whole segments lie behind.
  case brokenBeforeOthers
  /// Another program wrote two segments and synchronised none.
  case unsynchronized
  /// Another program has cut batches off that were durable.
  case shorter
  var workload: CrashWorkload {
    let initial = files
    var workload = CrashWorkload([.synced])
    workload.name = "recovery of \(rawValue)"
    workload.oracle.configuration = configuration
    workload.oracle.initial = initial
    workload.oracle.initialValues = (0..<6).map { "value \($0)" }
    let isDurable = self != .unsynchronized
    workload.install = { disk in
      guard !isDurable else {
        for (name, bytes) in initial { disk.install("log/" + name, bytes) }
        return
      }
      try disk.environment.fileSystem.createDirectory("log")
      try disk.environment.fileSystem.synchronizeDirectory(".")
      for (name, bytes) in initial.sorted(by: { $0.key < $1.key }) {
        let file = try disk.environment.fileSystem.open("log/" + name, .create)
        try file.write(bytes.span, at: 0)
      }
      // Their names are durable, what is in them is not.
      try disk.environment.fileSystem.synchronizeDirectory("log")
    }
    if self == .unsynchronized {
      // What its writer never synchronised may be gone, until the log has been opened.
      workload.oracle.isForeign = true
      workload.oracle.initial = [:]
      workload.oracle.initialValues = []
      workload.promisesFirst = (0..<6).map { .attempted("value \($0)") }
    }
    return workload
  }

  var configuration: LogConfiguration {
    var configuration = LogConfiguration.crash
    if self == .hole || self == .tornTail || self == .shorter { configuration.segmentBytes = 1 << 20 }
    return configuration
  }

  /// The bytes: what a log of six records leaves behind, and then what happened to it.
  private var files: [String: [UInt8]] {
    let disk = SimulatedDisk(seed: 1, crashAt: .never)
    let log = try! Log.open("log", configuration: configuration, environment: disk.environment)
    for place in 0..<6 {
      let durability: Durability = place < 2 || self == .shorter ? .synced : .buffered
      try! log.append(Record(value: "value \(place)"), durability: durability)
    }
    var files = disk.folder("log").files
    files[".lock"] = nil
    let first = "00000000000000000000.log"
    let batch = StoredBatch.prefix(of: files[first]!)
    switch self {
    case .hole: for place in batch[3].position..<batch[3].end { files[first]![place] = 0 }
    case .tornTail: files[first]!.removeLast(20)
    case .brokenBeforeOthers:
      files[first]![batch[1].end - 2] ^= 1
      files[DurablePoint.fileName] = nil
    case .unsynchronized: files[DurablePoint.fileName] = nil
    case .shorter: files[first]!.removeSubrange(batch[4].position...)
    }
    return files
  }
}
