#if os(Linux)
  import Foundation
  import Glibc
  import StrataIO
  import Testing

  /// Every failure says which call failed, where and why.
  struct ErrorTests {
    let directory: TemporaryDirectory
    var fileSystem: LinuxFileSystem { directory.fileSystem }

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test func nothingThere() throws {
      let none = directory["none"]
      let calls: [(String, () throws -> Void)] = [
        ("open", { _ = try fileSystem.open(none, .read) }),
        ("list", { _ = try fileSystem.list(none) }),
        ("createDirectory", { try fileSystem.createDirectory(none + "/d") }),
        ("rename", { try fileSystem.rename(none, to: directory["b"]) }),
        ("link", { try fileSystem.link(none, to: directory["b"]) }),
        ("remove", { try fileSystem.remove(none) }),
        ("removeDirectory", { try fileSystem.removeDirectory(none) }),
        ("synchronizeDirectory", { try fileSystem.synchronizeDirectory(none) }),
        ("lock", { _ = try fileSystem.lock(none + "/.lock", .exclusive, holder: "") }),
        ("freeSpace", { _ = try fileSystem.freeSpace(none) }),
      ]
      for (operation, call) in calls {
        let error = try #require(try error(of: call), "\(operation)")
        #expect(error.code == .notFound)
        #expect(error.operation == operation)
        #expect(error.path.hasPrefix(none))
        #expect(error.systemCode == ENOENT)
        #expect(error.detail.hasPrefix("No such file or directory"))
      }
    }

    @Test(arguments: [OpenMode.read, .readWrite, .create])
    func aDirectoryIsNoFile(mode: OpenMode) throws {
      let refused = try error { _ = try fileSystem.open(directory.path, mode) }
      #expect(refused?.code == .isDirectory)
      #expect(refused?.detail == "Is a directory")
      #expect(try error { try fileSystem.remove(directory.path) }?.code == .isDirectory)
    }

    @Test func aFileIsNoDirectory() throws {
      _ = try directory.file("a")
      let path = directory["a"]
      #expect(try error { _ = try fileSystem.list(path) }?.code == .notDirectory)
      #expect(try error { try fileSystem.synchronizeDirectory(path) }?.code == .notDirectory)
      #expect(try error { try fileSystem.removeDirectory(path) }?.code == .notDirectory)
      #expect(try error { _ = try fileSystem.open(path + "/b", .create) }?.code == .notDirectory)
      #expect(try error { _ = try fileSystem.metadata(path + "/b") }?.code == .notDirectory)
      #expect(try error { try fileSystem.createDirectory(path + "/b") }?.code == .notDirectory)
    }

    @Test(.timeLimit(.minutes(1))) func aPipeIsNoFileAndDoesNotStopUs() throws {
      try #require(unsafe mkfifo(directory["pipe"], 0o600) == 0)
      #expect(try error { _ = try fileSystem.open(directory["pipe"], .read) }?.code == .unsupported)
      #expect(try error { _ = try fileSystem.open(directory["pipe"], .create) }?.code == .unsupported)
    }

    @Test func aZeroByteEndsNoPath() throws {
      _ = try directory.file("a")
      #expect(try error { _ = try fileSystem.open(directory["a\0b"], .read) }?.code == .other)
      #expect(try error { try fileSystem.rename(directory["a"], to: directory["b\0"]) }?.code == .other)
      #expect(try fileSystem.list(directory.path) == ["a"])
    }

    @Test func permissionIsDenied() throws {
      guard geteuid() != 0 else {
        print("skipped: root may write into a directory that is read-only")
        return
      }
      try fileSystem.createDirectory(directory["d"])
      try #require(unsafe chmod(directory["d"], 0o555) == 0)
      #expect(try error { _ = try fileSystem.open(directory["d/a"], .create) }?.code == .permissionDenied)
    }

    /// Not even root creates files there.
    @Test func whereNothingCanBeCreated() throws {
      let error = try #require(try error { _ = try fileSystem.open("/proc/strata", .createNew) })
      #expect([.notFound, .permissionDenied, .readOnlyFileSystem].contains(error.code))
    }

    @Test func anotherFileSystem() throws {
      _ = try directory.file("a")
      let other = "/dev/shm/strata-\(UUID().uuidString)"
      guard
        let there = try? fileSystem.metadata("/dev/shm"), there.kind == .directory,
        try error(of: { try fileSystem.link(directory["a"], to: other) })?.systemCode == EXDEV
      else {
        try? fileSystem.remove(other)
        print("skipped: /dev/shm is no other file system here")
        return
      }
      #expect(try error { try fileSystem.link(directory["a"], to: other) }?.code == .unsupported)
      #expect(try error { try fileSystem.rename(directory["a"], to: other) }?.code == .unsupported)
    }

    @Test func runningOutOfDescriptorsHasItsCode() async {
      await #expect(processExitsWith: .success) {
        let directory = try TemporaryDirectory()
        var limits = rlimit(rlim_cur: 32, rlim_max: 32)
        try #require(unsafe setrlimit(__rlimit_resource_t(7), &limits) == 0)
        var files: [any File] = []
        let refused = try error {
          for index in 0..<64 { files.append(try directory.file("\(index)")) }
        }
        #expect(refused?.code == .tooManyOpenFiles)
        files.removeAll()
        _ = try directory.file("again")
      }
    }
  }
#endif
