import StrataIO
import StrataLock
import StrataSimulation
import Testing

/// A program that saves a document as programs do: beside the old one, renamed over it. Any of its barriers
/// can be left out.
struct Saver: Sendable {
  enum Step: CaseIterable {
    case synchronizeFile, synchronizeDirectory, renameLast, synchronizeParent
  }

  var omitted: Step?

  func save(_ byte: UInt8, _ environment: LogEnvironment) throws {
    let fileSystem = environment.fileSystem
    if try fileSystem.metadata("docs") == nil {
      try fileSystem.createDirectory("docs")
      if omitted != .synchronizeParent { try fileSystem.synchronizeDirectory(".") }
    }
    let file = try fileSystem.open("docs/new", .create)
    if omitted == .renameLast { try fileSystem.rename("docs/new", to: "docs/text") }
    try file.resize(to: 0)
    try file.write(page(byte, 2).span, at: 0)
    if omitted != .synchronizeFile { try file.synchronize() }
    if omitted != .renameLast { try fileSystem.rename("docs/new", to: "docs/text") }
    if omitted != .synchronizeDirectory { try fileSystem.synchronizeDirectory("docs") }
  }

  struct Lost: Error {
    var promised: UInt8
    var found: [UInt8]?
  }

  /// Explores three saves. A document is one of those saved, whole, and at least as new as promised.
  func explorer(_ options: CrashExplorer<UInt8>.Options = .init()) -> CrashExplorer<UInt8> {
    CrashExplorer(
      options: options,
      workload: { run in
        for byte in UInt8(1)...3 {
          try save(byte, run.environment)
          run.promise(byte)
        }
      },
      check: { survivor in
        let promised = survivor.promises.last ?? 0
        let found = try? survivor.environment.read("docs/text")
        guard promised > 0 || found != nil else { return }
        guard let byte = found?.first, byte >= promised, found == page(byte, 2) else {
          throw Lost(promised: promised, found: found)
        }
      })
  }
}

/// The explorer finds what is wrong with a program, and passes what is right.
@Suite struct CrashExplorerTests {
  @Test func aProgramWithAllItsBarriersPasses() throws {
    let report = try Saver().explorer().explore()
    #expect(report.calls == 26 && report.crashPoints == 27)
    #expect(report.enumeratedCrashPoints == report.distinctCrashPoints)
    #expect(report.enumeratedStates > 50 && report.sampledStates > 50)
  }

  @Test(arguments: Saver.Step.allCases) func eachMissingBarrierIsFound(_ step: Saver.Step) throws {
    let explorer = Saver(omitted: step).explorer()
    let failure = #expect(throws: CrashFailure.self) { try explorer.explore() }
    #expect(failure?.error is Saver.Lost)
  }

  @Test(arguments: Saver.Step.allCases) func eachMissingBarrierIsFoundBySamplesToo(_ step: Saver.Step) throws
  {
    var options = CrashExplorer<UInt8>.Options()
    options.maximumStates = 0
    options.samples = 100
    let failure = #expect(throws: CrashFailure.self) { try Saver(omitted: step).explorer(options).explore() }
    #expect(failure?.token.description.contains("~") == true)
  }

  /// The barriers switched off from outside, by a disk that ignores them.
  @Test(arguments: [Call.Operation.synchronize, .synchronizeDirectory]) func ignoredBarriersAreFound(
    _ operation: Call.Operation
  ) throws {
    var options = CrashExplorer<UInt8>.Options()
    options.faults = [FaultRule(.ignoredSync, on: [operation], .every)]
    #expect(throws: CrashFailure.self) { try Saver().explorer(options).explore() }
  }

  @Test func aFailureReplaysFromItsTextAlone() throws {
    let explorer = Saver(omitted: .synchronizeFile).explorer()
    let failure = try #require(#expect(throws: CrashFailure.self) { try explorer.explore() })
    #expect(failure.description.contains("replay with CrashToken(\"\(failure.token)\")"))
    #expect(failure.description.contains("rename docs/new to docs/text"))
    let token = try #require(CrashToken(failure.token.description))
    let again = #expect(throws: CrashFailure.self) { try explorer.replay(token) }
    #expect(again?.description == failure.description)
    // The program with its barrier back has no such failure; another program has no such crash.
    #expect(throws: Never.self) { try Saver().explorer().replay(CrashToken("0:1:0")!) }
    #expect(throws: CrashExplorerError.self) { try explorer.replay(CrashToken("0:99:0")!) }
    #expect(throws: CrashExplorerError.self) { try explorer.replay(CrashToken("0:1:99")!) }
  }

  @Test func tokensAreText() {
    for text in ["1:2:3", "1:2:~3", "1:2:3:4:5", "1:2:~3:4:~5"] {
      #expect(CrashToken(text)?.description == text)
    }
    for text in ["", "1:2", "1:2:3:4", "a:2:3", "1:2:-3", "1:2:3:4:x", "1:2:~"] {
      #expect(CrashToken(text) == nil)
    }
  }

  /// Appends under a length in a file of its own; recovery cuts what the length does not cover. The bug is in
  /// the recovery: it forgets the length before the bytes are gone.
  func journal(isBroken: Bool, _ options: CrashExplorer<Int>.Options = .init()) -> CrashExplorer<Int> {
    struct Wrong: Error {
      var size: Int
      var promised: Int
    }
    @Sendable func recover(_ environment: LogEnvironment) throws {
      let fileSystem = environment.fileSystem
      guard let length = try environment.read("length")?.first else { return }
      let file = try fileSystem.open("data", .readWrite)
      if isBroken {
        let mark = try fileSystem.open("length", .readWrite)
        try mark.resize(to: 0)
        try mark.synchronize()
      }
      try file.resize(to: Int64(length))
      try file.synchronize()
      if isBroken { try environment.write("length", [length]).synchronize() }
    }
    return CrashExplorer(
      options: options,
      prepare: { disk in
        disk.install("data", [1, 1])
        disk.install("length", [2])
      },
      workload: { run in
        let file = try run.environment.fileSystem.open("data", .readWrite)
        try file.write([1, 1].span, at: 2)
        try file.synchronize()
        try run.environment.write("length", [4]).synchronize()
        run.promise(4)
      },
      recover: recover,
      check: { survivor in
        try recover(survivor.environment)
        let size = try survivor.environment.read("data")!.count
        let length = Int(try survivor.environment.read("length")?.first ?? 0)
        guard size == length, size >= survivor.promises.last ?? 2 else {
          throw Wrong(size: size, promised: survivor.promises.last ?? 2)
        }
      })
  }

  @Test func aRecoveryThatCannotBeInterruptedIsFound() throws {
    var options = CrashExplorer<Int>.Options()
    #expect(try journal(isBroken: false).explore().recoveryCrashPoints > 10)
    let failure = try #require(
      #expect(throws: CrashFailure.self) { try journal(isBroken: true).explore() })
    #expect(failure.token.recoveryCall != nil)
    #expect(failure.description.contains("of the recovery"))
    let again = #expect(throws: CrashFailure.self) { try journal(isBroken: true).replay(failure.token) }
    #expect(again?.description == failure.description)
    // Without a second crash nobody would know.
    options.recoveries = 0
    #expect(throws: Never.self) { try journal(isBroken: true, options).explore() }
  }

  @Test func everyCrashIsAnnounced() throws {
    let tokens = Lock<Set<CrashToken>>([])
    var options = CrashExplorer<UInt8>.Options()
    options.willTry = { token in _ = tokens.withLock { $0.insert(token) } }
    let report = try Saver().explorer(options).explore()
    #expect(tokens.withLock { $0.count } == report.states)
  }

  @Test func aWorkloadThatDiffersFromRunToRunIsRefused() throws {
    let explorer = CrashExplorer<Int>(
      workload: { run in
        _ = try run.environment.fileSystem.open("\(UInt64.random(in: 0 ... .max))", .create)
      }, check: { _ in })
    #expect(throws: CrashExplorerError.self) { try explorer.explore() }
  }

  @Test func errorsOfTheWorkloadComeOut() throws {
    let explorer = CrashExplorer<Int>(
      workload: { _ = try $0.environment.fileSystem.open("a", .read) }, check: { _ in })
    #expect(throws: IOError.self) { try explorer.explore() }
  }

  @Test func aCrashPointOfThirteenUnitsIsEnumeratedWhole() throws {
    var options = CrashExplorer<Int>.Options()
    options.recoveries = 0
    options.maximumStates = 10_000
    options.samplesBesides = 0
    let explorer = CrashExplorer<Int>(
      options: options,
      prepare: { $0.install("a", page(0, 12)) },
      workload: { run in
        try run.environment.fileSystem.rename("a", to: "b")
        try run.environment.write("b", page(1, 12))
      },
      check: { survivor in
        guard survivor.disk.listing().count == 1 else { throw CancellationError() }
      })
    let report = try explorer.explore()
    #expect(report.largestEnumeratedUnits == 13)
    // Before the rename, after it, after opening and writing, and at the end, when the file is closed.
    #expect(report.enumeratedStates == 1 + 2 + 2 * 4096)
    #expect((report + report).enumeratedStates == 2 * report.enumeratedStates)
    #expect(report.description.contains("up to 13 dirty units"))
  }

  @Test func theCallsCanBeComparedWithThoseOfARealRun() throws {
    let disk = steadyDisk()
    try Saver().save(1, disk.environment)
    #expect(
      disk.calls.map(\.description) == [
        "metadata docs", "createDirectory docs", "synchronizeDirectory .", "open docs/new",
        "resize docs/new at 0", "write docs/new at 0 length 8192", "synchronize docs/new",
        "rename docs/new to docs/text", "synchronizeDirectory docs", "close docs/new",
      ])
  }
}
