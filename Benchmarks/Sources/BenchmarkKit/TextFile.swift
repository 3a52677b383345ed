internal import Glibc

/// A file of text that is written whole.
public enum TextFile {
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
