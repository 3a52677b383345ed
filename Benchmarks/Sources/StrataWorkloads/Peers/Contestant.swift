internal import BenchmarkKit
internal import Strata

/// Who takes part in a comparison: Strata, and the peers that were asked for.
enum Contestant: Sendable, Equatable {
  case strata
  /// Strata through mappings: sealed segments are read in place, small appends stored there.
  case strataInPlace
  case peer(Peer)

  /// As `engine` of a result.
  var engine: String {
    switch self {
    case .strata, .strataInPlace: "strata"
    case .peer(let peer): peer.rawValue
    }
  }

  /// Opens its engine in the folder `path`, which is there.
  func open(_ path: String, _ setting: EngineSetting) throws -> any LogEngine {
    switch self {
    case .strata: return try StrataEngine(path: path, setting: setting)
    case .strataInPlace:
      var setting = setting
      setting.isInPlace = true
      return try StrataEngine(path: path, setting: setting)
    case .peer(let peer):
      #if Peers
        switch peer {
        case .sqlite: return try SQLiteEngine(path: path, setting: setting)
        case .rocksdb: return try RocksDBEngine(path: path, setting: setting)
        case .lmdb: return try LMDBEngine(path: path, setting: setting)
        }
      #else
        throw BenchmarkError("\(peer.rawValue) is not in this build")
      #endif
    }
  }

  /// What it looks at when it scans or looks up: comparing is fair only to those who know that.
  func checks(_ workload: Workload) -> String {
    switch self {
    case .strata, .strataInPlace:
      workload == .lookup
        ? "the CRC-32C of a batch when it first looks into it, later the record"
        : "the CRC-32C of every batch and the framing of every record"
    case .peer(.sqlite): "nothing: a page has no checksum"
    case .peer(.rocksdb): "the checksum of every block it loads, not of one in its cache"
    case .peer(.lmdb): "nothing: a page has no checksum, and values are handed out in place"
    }
  }

  /// Its name and, where it says one, its version.
  var title: String {
    #if Peers
      switch self {
      case .peer(.sqlite): return "SQLite \(SQLiteEngine.version)"
      case .peer(.lmdb): return "LMDB \(LMDBEngine.version)"
      default: break
      }
    #endif
    switch self {
    case .strata: return "Strata"
    case .strataInPlace: return "Strata in place"
    case .peer(.sqlite): return "SQLite"
    case .peer(.rocksdb): return "RocksDB"
    case .peer(.lmdb): return "LMDB"
    }
  }
}
