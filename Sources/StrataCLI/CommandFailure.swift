internal import Strata
internal import StrataIO
internal import StrataRecords

/// How a command ends before its end: with which status, and with which line on standard error.
struct CommandFailure: Error {
  /// The status that the process exits with.
  enum Status: Int32 {
    /// Done, or nobody listens any more.
    case done = 0
    /// Damage was found.
    case damage = 1
    /// The command line is wrong.
    case usage = 2
    /// The log or the system said no.
    case refused = 3
  }

  var status: Status
  /// What to tell the user: the place, what happened, what to do. nil says nothing.
  var message: String?

  init(_ status: Status, _ message: String?) {
    self.status = status
    self.message = message
  }

  static func usage(_ message: String) -> CommandFailure { CommandFailure(.usage, message) }
  static func refused(_ message: String) -> CommandFailure { CommandFailure(.refused, message) }

  /// Who read the output has gone away: a quiet and proper end, as of `strata read | head`.
  static let closedPipe = CommandFailure(.done, nil)
  var isClosedPipe: Bool { status == .done && message == nil }
}

extension CommandFailure {
  /// What a log said.
  init(_ error: LogError) {
    self.init(Self.status(of: error), Self.line(error))
  }

  private static func status(of error: LogError) -> Status {
    if error.code == .damaged { return .damage }
    guard error.code == .unreadableBatch else { return .refused }
    // A codec that is left out is no damage.
    if let cause = error.cause as? FormatError, cause.code == .codecNotBuilt { return .refused }
    return .damage
  }

  private static func line(_ error: LogError) -> String {
    var place = error.path
    if let position = error.position { place += " at byte \(position)" }
    var words = error.detail.isEmpty ? "\(error.code)" : error.detail
    if let offsets = error.offsets, error.code != .offsetOutOfRange {
      words = "offsets \(Self.name(offsets)): " + words
    }
    if error.code == .damaged { words = "damage; " + words }
    if let cause = error.cause as? IOError {
      if !words.contains(cause.detail) || cause.detail.isEmpty {
        words += " (\(cause.operation): \(cause.detail))"
      }
    } else if let cause = error.cause, !(words == "\(cause)") {
      words += " (\(cause))"
    }
    return "\(place): \(words)"
  }

  /// A range of offsets in words: both ends are in it.
  static func name(_ offsets: Range<Offset>) -> String {
    let last = offsets.upperBound.rawValue - 1
    return offsets.lowerBound.rawValue >= last
      ? "\(offsets.lowerBound)" : "\(offsets.lowerBound) to \(last)"
  }

  /// What the file system said.
  init(_ error: IOError) {
    self.init(
      .refused, "\(error.path): \(error.operation): \(error.detail.isEmpty ? "\(error.code)" : error.detail)")
  }
}

/// Makes calls of the file system, and turns their error into the command's.
func system<R: ~Copyable>(_ body: () throws(IOError) -> R) throws(CommandFailure) -> R {
  do { return try body() } catch { throw CommandFailure(error) }
}
