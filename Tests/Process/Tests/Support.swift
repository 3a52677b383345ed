import Foundation
import Testing

/// A folder of a test's own, gone with it.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "strata-process-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// A program that was run to its end.
struct Finished {
  var status: Int32
  var output: String
  var errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

enum Programs {
  /// The process that the tests start; it lies beside the test bundle.
  static let helper: String = {
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    return [folder, Bundle.main.bundleURL].map { $0.appending(path: "StrataTestProcess").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "StrataTestProcess is not built"
  }()

  /// Where a program of this name is, if it is installed.
  static func find(_ name: String) -> String? {
    ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].map { $0 + name }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a program to its end; by way of files, so that no pipe ever fills up.
  static func run(_ program: String, _ arguments: [String], in scratch: Scratch) throws -> Finished {
    let mark = UUID().uuidString
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: scratch.path)
    process.standardInput = FileHandle.nullDevice
    let paths = [scratch(mark + ".out"), scratch(mark + ".err")]
    for path in paths { try Data().write(to: URL(filePath: path)) }
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: paths[0]))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: paths[1]))
    try process.run()
    process.waitUntilExit()
    let texts = try paths.map { String(decoding: try Data(contentsOf: URL(filePath: $0)), as: UTF8.self) }
    for path in paths { try FileManager.default.removeItem(atPath: path) }
    let signal = process.terminationReason == .uncaughtSignal
    return Finished(
      status: signal ? -process.terminationStatus : process.terminationStatus, output: texts[0],
      errors: texts[1])
  }
}

/// A process that goes on while the test listens to it.
final class Running {
  private let process = Process()
  private let output = Pipe()
  private var rest = Data()
  private(set) var lines: [String] = []

  init(_ arguments: [String]) throws {
    process.executableURL = URL(filePath: Programs.helper)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    try process.run()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  /// Reads until there are so many lines, or the process has closed its output.
  func listen(until count: Int) {
    while lines.count < count {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { return }
      rest += data
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        lines.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
        rest = Data(rest[(end + 1)...])
      }
    }
  }

  /// Kills it, as the system does, and hears what it had said before.
  func end() {
    kill(process.processIdentifier, SIGKILL)
    listen(until: .max)
    process.waitUntilExit()
  }
}

/// Says why a test has looked at nothing, or fails where it has to.
func skip(_ reason: String) {
  print("skipped: \(reason)")
}
