internal import Glibc

/// A file of text that is read and written whole.
public enum TextFile {
  /// The most that is read of a file, in bytes: a result has less than a kilobyte.
  static let maximumBytes = 64 << 20

  /// The bytes of the file at `path`.
  public static func read(_ path: String) throws(BenchmarkError) -> [UInt8] {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw .system("open", path) }
    defer { close(number) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress!, $0.count) }
      guard count >= 0 else { throw .system("read", path) }
      if count == 0 { return bytes }
      bytes += piece[..<count]
      guard bytes.count <= maximumBytes else {
        throw BenchmarkError("\(path): more than \(Units.size(maximumBytes)); take a file that --json wrote")
      }
    }
  }

  public static func write(_ text: String, to path: String) throws(BenchmarkError) {
    let number = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard number >= 0 else { throw .system("open", path) }
    defer { close(number) }
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe Glibc.write(number, bytes.baseAddress! + done, bytes.count - done)
      }
      guard count > 0 else { throw .system("write", path) }
      done += count
    }
  }
}
