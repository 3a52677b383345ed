internal import Glibc

/// The folder that the benchmark works in. It is made anew below the one that the user named, and removed
/// in the end, also after SIGINT, SIGTERM and SIGHUP; nothing of the user's is ever touched.
public struct WorkDirectory: Sendable {
  /// The folder, for this process alone.
  public let path: String
  /// The folders above it that did not exist, outermost first.
  private let created: [String]

  /// Makes the folder below `parent`, which is created where it is missing.
  public init(below parent: String) throws(BenchmarkError) {
    var created: [String] = []
    var prefix = parent.hasPrefix("/") ? "/" : ""
    for part in parent.split(separator: "/") {
      prefix += prefix.isEmpty || prefix.hasSuffix("/") ? String(part) : "/" + part
      if unsafe mkdir(prefix, 0o755) == 0 {
        created.append(prefix)
      } else if errno != EEXIST {
        throw .system("mkdir", prefix)
      }
    }
    path = parent + "/strata-bench-\(getpid())-\(Clock.now % 1_000_000)"
    self.created = created
    guard unsafe mkdir(path, 0o755) == 0 else { throw .system("mkdir", path) }
  }

  /// The path of something in it.
  public func path(_ name: String) -> String { path + "/" + name }

  /// Removes everything in it, and it.
  public func remove() {
    WorkDirectory.removeTree(path)
    for directory in created.reversed() { unsafe rmdir(directory) }
  }

  /// Removes a file, or a folder with what is in it.
  public static func removeTree(_ path: String) {
    if unsafe unlink(path) == 0 { return }
    guard let directory = unsafe opendir(path) else { return }
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { removeTree(path + "/" + name) }
    }
    unsafe closedir(directory)
    unsafe rmdir(path)
  }

  /// From here on a signal that ends the process removes the folder first. To be called before another
  /// thread is started: threads inherit which signals they leave to the one that waits for them.
  public func removeOnSignals() throws(BenchmarkError) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    let directory = self
    let waiting = signals
    try Threads.start {
      var signals = waiting
      var number: Int32 = 0
      unsafe sigwait(&signals, &number)
      directory.remove()
      Progress().clear()
      _exit(128 + number)
    }
  }
}

extension Threads {
  /// Starts a thread that nobody waits for.
  static func start(_ body: @escaping @Sendable () -> Void) throws(BenchmarkError) {
    var thread = pthread_t()
    let job = unsafe Unmanaged.passRetained(Job(body))
    let failure = unsafe pthread_create(
      &thread, nil,
      { argument in
        unsafe Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, job.toOpaque())
    guard failure == 0 else { throw BenchmarkError("a thread cannot be started") }
    pthread_detach(thread)
  }
}
