internal import Glibc

/// What the figures were measured on.
public struct Machine: Sendable {
  public var kernel: String
  public var processor: String
  public var cores: Int
  public var memoryBytes: Int
  public var fileSystem: String
  public var device: String
  public var isDebugBuild: Bool
  /// How many threads of the whole machine wanted a processor in the last minute, before the benchmark began.
  public var load: Double

  /// Whether the file system lives in memory, so that synchronising means nothing.
  public var isInMemory: Bool { ["tmpfs", "ramfs"].contains(fileSystem) }

  /// Looks at the machine, and at the file system of `directory`, which exists.
  public init(directory: String) {
    var name = utsname()
    unsafe uname(&name)
    kernel = Machine.text(name.sysname) + " " + Machine.text(name.release) + " " + Machine.text(name.machine)
    processor = Machine.value(of: "model name", in: Machine.read("/proc/cpuinfo")) ?? "unknown"
    cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    memoryBytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    (fileSystem, device) = Machine.mount(of: directory)
    load = Double(Machine.read("/proc/loadavg").split(separator: " ").first ?? "") ?? 0
    #if DEBUG
      isDebugBuild = true
    #else
      isDebugBuild = false
    #endif
  }

  /// Bytes that can still be written to the file system of `directory`.
  public static func freeBytes(_ directory: String) -> Int {
    var status = statvfs()
    guard unsafe statvfs(directory, &status) == 0 else { return .max }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// The lines that stand above the tables.
  public var lines: [String] {
    let gibibytes = Units.fixed(Double(memoryBytes) / Double(1 << 30), 1)
    let busy = load > 0.5 ? "; other work disturbs the figures" : ""
    return [
      "\(processor), \(cores) cores, \(gibibytes) GiB, \(kernel)",
      "\(fileSystem) on \(device), \(isDebugBuild ? "DEBUG build" : "release build"), "
        + "load \(Units.fixed(load, 1))\(busy)",
    ]
  }

  /// For `environment` of the JSON.
  public var members: [JSON.Member] {
    [
      JSON.Member("kernel", .string(kernel)), JSON.Member("processor", .string(processor)),
      JSON.Member("cores", .integer(cores)), JSON.Member("memoryBytes", .integer(memoryBytes)),
      JSON.Member("fileSystem", .string(fileSystem)), JSON.Member("device", .string(device)),
      JSON.Member("fileSystemInMemory", .bool(isInMemory)), JSON.Member("load", .number(load)),
      JSON.Member("build", .string(isDebugBuild ? "debug" : "release")),
    ]
  }

  /// The type and the source of the file system that `directory` is on, by its device number.
  private static func mount(of directory: String) -> (type: String, device: String) {
    var status = stat()
    guard unsafe stat(directory, &status) == 0 else { return ("unknown", "unknown") }
    let device = status.st_dev
    let number = "\((device >> 8) & 0xFFF):\((device & 0xFF) | ((device >> 12) & 0xFFF00))"
    for line in read("/proc/self/mountinfo").split(separator: "\n") {
      // id parent major:minor root mount options … - type source …
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[2] == number, let dash = fields.firstIndex(of: "-"),
        fields.count > dash + 2
      else { continue }
      return (String(fields[dash + 1]), String(fields[dash + 2]))
    }
    return ("unknown", number)
  }

  private static func value(of key: String, in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      return String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    return nil
  }

  /// A file of /proc, whose size cannot be asked for.
  private static func read(_ path: String) -> String {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return "" }
    defer { close(number) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress!, $0.count) }
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A C array of characters that ends with a zero.
  private static func text<T>(_ characters: T) -> String {
    unsafe withUnsafeBytes(of: characters) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
