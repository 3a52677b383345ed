import Foundation
import Strata
import Testing

/// The command, run as its users run it: the built binary, its output, its status.
struct Command {
  var status: Int32
  var output: Data
  var errors: String

  /// The binary lies beside the test bundle.
  static let path: String = {
    let bundle = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let candidates = [bundle, Bundle.main.bundleURL, URL(filePath: ".build/debug")]
    return candidates.map { $0.appending(path: "strata").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "strata is not built"
  }()

  /// Lines of the output, without the newlines.
  var lines: [String] {
    String(decoding: output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map(String.init)
  }

  /// The objects of the output, one a line.
  func objects() throws -> [[String: Any]] {
    try lines.map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
  }
}

/// A folder of a test's own, gone with it.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "strata-cli-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ bytes: some DataProtocol, to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  /// Runs `strata` to its end. Everything goes by way of files, so that no pipe ever fills up.
  func strata(_ arguments: String..., input: Data = Data()) throws -> Command {
    try run(Command.path, arguments, input: input)
  }

  /// Runs a line of the shell; `$S` is the command.
  func shell(_ line: String) throws -> Command {
    try run("/bin/bash", ["-c", line], input: Data())
  }

  private func run(_ program: String, _ arguments: [String], input: Data) throws -> Command {
    let mark = UUID().uuidString
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: path)
    process.environment = ["S": Command.path, "PATH": "/usr/bin:/bin"]
    process.standardInput = try FileHandle(forReadingFrom: URL(filePath: write(input, to: mark + ".in")))
    let outputs = [mark + ".out", mark + ".err"]
    for name in outputs { try write(Data(), to: name) }
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: file(outputs[0])))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: file(outputs[1])))
    try process.run()
    process.waitUntilExit()
    let results = try outputs.map { try Data(contentsOf: URL(filePath: file($0))) }
    for name in outputs + [mark + ".in"] { try FileManager.default.removeItem(atPath: file(name)) }
    return Command(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: results[0], errors: String(decoding: results[1], as: UTF8.self))
  }
}

/// A command that goes on while the test talks to it.
final class RunningCommand {
  private let process = Process()
  private let input = Pipe()
  private let output: FileHandle
  private let errorPath: String
  private let outputPath: String

  init(_ scratch: Scratch, _ arguments: String...) throws {
    let mark = UUID().uuidString
    outputPath = try scratch.write(Data(), to: mark + ".out")
    errorPath = try scratch.write(Data(), to: mark + ".err")
    output = try FileHandle(forWritingTo: URL(filePath: outputPath))
    process.executableURL = URL(filePath: Command.path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: scratch.path)
    process.standardInput = input
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: URL(filePath: errorPath))
    try process.run()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  func send(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }
  func closeInput() throws { try input.fileHandleForWriting.close() }
  var isRunning: Bool { process.isRunning }
  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits until the output has so many lines, a minute at most.
  func waitForLines(_ count: Int) async throws -> [String] {
    for _ in 0..<6000 {
      let text = try String(decoding: Data(contentsOf: URL(filePath: outputPath)), as: UTF8.self)
      let lines = text.split(separator: "\n").map(String.init)
      if lines.count >= count { return lines }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw Timeout()
  }

  /// The status and what went to standard error, at the end; a minute at most.
  func end() async throws -> (status: Int32, errors: String) {
    for _ in 0..<6000 where process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    guard !process.isRunning else { throw Timeout() }
    let errors = try String(decoding: Data(contentsOf: URL(filePath: errorPath)), as: UTF8.self)
    return (
      process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus, errors
    )
  }

  struct Timeout: Error {}
}

/// The folder of segments that other implementations wrote.
enum Fixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures").path

  static func names(in subfolder: String = "") -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + subfolder)) ?? []
    return files.filter { $0.hasSuffix(".log") }.map { String($0.dropLast(4)) }.sorted()
  }

  static func path(_ name: String) -> String { folder + "/" + name }

  static func manifest(_ name: String) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(filePath: path(name + ".json")))
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }
}

extension Trait where Self == ConditionTrait {
  /// Most fixtures hold batches of several codecs; a build that leaves one out cannot read them.
  static var needsEveryCodec: ConditionTrait {
    .enabled(
      if: Compression.Codec.allCases.allSatisfy { Compression.isBuilt($0) },
      "a codec is left out of this build")
  }
}
