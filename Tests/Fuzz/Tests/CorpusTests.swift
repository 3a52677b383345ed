import Foundation
import StrataFuzzTargets
import Testing

/// What fuzzing has kept, given to its targets once more; and where each corpus begins.
@Suite struct CorpusTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("corpus")

  @Test(arguments: FuzzTarget.allCases) func everyInputThatWasKeptIsAnsweredAsPromised(target: FuzzTarget)
    throws
  {
    let folder = Self.folder.appendingPathComponent(target.rawValue)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    try #require(!names.isEmpty)
    for name in names {
      let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
      do { try target.run(bytes) } catch { Issue.record("\(target) \(name): \(error)") }
    }
  }

  @Test(arguments: FuzzTarget.allCases) func validInputsAreAnsweredAsPromised(target: FuzzTarget) throws {
    for (number, seed) in target.seeds().enumerated() {
      do { try target.run(seed) } catch { Issue.record("\(target) seed \(number): \(error)") }
    }
  }

  /// `Scripts/planted` plants these; what it looks for has to be there still.
  @Test func everyPlantedBugStillFitsTheSources() throws {
    let root = Self.folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let list = Self.folder.deletingLastPathComponent().appendingPathComponent("planted.txt")
    let lines = try String(contentsOf: list, encoding: .utf8).split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    #expect(lines.count >= 3)
    for line in lines {
      let fields = line.split(separator: "\t").map(String.init)
      try #require(fields.count == 5, "\(line)")
      #expect(FuzzTarget(rawValue: fields[1]) != nil)
      let source = try String(contentsOf: root.appendingPathComponent(fields[2]), encoding: .utf8)
      #expect(source.contains(fields[3]), "\(fields[0]) does not fit \(fields[2])")
    }
  }
}
