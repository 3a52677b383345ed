internal import Glibc

/// Why the benchmark cannot go on.
public struct BenchmarkError: Error, CustomStringConvertible, Sendable {
  /// For a person: what happened, where, and what to do.
  public var description: String

  public init(_ description: String) { self.description = description }

  /// A system call that failed just now.
  static func system(_ call: String, _ path: String) -> BenchmarkError {
    let words = unsafe String(cString: strerror(errno))
    return BenchmarkError("\(path): \(call): \(words)")
  }
}
