internal import Glibc

/// One line on a terminal that says what is being measured; nothing where standard error is none.
public struct Progress: Sendable {
  private let isShown: Bool

  /// `isQuiet` keeps it off a terminal too.
  public init(isQuiet: Bool = false) {
    isShown = !isQuiet && isatty(STDERR_FILENO) == 1
  }

  public func show(_ text: String) {
    if isShown { Output.error("\r\u{1B}[K" + text, newline: false) }
  }

  public func clear() {
    if isShown { Output.error("\r\u{1B}[K", newline: false) }
  }
}

/// The two standard outputs, without a buffer.
public enum Output {
  public static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  public static func error(_ text: String, newline: Bool = true) {
    write(newline ? text + "\n" : text, to: STDERR_FILENO)
  }

  private static func write(_ text: String, to number: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(number, $0.baseAddress! + done, bytes.count - done)
      }
      // A closed pipe ends what is said, quietly.
      guard count > 0 else { return }
      done += count
    }
  }
}
