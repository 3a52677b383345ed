import Foundation
import Testing

/// The program whose instructions `Scripts/guard` counts.
@Suite struct GuardTests {
  /// It lies beside the tests.
  static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("strata-guard").path

  private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  private func paths() throws -> [String] {
    try run(["list"]).output.split(separator: "\n").map(String.init)
  }

  @Test func everyHotPathDoesTwiceAsMuchForTwoAsForOne() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("strata-guard-tests-\(UUID().uuidString)").path
    let paths = try paths()
    #expect(paths.count >= 5)
    for path in paths {
      let once = try run([path, "1", directory])
      let twice = try run([path, "2", directory])
      let count = try #require(Int(once.output.trimmingCharacters(in: .newlines)), "\(path)")
      #expect(once.status == 0 && twice.status == 0 && count > 0)
      #expect(Int(twice.output.trimmingCharacters(in: .newlines)) == 2 * count, "\(path)")
    }
    #expect(!FileManager.default.fileExists(atPath: directory), "the directory was left behind")
  }

  @Test func everyHotPathHasABound() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("guard.txt")
    let bounds = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ") }
    #expect(bounds.allSatisfy { $0.count == 2 && Double($0[1]).map { $0 > 0 } == true })
    #expect(try bounds.map { String($0[0]) }.sorted() == paths().sorted())
  }

  @Test func whatIsNoPathIsRefused() throws {
    #expect(try run(["nonsense", "1", "/tmp"]).status == 2)
    #expect(try run(["scan", "0", "/tmp"]).status == 2)
    #expect(try run([]).status == 2)
  }
}
