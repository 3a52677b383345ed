internal import Glibc

/// Who has a log open for writing, asked without taking the lock.
enum WriterLock {
  /// The words that the holder of the lock file at `path` has left there; nil where nobody holds it.
  static func holder(of path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var request = flock()
    request.l_type = Int16(F_WRLCK)
    request.l_whence = Int16(SEEK_SET)
    guard unsafe fcntl(descriptor, F_GETLK, &request) == 0, request.l_type != Int16(F_UNLCK) else {
      return nil
    }
    var words = [UInt8](repeating: 0, count: 256)
    let count = unsafe words.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress!, $0.count) }
    let text = String(decoding: words.prefix(max(0, count)).prefix { $0 >= 0x20 }, as: UTF8.self)
    return text.isEmpty ? "another process" : text
  }
}
