import StrataIO
import StrataSimulation

extension LogEnvironment {
  /// Opens `path`, creating it, and writes `bytes` at `position`.
  @discardableResult
  func write(_ path: String, _ bytes: [UInt8], at position: Int64 = 0) throws -> any File {
    let file = try fileSystem.open(path, .create)
    try file.write(bytes.span, at: position)
    return file
  }

  /// All bytes of a file; nil where there is none.
  func read(_ path: String) throws -> [UInt8]? {
    guard try fileSystem.metadata(path) != nil else { return nil }
    let file = try fileSystem.open(path, .read)
    return try file.bytes()
  }
}

extension File {
  func bytes() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(try metadata().size))
    var span = bytes.mutableSpan
    _ = try read(into: &span, at: 0)
    return bytes
  }
}

/// A disk that does not crash by itself.
func steadyDisk(
  seed: UInt64 = 1, _ faults: [FaultRule] = [], _ configure: (inout SimulatedDisk.Options) -> Void = { _ in }
) -> SimulatedDisk {
  var options = SimulatedDisk.Options()
  configure(&options)
  return SimulatedDisk(seed: seed, crashAt: .never, faults: faults, options: options)
}

extension SimulatedDisk {
  /// Every surviving state, as paths with their bytes.
  func survivors(_ model: SurvivalModel? = nil) -> Set<[String: [UInt8]]> {
    let states = survivingStates(model)
    var found: Set<[String: [UInt8]]> = []
    for index in 0..<(states.count ?? 0) { found.insert(restarted(into: states[index]).snapshot) }
    return found
  }

  /// How many surviving states differ. Hashes whole files at once, which debug builds need.
  func differentSurvivors(_ model: SurvivalModel? = nil) -> Int {
    let states = survivingStates(model)
    return Set((0..<(states.count ?? 0)).map { restarted(into: states[$0]).fingerprint }).count
  }

  /// A hash over all paths and bytes.
  var fingerprint: Int {
    var hasher = Hasher()
    for path in listing(.durable) {
      hasher.combine(path)
      let bytes = contents(of: path, .durable)
      hasher.combine(bytes?.count)
      unsafe bytes?.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
    return hasher.finalize()
  }

  var snapshot: [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for path in listing(.durable) where !path.hasSuffix("/") { files[path] = contents(of: path, .durable) }
    return files
  }
}

func page(_ byte: UInt8, _ count: Int = 1) -> [UInt8] {
  [UInt8](repeating: byte, count: 4096 * count)
}
