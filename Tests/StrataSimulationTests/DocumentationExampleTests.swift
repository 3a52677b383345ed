import Foundation
import StrataIO
import StrataSimulation
import Testing

// The text between the marks is the example of StrataSimulation.md, word for word.

// example: journal
/// Keeps numbers. Each that was appended is there for ever.
struct Journal {
  private let file: any File
  private(set) var entries: [UInt64] = []

  /// Opens the journal, creating it, and cuts what an interrupted append has left behind.
  init(_ environment: LogEnvironment) throws {
    file = try environment.fileSystem.open("journal", .create)
    try environment.fileSystem.synchronizeDirectory(".")
    let size = Int(try file.metadata().size)
    var bytes = [UInt8](repeating: 0, count: size)
    var buffer = bytes.mutableSpan
    _ = try file.read(into: &buffer, at: 0)
    while let entry = Self.decode(bytes.dropFirst(entries.count * 9).prefix(9)) { entries.append(entry) }
    if entries.count * 9 < size {
      try file.resize(to: Int64(entries.count * 9))
      try file.synchronize()
    }
  }

  mutating func append(_ entry: UInt64) throws {
    try file.write(Self.encode(entry).span, at: Int64(entries.count * 9))
    try file.synchronize()
    entries.append(entry)
  }

  /// Eight bytes, and their sum plus one, so that zeros are no entry.
  private static func encode(_ entry: UInt64) -> [UInt8] {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: entry >> (8 * $0)) }
    return bytes + [bytes.reduce(1, &+)]
  }

  private static func decode(_ bytes: ArraySlice<UInt8>) -> UInt64? {
    guard bytes.count == 9, bytes.dropLast().reduce(1, &+) == bytes.last else { return nil }
    return bytes.dropLast().reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
// example: end

// example: test
struct Lost: Error {
  var promised: [UInt64]
  var found: [UInt64]
}

@Test func nothingIsLost() throws {
  let explorer = CrashExplorer<UInt64>(
    workload: { run in
      var journal = try Journal(run.environment)
      for entry in UInt64(1)...4 {
        try journal.append(entry)
        run.promise(entry)
      }
    },
    recover: { environment in _ = try Journal(environment) },
    check: { survivor in
      var journal = try Journal(survivor.environment)
      // All that was promised, and at most one that nobody had heard of yet.
      guard journal.entries.starts(with: survivor.promises),
        journal.entries.count <= survivor.promises.count + 1
      else { throw Lost(promised: survivor.promises, found: journal.entries) }
      // And the journal still works.
      try journal.append(5)
      guard try Journal(survivor.environment).entries.last == 5 else { throw Lost(promised: [5], found: []) }
    })
  print(try explorer.explore())
}
// example: end

// example: seeds
@Test func nothingIsLostInAThousandRuns() throws {
  for seed in UInt64(0)..<1_000 {
    let disk = SimulatedDisk(seed: seed, crashAt: .seeded(limit: 300))
    var promised: [UInt64] = []
    do {
      var journal = try Journal(disk.environment)
      for entry in UInt64(0)..<100 {
        try journal.append(entry)
        promised.append(entry)
      }
    } catch { guard disk.hasCrashed else { throw error } }
    let found = try Journal(disk.afterCrash()).entries
    #expect(found.starts(with: promised), "\(disk)")
  }
}
// example: end

// example: faults
@Test func everyFailureIsReported() throws {
  for variant in FailedSync.allCases {
    let syncs = try SimulatedDisk.failEachCall(.failedSync(variant)) { disk in
      var promised: [UInt64] = []
      do {
        var journal = try Journal(disk.environment)
        for entry in UInt64(1)...3 {
          try journal.append(entry)
          promised.append(entry)
        }
      } catch let error as IOError { #expect(error.code == .device) }
      #expect(disk.leaks == nil)
      #expect(try Journal(disk.afterCrash()).entries.starts(with: promised))
    }
    #expect(syncs == 3)
  }
}
// example: end

@Suite struct DocumentationExampleTests {
  @Test func theExamplesAreThoseOfTheDocumentation() throws {
    let here = URL(filePath: #filePath)
    let page = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/StrataSimulation/StrataSimulation.docc/StrataSimulation.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let code = text.components(separatedBy: "```swift\n").dropFirst().map {
      $0.components(separatedBy: "```")[0].trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let source = try String(contentsOf: here, encoding: .utf8)
    let examples = source.components(separatedBy: "\n// example: ").dropFirst().compactMap { part in
      let lines = part.split(separator: "\n", maxSplits: 1)
      return lines[0] == "end" ? nil : lines[1].trimmingCharacters(in: .whitespacesAndNewlines)
    }
    #expect(code.count == 4)
    #expect(examples == code)
  }

  @Test func theExampleWithoutItsBarrierFails() throws {
    // The same exploration, on a disk that ignores the journal's synchronisations.
    var options = CrashExplorer<UInt64>.Options()
    options.faults = [FaultRule(.ignoredSync, on: [.synchronize], .every)]
    let explorer = CrashExplorer<UInt64>(
      options: options,
      workload: { run in
        var journal = try Journal(run.environment)
        try journal.append(1)
        run.promise(1)
      },
      check: { survivor in
        let entries = try Journal(survivor.environment).entries
        guard entries.starts(with: survivor.promises) else {
          throw Lost(promised: survivor.promises, found: entries)
        }
      })
    #expect(throws: CrashFailure.self) { try explorer.explore() }
  }
}
