#if os(Linux)
  import StrataIO
  import Testing

  /// A file's size and its blocks are two things.
  struct SizeAndBlockTests {
    let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test func resizingCutsAndGrowsWithZeros() throws {
      let file = try directory.file("a", pattern(100))
      try file.resize(to: 40)
      #expect(try file.bytes(count: 200) == Array(pattern(100)[..<40]))
      try file.resize(to: 60)
      #expect(try file.bytes(count: 200) == Array(pattern(100)[..<40]) + [UInt8](repeating: 0, count: 20))
    }

    @Test func blocksAreReservedBehindTheSize() throws {
      let file = try directory.file("a", pattern(10))
      guard try supports({ try file.preallocate(0..<1_048_576, keepingSize: true) }) else { return }
      let reserved = try file.metadata()
      #expect(reserved.size == 10)
      #expect(reserved.allocatedSize >= 1_048_576)
      try file.resize(to: 10)
      #expect(try file.metadata().allocatedSize < 1_048_576)
      #expect(try file.bytes(count: 20) == pattern(10))
    }

    @Test func blocksAreReservedWithTheSize() throws {
      let file = try directory.file("a", pattern(10))
      guard try supports({ try file.preallocate(4_096..<65_536, keepingSize: false) }) else { return }
      #expect(try file.metadata().size == 65_536)
      #expect(try file.bytes(count: 100) == pattern(10) + [UInt8](repeating: 0, count: 90))
      try file.preallocate(200_000..<200_000, keepingSize: false)
      #expect(try file.metadata().size == 65_536)
    }

    @Test func metadataTellsFilesApart() throws {
      let (a, b) = (try directory.file("a", pattern(3)), try directory.file("b"))
      let metadata = try #require(try directory.fileSystem.metadata(directory["a"]))
      #expect(try a.metadata() == metadata)
      #expect(metadata.kind == .file)
      #expect(metadata.size == 3)
      #expect(metadata.linkCount == 1)
      #expect(try b.metadata().identity != metadata.identity)
      #expect(try directory.fileSystem.metadata(directory.path)?.kind == .directory)
      #expect(try directory.fileSystem.metadata("/dev/null")?.kind == .other)
      #expect(try directory.fileSystem.metadata(directory["none"]) == nil)
      let age = LogEnvironment.system.wallClockMilliseconds() - metadata.modificationTime
      #expect(abs(age) < 60_000)
    }

    @Test func synchronizingSucceeds() throws {
      let file = try directory.file("a", pattern(3))
      try file.synchronize()
      try directory.fileSystem.synchronizeDirectory(directory.path)
      #expect(try directory.fileSystem.freeSpace(directory.path) > 0)
    }

    /// False, and said so, on a file system that cannot reserve blocks.
    private func supports(_ body: () throws -> Void) throws -> Bool {
      guard let error = try error(of: body) else { return true }
      guard error.code == .unsupported else { throw error }
      print("skipped: \(error)")
      return false
    }
  }
#endif
