#if os(Linux)
  import Foundation
  import StrataIO
  import Testing

  /// A lock has one exclusive holder or many shared ones, whoever they are.
  struct LockTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
      directory = try TemporaryDirectory()
      path = directory[".lock"]
    }

    private func lock(_ mode: LockMode, _ holder: String = "x") throws -> any FileLock {
      try directory.fileSystem.lock(path, mode, holder: holder)
    }

    @Test func exclusiveHoldersConflictInOneProcess() throws {
      let first = try lock(.exclusive, "process 123 (orders) on here")
      for mode in [LockMode.exclusive, .shared] {
        let refused = try #require(try error { _ = try lock(mode) })
        #expect(refused.code == .locked)
        #expect(refused.operation == "lock")
        #expect(refused.path == path)
        #expect(refused.detail == "held by process 123 (orders) on here")
      }
      first.release()
      first.release()
      let second = try lock(.exclusive, "two")
      #expect(try error { _ = try lock(.shared) }?.detail == "held by two")
      second.release()
    }

    @Test func sharedHoldersConflictWithExclusiveOnesAlone() throws {
      try lock(.exclusive, "an old holder").release()
      let first = try lock(.shared)
      let second = try lock(.shared)
      // The text in the file is not theirs.
      #expect(try error { _ = try lock(.exclusive) }?.detail == "held by another process")
      first.release()
      #expect(try error { _ = try lock(.exclusive) }?.code == .locked)
      second.release()
      try lock(.exclusive).release()
    }

    @Test func theLastReferenceReleases() throws {
      var held: (any FileLock)? = try lock(.exclusive)
      #expect(try error { _ = try lock(.exclusive) }?.code == .locked)
      withExtendedLifetime(held) {}
      held = nil
      try lock(.exclusive).release()
    }

    @Test func theFileStaysAndNamesOneHolder() throws {
      try lock(.exclusive, "a long first holder").release()
      try lock(.exclusive, "second").release()
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "second\n")
    }

    @Test func whatIsInTheFileIsNotTrusted() throws {
      let held = try lock(.exclusive, "")
      #expect(try error { _ = try lock(.shared) }?.detail == "held by another process")
      try Data("\u{1B}[2Jodd\0 name\nmore".utf8).write(to: URL(fileURLWithPath: path), options: [])
      #expect(try error { _ = try lock(.shared) }?.detail == "held by [2Jodd name")
      held.release()
    }

    /// Java takes its locks the way Python does here.
    @Test func otherProcessesConflict() throws {
      guard let python = Self.python else {
        print("skipped: no python3 to hold a lock in another process")
        return
      }
      // Ours first: the other process must not get it.
      let held = try lock(.exclusive)
      #expect(try Self.run(python, tryLock, path) == "refused\n")
      held.release()
      #expect(try Self.run(python, tryLock, path) == "locked\n")

      // Then theirs: we must not get it, and are told whose it is.
      let (process, input, output) = try Self.start(python, tryLock + "sys.stdin.read()", path)
      #expect(output.availableData == Data("locked\n".utf8))
      let refused = try #require(try error { _ = try lock(.exclusive) })
      #expect(refused.code == .locked)
      #expect(refused.detail.hasPrefix("held by process \(process.processIdentifier) (python"))
      try input.close()
      process.waitUntilExit()
      try lock(.exclusive).release()
    }

    private let tryLock = """
      import fcntl, sys
      f = open(sys.argv[1], "r+")
      try:
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        answer = "locked\\n"
      except OSError:
        answer = "refused\\n"
      sys.stdout.write(answer)
      sys.stdout.flush()

      """

    private static var python: String? {
      ["/usr/bin/python3", "/usr/local/bin/python3"].first(where: FileManager.default.isExecutableFile)
        ?? ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map { $0 + "/python3" }
        .first(where: FileManager.default.isExecutableFile)
    }

    private static func start(
      _ program: String, _ arguments: String...
    ) throws -> (Process, input: FileHandle, output: FileHandle) {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["-c"] + arguments
      let (input, output) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      return (process, input.fileHandleForWriting, output.fileHandleForReading)
    }

    private static func run(_ program: String, _ script: String, _ argument: String) throws -> String {
      let (process, input, output) = try start(program, script, argument)
      try input.close()
      let text = String(decoding: output.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return text
    }
  }
#endif
