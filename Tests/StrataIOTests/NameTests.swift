#if os(Linux)
  import StrataIO
  import Testing

  /// Names of files come, change and go.
  struct NameTests {
    let directory: TemporaryDirectory
    var fileSystem: LinuxFileSystem { directory.fileSystem }

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test func listingHasEveryNameOnce() throws {
      #expect(try fileSystem.list(directory.path) == [])
      let names = (0..<500).map { "file \($0) é" } + [".hidden", String(repeating: "n", count: 255)]
      for name in names { try directory.file(name).close() }
      try fileSystem.createDirectory(directory["folder"])
      #expect(try fileSystem.list(directory.path).sorted() == (names + ["folder"]).sorted())
    }

    @Test func renamingReplaces() throws {
      let old = try directory.file("a", [1])
      _ = try directory.file("b", [2])
      try fileSystem.rename(directory["a"], to: directory["b"])
      #expect(try fileSystem.list(directory.path) == ["b"])
      #expect(try fileSystem.open(directory["b"], .read).bytes(count: 9) == [1])
      #expect(old.path == directory["a"])
      try old.write([3].span, at: 0)
      #expect(try fileSystem.open(directory["b"], .read).bytes(count: 9) == [3])
    }

    @Test func linkingAddsAName() throws {
      let file = try directory.file("a", [1])
      try fileSystem.link(directory["a"], to: directory["b"])
      #expect(try file.metadata().linkCount == 2)
      let again = try error { try fileSystem.link(directory["a"], to: directory["b"]) }
      #expect(again?.code == .alreadyExists)
      #expect(again?.path == directory["a"])
      #expect(again?.detail.hasSuffix("(to \(directory["b"]))") == true)
      try fileSystem.remove(directory["a"])
      #expect(try fileSystem.open(directory["b"], .read).bytes(count: 9) == [1])
      #expect(try file.metadata().linkCount == 1)
    }

    @Test func aRemovedFileStaysOpen() throws {
      let file = try directory.file("a", [1])
      try fileSystem.remove(directory["a"])
      #expect(try file.bytes(count: 9) == [1])
      #expect(try file.metadata().linkCount == 0)
    }

    @Test func modesCreateOrDoNot() throws {
      let path = directory["a"]
      #expect(try error { _ = try fileSystem.open(path, .readWrite) }?.code == .notFound)
      try fileSystem.open(path, .create).write([1].span, at: 0)
      #expect(try fileSystem.open(path, .create).bytes(count: 9) == [1])
      #expect(try error { _ = try fileSystem.open(path, .createNew) }?.code == .alreadyExists)
      let reader = try fileSystem.open(path, .read)
      let refused = try error { try reader.write([1].span, at: 0) }
      #expect(refused?.operation == "write")
      try fileSystem.open(path, .readWrite).write([2].span, at: 0)
      #expect(try reader.bytes(count: 9) == [2])
    }

    @Test func onlyEmptyDirectoriesAreRemoved() throws {
      try fileSystem.createDirectory(directory["d"])
      #expect(try error { try fileSystem.createDirectory(directory["d"]) }?.code == .alreadyExists)
      _ = try directory.file("d/a")
      #expect(try error { try fileSystem.removeDirectory(directory["d"]) }?.code == .alreadyExists)
      try fileSystem.remove(directory["d/a"])
      try fileSystem.removeDirectory(directory["d"])
      #expect(try fileSystem.metadata(directory["d"]) == nil)
    }
  }
#endif
