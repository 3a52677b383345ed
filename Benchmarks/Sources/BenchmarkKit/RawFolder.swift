internal import Glibc

/// Folders by bare system calls.
public enum RawFolder {
  /// Creates a folder.
  public static func create(_ path: String) throws(BenchmarkError) {
    guard unsafe mkdir(path, 0o755) == 0 else { throw .system("mkdir", path) }
  }

  /// The names in a folder, without `.` and `..`, in no order.
  public static func names(_ path: String) throws(BenchmarkError) -> [String] {
    guard let directory = unsafe opendir(path) else { throw .system("opendir", path) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Lists a folder and asks what each entry is. Returns how many are folders.
  public static func countFolders(in path: String) throws(BenchmarkError) -> Int {
    var folders = 0
    for name in try names(path) {
      var status = stat()
      let entry = path + "/" + name
      guard unsafe stat(entry, &status) == 0 else { throw .system("stat", entry) }
      if status.st_mode & S_IFMT == S_IFDIR { folders += 1 }
    }
    return folders
  }

  /// Lists a folder of files, and opens each, asks its size and reads its first bytes, as far as `memory` takes.
  public static func touchFiles(in path: String, _ memory: Memory) throws(BenchmarkError) {
    for name in try names(path) {
      let file = try RawFile(opening: path + "/" + name)
      _ = try file.size()
      _ = try file.read(memory, memory.count, at: 0)
    }
  }

  /// The contents of a folder of files, by name.
  public static func contents(of path: String) throws(BenchmarkError) -> [(name: String, bytes: [UInt8])] {
    var files: [(name: String, bytes: [UInt8])] = []
    for name in try names(path).sorted() {
      let file = try RawFile(opening: path + "/" + name)
      let size = try file.size()
      let memory = Memory(count: size)
      guard try file.read(memory, size, at: 0) == size else {
        throw BenchmarkError("\(path)/\(name) became shorter while it was read")
      }
      files.append((name, memory.array(size)))
    }
    return files
  }

  /// Makes a folder with these files.
  public static func make(
    _ path: String, _ files: [(name: String, bytes: [UInt8])]
  ) throws(BenchmarkError) {
    try create(path)
    for file in files {
      let name = path + "/" + file.name
      let number = unsafe open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      guard number >= 0 else { throw .system("open", name) }
      defer { close(number) }
      let written = unsafe file.bytes.withUnsafeBytes { unsafe write(number, $0.baseAddress, $0.count) }
      guard written == file.bytes.count else { throw .system("write", name) }
    }
  }
}
