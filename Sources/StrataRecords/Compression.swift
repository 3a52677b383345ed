/// How the records of a batch are compressed when it is built: a codec, and the level where the codec has them.
public struct Compression: Hashable, Sendable {
  /// A codec, with the number that it has in a batch's attributes (bits 0–2).
  @frozen
  public enum Codec: UInt8, Hashable, Sendable, CaseIterable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// The name by which Kafka's configuration and Strata's commands know it.
    public var name: String {
      switch self {
      case .none: "none"
      case .gzip: "gzip"
      case .snappy: "snappy"
      case .lz4: "lz4"
      case .zstd: "zstd"
      }
    }

    /// The levels that can be asked for; empty where the codec has none.
    public var levels: ClosedRange<Int>? {
      switch self {
      case .none, .snappy: nil
      case .gzip: 1...12
      case .lz4: 1...12
      case .zstd: -7...22
      }
    }
  }

  public let codec: Codec
  /// The level; nil is the codec's own default (gzip 6, lz4 1, zstd 3).
  public let level: Int?

  private init(_ codec: Codec, level: Int? = nil) {
    precondition(
      level == nil || codec.levels.map { $0.contains(level!) } == true, "\(codec.name) has no level \(level!)"
    )
    self.codec = codec
    self.level = level
  }

  /// As the records are.
  public static let none = Compression(.none)
  /// Fast, and weak; no levels.
  public static let snappy = Compression(.snappy)

  /// The most widely read; slow. Levels 1 (fast) to 12 (small).
  public static func gzip(level: Int? = nil) -> Compression { Compression(.gzip, level: level) }

  /// The fastest. Levels 1 (fast) to 12 (small).
  public static func lz4(level: Int? = nil) -> Compression { Compression(.lz4, level: level) }

  /// The best ratio for its speed. Levels −7 (fast) to 22 (small).
  public static func zstd(level: Int? = nil) -> Compression { Compression(.zstd, level: level) }

  /// Whether this build has the codec; the package traits decide.
  public static func isBuilt(_ codec: Codec) -> Bool { codec.missingTrait == nil }
}

extension Compression.Codec {
  /// The name of the package trait that would bring the codec; nil where this build has it.
  package var missingTrait: String? {
    switch self {
    case .none: return nil
    case .gzip:
      #if Gzip
        return nil
      #else
        return "Gzip"
      #endif
    case .snappy:
      #if Snappy
        return nil
      #else
        return "Snappy"
      #endif
    case .lz4:
      #if LZ4
        return nil
      #else
        return "LZ4"
      #endif
    case .zstd:
      #if Zstd
        return nil
      #else
        return "Zstd"
      #endif
    }
  }
}
