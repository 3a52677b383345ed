internal import StrataRecords

/// The value of `--codec`: a codec's name, and a level behind a colon.
enum CodecOption {
  static func compression(_ text: String?) throws(CommandFailure) -> Compression {
    guard let text else { return .none }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let names = Compression.Codec.allCases.map(\.name)
    guard let codec = Compression.Codec.allCases.first(where: { $0.name == parts[0] }) else {
      let advice = Spelling.nearest(to: parts[0], in: names).map { "; did you mean \($0)?" } ?? ""
      throw .usage("--codec \(text): one of \(names.joined(separator: ", ")) is needed\(advice)")
    }
    let level = try parts.count > 1 ? self.level(parts[1], of: codec) : nil
    if let trait = codec.missingTrait {
      throw .refused("--codec \(codec.name): this build leaves it out; build with the package trait \(trait)")
    }
    switch codec {
    case .none: return .none
    case .snappy: return .snappy
    case .gzip: return .gzip(level: level)
    case .lz4: return .lz4(level: level)
    case .zstd: return .zstd(level: level)
    }
  }

  private static func level(
    _ text: String, of codec: Compression.Codec
  ) throws(CommandFailure) -> Int {
    guard let levels = codec.levels else {
      throw .usage("--codec \(codec.name):\(text): \(codec.name) has no levels; leave :\(text) out")
    }
    guard let level = Int(text), levels.contains(level) else {
      throw .usage(
        "--codec \(codec.name):\(text): a level of \(levels.lowerBound) to \(levels.upperBound) is needed")
    }
    return level
  }
}
