public import StrataIO

/// One call that reached the simulated disk.
///
/// The list of a run's calls can be compared with what `strace` shows of a real one. Reads of mapped bytes
/// are not calls; stores into a mapping are, though no system call stands behind them.
public struct Call: Hashable, Sendable {
  /// What was called, as the seam names it.
  @nonexhaustive
  public enum Operation: String, Hashable, Sendable, CaseIterable {
    case open, list, metadata, createDirectory, rename, link, remove, removeDirectory, synchronizeDirectory
    case lock, unlock, freeSpace
    case fileMetadata, read, write, resize, preallocate, synchronize, map, close
    case store, synchronizeMapping

    /// Whether the seam lets it throw.
    var canThrow: Bool {
      switch self {
      case .close, .unlock, .store: false
      default: true
      }
    }

    /// As in `IOError.operation`.
    var name: String {
      switch self {
      case .fileMetadata: "metadata"
      case .synchronizeMapping: "synchronize"
      default: rawValue
      }
    }
  }

  /// Its place among all calls of this life, from 1.
  public var number = 0
  public var operation: Operation
  public var path: String
  /// The new name, of `rename` and `link`.
  public var destination: String?
  /// Where in the file; for `resize` the new size.
  public var position: Int64?
  public var length: Int?
  /// What was thrown; nil where the call succeeded.
  public var error: IOError.Code?
  /// The fault that was played, if any.
  public var fault: Fault?

  init(
    _ operation: Operation, _ path: String, destination: String? = nil, position: Int64? = nil,
    length: Int? = nil
  ) {
    self.operation = operation
    self.path = path
    self.destination = destination
    self.position = position
    self.length = length
  }
}

extension Call: CustomStringConvertible {
  public var description: String {
    var text = "\(operation.rawValue) \(path)"
    if let destination { text += " to \(destination)" }
    if let position { text += " at \(position)" }
    if let length { text += " length \(length)" }
    if let fault { text += " [\(fault)]" }
    if let error { text += " throws \(error)" }
    return text
  }
}
