internal import Glibc
internal import StrataRecords

/// Lines of a file or of standard input, where they lie in one buffer: nothing is copied or allocated a line.
///
///     input.next()   .line(range of `bytes`) | .pause | .end
///
/// `.pause` says that nothing has come for a moment; who holds lines back gives them on then.
struct Input: ~Copyable {
  /// What comes next.
  enum Event {
    /// A line, without its newline: its place in `bytes`, until the next call.
    case line(Range<Int>)
    /// Nothing more is there just now.
    case pause
    /// Nothing more will come.
    case end
    /// Ctrl-C or SIGTERM; a line that was begun is dropped.
    case interrupted
  }

  /// The path, as errors name it.
  let name: String
  /// Its size where it is a file; nil where nobody knows how much will come.
  let size: Int64?
  /// How many bytes were taken from it so far.
  private(set) var bytesRead: Int64 = 0
  /// The lines so far.
  private(set) var lineNumber: Int64 = 0

  private let descriptor: Int32
  private let isOwned: Bool
  private let maximumLine: Int
  private let buffer = ByteBuffer(capacity: Input.readSize)
  /// The bytes in front of this are used up.
  private var position = 0
  /// No newline lies between `position` and this.
  private var searched = 0
  private var hasEnded = false

  private static let readSize = 128 << 10
  /// So long records wait for company before they are given on: long enough to let a busy writer fill a batch,
  /// too short to be noticed.
  private static let pauseMilliseconds: Int32 = 5

  /// Opens `path`, or standard input for nil and for "-".
  init(path: String?, maximumLine: Int) throws(CommandFailure) {
    self.maximumLine = maximumLine
    if let path, path != "-" {
      name = path
      descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
      isOwned = true
      guard descriptor >= 0 else {
        throw .refused(
          "\(path): \(System.text(of: errno)); name a file that can be read, or - for standard input")
      }
    } else {
      name = "standard input"
      descriptor = System.standardInput
      isOwned = false
    }
    var status = stat()
    size =
      unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      ? Int64(status.st_size) : nil
  }

  deinit {
    if isOwned { close(descriptor) }
  }

  /// The memory that lines lie in.
  var bytes: Span<UInt8> {
    @_lifetime(borrow self) get { buffer.bytes }
  }

  /// The next line, or why there is none. `isHolding` says that somebody waits for `.pause`.
  mutating func next(isHolding: Bool) throws(CommandFailure) -> Event {
    while true {
      if let end = newline() {
        let line = position..<end
        try check(line.count)
        position = end + 1
        searched = position
        lineNumber += 1
        return .line(line)
      }
      if hasEnded {
        guard position < buffer.count else { return .end }
        let line = position..<buffer.count
        position = buffer.count
        lineNumber += 1
        return .line(line)
      }
      if Interruption.hasCome { return .interrupted }
      // A file is always ready.
      if size == nil {
        let patience = isHolding ? Self.pauseMilliseconds : -1
        switch Interruption.wait(for: descriptor, POLLIN, milliseconds: patience) {
        case .interrupted: return .interrupted
        case .timeout: return .pause
        case .ready: break
        }
      }
      try fill()
    }
  }

  /// Refuses a line that no batch can hold, before memory is taken for more of it.
  @inline(__always)
  private func check(_ count: Int) throws(CommandFailure) {
    guard count > maximumLine else { return }
    throw .refused(
      "\(name): line \(lineNumber + 1) has more than \(maximumLine) bytes, the most that a batch can hold; "
        + "the lines before it are in the log")
  }

  private mutating func newline() -> Int? {
    guard searched < buffer.count else { return nil }
    let found: Int? = unsafe buffer.bytes.withUnsafeBytes { bytes in
      let start = unsafe bytes.baseAddress! + searched
      guard let place = unsafe memchr(start, 10, bytes.count - searched) else { return nil }
      return unsafe place - UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
    }
    if found == nil { searched = buffer.count }
    return found
  }

  /// Reads once, behind the line that has begun.
  private mutating func fill() throws(CommandFailure) {
    let held = buffer.count - position
    try check(held)
    if position > 0 {
      buffer.moveToFront(position..<buffer.count)
      position = 0
      searched = held
    }
    if buffer.capacity - held < Self.readSize / 2 { buffer.reserve(held + max(held, Self.readSize)) }
    let room = min(buffer.capacity - held, max(Self.readSize, held))
    let descriptor = descriptor
    let count = buffer.withMutableBytes(from: held, count: room) { span in
      unsafe span.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress!, $0.count) }
    }
    if count < 0 {
      let code = errno
      // The caller's loop looks for signals, and waits where there is nothing yet.
      if code == EINTR || code == EAGAIN { return }
      throw .refused("\(name): \(System.text(of: code)); the lines before are in the log")
    }
    buffer.count = held + count
    bytesRead += Int64(count)
    hasEnded = count == 0
  }
}
