import Foundation
import StrataIO

#if os(Linux)
  /// A directory of one test, removed with everything in it at the end.
  final class TemporaryDirectory: Sendable {
    let path: String
    let fileSystem = LinuxFileSystem()

    init() throws {
      path = FileManager.default.temporaryDirectory.path + "/strata-io-\(UUID().uuidString)"
      try fileSystem.createDirectory(path)
    }

    deinit {
      try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a name in here.
    subscript(_ name: String) -> String { path + "/" + name }

    /// A new file with these bytes.
    func file(_ name: String, _ bytes: [UInt8] = []) throws -> any File {
      let file = try fileSystem.open(self[name], .createNew)
      try file.write(bytes.span, at: 0)
      return file
    }
  }
#endif

/// The error that `body` throws; nil where it throws none.
func error(of body: () throws -> Void) throws -> IOError? {
  do {
    try body()
    return nil
  } catch let error as IOError {
    return error
  }
}

extension File {
  /// All bytes from `position` on, at most `count`.
  func bytes(at position: Int64 = 0, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var span = bytes.mutableSpan
    let read = try self.read(into: &span, at: position)
    return Array(bytes[..<read])
  }
}

extension Mapping {
  /// The bytes of a range.
  func array(_ range: Range<Int>) -> [UInt8] {
    let bytes = self.bytes
    return range.map { bytes[$0] }
  }
}

/// Bytes that show where they came from.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 131 ^ ($0 >> 8)) }
}
