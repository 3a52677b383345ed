internal import BenchmarkKit

/// An engine that somebody may use in Strata's place.
public enum Peer: String, CaseIterable, Sendable {
  case sqlite
  case rocksdb
  case lmdb

  /// Whether this build has them: they come with the trait `Peers`.
  public static var areBuilt: Bool {
    #if Peers
      true
    #else
      false
    #endif
  }

  /// The peers of `all`, or of names with commas between them, each once.
  ///
  /// - Throws: a sentence that says what is wrong, or how to get a build that has them.
  static func list(_ text: String) throws(BenchmarkError) -> [Peer] {
    var peers: [Peer] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      if name == "all" {
        peers = allCases
      } else if let peer = Peer(rawValue: String(name)) {
        if !peers.contains(peer) { peers.append(peer) }
      } else {
        let names = allCases.map(\.rawValue).joined(separator: ", ")
        throw BenchmarkError("there is no peer \(name); there are \(names), and all")
      }
    }
    guard areBuilt else {
      throw BenchmarkError(
        "--peers needs a build with the peers in it: make bench PEERS=1, or swift build with --traits Peers")
    }
    return peers
  }
}
