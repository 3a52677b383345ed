internal import Glibc
internal import Synchronization

/// The few things that a command asks of the system besides files.
enum System {
  static let standardInput: Int32 = 0
  static let standardOutput: Int32 = 1
  static let standardError: Int32 = 2

  /// The system's words for an `errno`.
  static func text(of code: Int32) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      // The XSI form fills the buffer, the GNU form may return words of its own; both end with a zero.
      unsafe buffer.initialize(repeating: 0)
      let words = unsafe strerror(code)
      return unsafe words.map { unsafe String(cString: $0) } ?? "error \(code)"
    }
  }

  /// Gives the standard streams that the process was started without a place that refuses them, so that no file
  /// that is opened later gets their number.
  static func fillStandardStreams() {
    for descriptor in standardInput...standardError where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is this one. Reading what can only be written fails, and the other way round.
      _ = unsafe open("/dev/null", descriptor == standardInput ? O_WRONLY : O_RDONLY)
    }
  }

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Writes one line to standard error. Whatever would break the line in two is escaped.
  static func complain(_ line: String) {
    var bytes: [UInt8] = []
    for byte in line.utf8 {
      if byte < 0x20 || byte == 0x7F {
        bytes += Array("\\x\(String(byte, radix: 16))".utf8)
      } else {
        bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\n"))
    writeToStandardError(bytes)
  }

  static func writeToStandardError(_ bytes: [UInt8]) {
    var done = 0
    while done < bytes.count {
      let written = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(standardError, buffer.baseAddress! + done, buffer.count - done)
      }
      if written < 0 {
        if errno == EINTR { continue }
        // There is nobody left to tell.
        return
      }
      done += written
    }
  }

  static func monotonicMilliseconds() -> Int64 {
    var now = timespec()
    // Cannot fail: the clock exists on every Linux.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}

/// Ctrl-C and SIGTERM, as something that can be waited for and asked about.
///
/// The handler writes a byte into a pipe; whoever waits polls the pipe besides what it waits for, so that a
/// signal between the question and the waiting is never missed. A second signal ends the process as always.
enum Interruption {
  private static let signal = Atomic<Int32>(0)
  private static let pipeEnd = Atomic<Int32>(-1)
  /// Polled for reading; −1 before `watch()`.
  private(set) static nonisolated(unsafe) var descriptor: Int32 = -1

  /// Whether a signal has come.
  static var hasCome: Bool { signal.load(ordering: .relaxed) != 0 }

  /// From now on signals are noted instead of ending the process. Called once, before any thread starts.
  static func watch() {
    var ends: [Int32] = [-1, -1]
    guard unsafe ends.withUnsafeMutableBufferPointer({ unsafe pipe($0.baseAddress!) }) == 0 else { return }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    unsafe descriptor = ends[0]
    pipeEnd.store(ends[1], ordering: .relaxed)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { number in
      let before = errno
      Interruption.signal.store(number, ordering: .relaxed)
      var byte: UInt8 = 0
      _ = unsafe Glibc.write(Interruption.pipeEnd.load(ordering: .relaxed), &byte, 1)
      errno = before
    }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    _ = unsafe sigaction(SIGINT, &action, nil)
    _ = unsafe sigaction(SIGTERM, &action, nil)
    // Who starts a command from a thread that takes no signals hands that on; the command wants them.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    _ = unsafe sigprocmask(SIG_UNBLOCK, &signals, nil)
  }

  /// What came first.
  enum Event {
    case ready
    case timeout
    case interrupted
  }

  /// Waits until `descriptor` is ready, a signal comes, or the time is over; a time of −1 never is.
  static func wait(for other: Int32, _ events: Int32, milliseconds: Int32) -> Event {
    var requests = [
      pollfd(fd: unsafe descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: other, events: Int16(events), revents: 0),
    ]
    let found = unsafe requests.withUnsafeMutableBufferPointer {
      unsafe poll($0.baseAddress!, nfds_t($0.count), milliseconds)
    }
    if hasCome { return .interrupted }
    if found > 0, requests[1].revents != 0 { return .ready }
    // A signal that is not watched for: the caller looks again.
    return .timeout
  }
}
