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
}
