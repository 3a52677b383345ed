import Foundation
import Strata
import Testing

/// The rules of the house that a machine can see to.
@Suite struct TidyTests {
  struct SourceFile {
    var path: String
    var lines: [Substring]
    var text: String
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Every Swift file below the folders, without what was built.
  static func files(_ folders: String..., ending: String = ".swift") throws -> [SourceFile] {
    try folders.flatMap { folder in
      let base = root + "/" + folder
      let names = try FileManager.default.subpathsOfDirectory(atPath: base)
      return try names.filter { $0.hasSuffix(ending) && !$0.contains(".build") }.sorted().map { name in
        let text = try String(contentsOfFile: base + "/" + name, encoding: .utf8)
        return SourceFile(
          path: folder + "/" + name, lines: text.split(separator: "\n", omittingEmptySubsequences: false),
          text: text)
      }
    }
  }

  @Test func noFileIsSoLongThatTwoThingsGotMixedUp() throws {
    for file in try Self.files("Sources", "Tests", "Benchmarks") where file.lines.count > 450 {
      Issue.record("\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func theLibrariesDoWithoutFoundation() throws {
    for file in try Self.files("Sources") where !file.path.contains("StrataCLI") {
      let imports = file.lines.filter { $0.contains("import Foundation") }
      #expect(imports.isEmpty, "\(file.path)")
    }
  }

  @Test func onlyTheFilesKnowTheSystem() throws {
    // malloc and memcpy are the C library's, and no system calls.
    let allowed = [
      "Sources/StrataIO/", "Sources/StrataCLI", "Sources/StrataLock",
      "Sources/StrataRecords/ByteBuffer.swift",
      "Sources/StrataSimulation/Memory.swift",
    ]
    for file in try Self.files("Sources") where file.text.contains("import Glibc") {
      #expect(allowed.contains { file.path.hasPrefix($0) }, "\(file.path) imports the C library")
    }
  }

  @Test func theUserNeedsOneImportAndSeesNoFileSystem() throws {
    for file in try Self.files("Sources/Strata") {
      #expect(!file.text.contains("@_exported public import StrataIO"), "\(file.path)")
    }
  }

  /// What makes something durable, or changes what a name or a size means, has a name that tests can leave out.
  @Test func everyBarrierHasItsName() throws {
    let calls = [
      #"\.synchronize\(\)"#, #"\.synchronizeDirectory\([^,()]*\)"#, #"\.resize\(to: [^,]*\)$"#,
      #"\.rename\([^,]*, to: [^,]*\)"#, #"[fF]ileSystem\.remove\([^,]*\)$"#,
    ]
    for file in try Self.files("Sources/Strata") where file.path != "Sources/Strata/Barrier.swift" {
      for (number, line) in file.lines.enumerated() {
        for call in calls where line.range(of: call, options: .regularExpression) != nil {
          if line.contains("durablePoint") || line.contains("//") { continue }
          Issue.record("\(file.path):\(number + 1) passes no barrier: \(line)")
        }
      }
    }
  }

  @Test func everyBarrierIsUsed() throws {
    let isDefinition = { (file: SourceFile) in
      file.path.hasSuffix("Barrier.swift") || file.path.hasSuffix("Safeguard.swift")
    }
    let sources = try Self.files("Sources/Strata").filter { !isDefinition($0) }
    for barrier in Barrier.allCases {
      let isUsed = sources.contains { $0.text.contains(".\(barrier.rawValue)") }
      #expect(isUsed, "no call passes the barrier \(barrier.rawValue)")
    }
    for safeguard in Safeguard.allCases {
      let isUsed = sources.contains { $0.text.contains("leavesOut(.\(safeguard.rawValue))") }
      #expect(isUsed, "nothing leaves the safeguard \(safeguard.rawValue) out")
    }
  }

  /// A verb that no model does is one of which nobody knows what it does beside the others.
  @Test func everyVerbIsOneOfAModels() throws {
    let models = try Self.files("Tests/StrataTests").filter { file in
      file.path.hasSuffix("ModelTests.swift") || file.path.hasSuffix("Crash/FaultedSession.swift")
    }
    #expect(models.count == 5)
    var verbs: Set<String> = []
    for file in try Self.files("Sources/Strata") {
      var type: Substring?
      for line in file.lines {
        if let opened = line.firstMatch(of: /^(?:public final class|(?:public )?extension) (\w+)/) {
          type = opened.1
        }
        guard type == "Log" || type == "LogDirectory",
          let verb = line.firstMatch(of: /^  public (?:static )?func (\w+)/)
        else { continue }
        verbs.insert("\(type!).\(verb.1)")
      }
    }
    #expect(verbs.count > 25 && verbs.contains("Log.truncate") && verbs.contains("LogDirectory.delete"))
    for verb in verbs.sorted() {
      let parts = verb.split(separator: ".")
      let isDirectory = parts[0] == "LogDirectory"
      let isDone = models.contains { model in
        (model.path.contains("DirectoryModel") || !isDirectory) && model.text.contains(".\(parts[1])(")
      }
      #expect(isDone, "no model does \(verb)")
    }
  }

  @Test func nothingIsLeftUnfinished() throws {
    let words = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
    for file in try Self.files("Sources", "Tests", "Benchmarks") {
      for word in words {
        let found = file.text.range(of: "\\b\(word)\\b", options: .regularExpression) != nil
        #expect(!found, "\(file.path) says \(word)")
      }
    }
  }

  @Test func theReadmesExampleIsTheOneThatIsRun() throws {
    let readme = try String(contentsOfFile: Self.root + "/README.md", encoding: .utf8)
    let example = try String(
      contentsOfFile: Self.root + "/Tests/StrataTests/ReadmeExample.swift", encoding: .utf8)
    let blocks = readme.components(separatedBy: "```swift\n").dropFirst().map {
      $0.components(separatedBy: "```")[0]
    }
    #expect(!blocks.isEmpty)
    for block in blocks {
      let code = block.replacingOccurrences(of: "import Strata\n", with: "").trimmingCharacters(in: .newlines)
      #expect(example.contains(code), "not run:\n\(code)")
    }
  }
}
