extension StoredFolder {
  /// The folder as Kafka's loader leaves it before it looks into any segment: swaps that were interrupted are ended
  /// or taken back, by names and contents alone.
  func withSwapsEnded() -> StoredFolder {
    var files = files.filter { !$0.key.hasSuffix(".deleted") }
    let cleaned = files.keys.filter { $0.hasSuffix(".cleaned") }
    // As long as one file of a swap is not ready, those of the same segment and of later ones mean nothing.
    let least = cleaned.compactMap(Self.offset).min() ?? .max
    for name in cleaned { files[name] = nil }
    for name in files.keys where name.hasSuffix(".swap") && Self.offset(name)! >= least { files[name] = nil }
    // What the swap was made from is gone, as far as the new segments reach.
    let swaps = files.keys.filter { $0.hasSuffix(".swap") }
    var (first, end) = (Int64.max, Int64.min)
    for name in swaps where name.hasSuffix(".log.swap") {
      let base = Self.offset(name)!
      first = min(first, base)
      end = max(end, StoredBatch.prefix(of: files[name]!).last.map { $0.lastOffset + 1 } ?? base)
    }
    for name in files.keys where !name.hasSuffix(".swap") {
      if let offset = Self.offset(name), offset >= first, offset < end { files[name] = nil }
    }
    for name in swaps { files[String(name.dropLast(5))] = files.removeValue(forKey: name) }
    return StoredFolder(files: files)
  }

  /// The offset that a name begins with, up to its first dot.
  private static func offset(_ name: String) -> Int64? { Int64(name.prefix { $0 != "." }) }
}
