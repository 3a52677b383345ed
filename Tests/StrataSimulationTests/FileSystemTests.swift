import StrataIO
import StrataSimulation
import Testing

/// The simulated file system answers like a real one.
@Suite struct FileSystemTests {
  let disk = steadyDisk()
  var fileSystem: any FileSystem { disk.environment.fileSystem }

  func expect(_ code: IOError.Code, _ body: () throws -> Void) {
    let error = #expect(throws: IOError.self) { try body() }
    #expect(error?.code == code)
  }

  @Test func openModes() throws {
    expect(.notFound) { _ = try fileSystem.open("a", .read) }
    expect(.notFound) { _ = try fileSystem.open("a", .readWrite) }
    expect(.notFound) { _ = try fileSystem.open("d/a", .create) }
    _ = try fileSystem.open("a", .create)
    _ = try fileSystem.open("a", .create)
    expect(.alreadyExists) { _ = try fileSystem.open("a", .createNew) }
    expect(.notDirectory) { _ = try fileSystem.open("a/b", .create) }
    try fileSystem.createDirectory("d")
    expect(.isDirectory) { _ = try fileSystem.open("d", .read) }
    expect(.other) { try fileSystem.open("a", .read).write([1].span, at: 0) }
  }

  @Test func pathsAreRelativeToTheRoot() throws {
    try fileSystem.createDirectory("/d")
    try disk.environment.write("d/./a", [1])
    #expect(try disk.environment.read("/d//a") == [1])
    #expect(try disk.environment.read("d/../d/a") == [1])
    #expect(disk.listing() == ["d/", "d/a"])
    #expect(try fileSystem.list("d") == ["a"])
    #expect(try fileSystem.metadata(".")?.kind == .directory)
    #expect(try fileSystem.metadata("nothing") == nil)
  }

  @Test func directories() throws {
    try fileSystem.createDirectory("d")
    expect(.alreadyExists) { try fileSystem.createDirectory("d") }
    expect(.notFound) { try fileSystem.createDirectory("x/y") }
    try disk.environment.write("d/a", [])
    expect(.alreadyExists) { try fileSystem.removeDirectory("d") }
    expect(.notDirectory) { try fileSystem.removeDirectory("d/a") }
    expect(.isDirectory) { try fileSystem.remove("d") }
    expect(.notFound) { try fileSystem.remove("d/b") }
    try fileSystem.remove("d/a")
    try fileSystem.removeDirectory("d")
    expect(.notFound) { _ = try fileSystem.list("d") }
    expect(.notFound) { try fileSystem.synchronizeDirectory("d") }
  }

  @Test func renames() throws {
    disk.install("a", [1])
    disk.install("d/b", [2])
    expect(.notFound) { try fileSystem.rename("x", to: "y") }
    expect(.isDirectory) { try fileSystem.rename("a", to: "d") }
    expect(.notDirectory) { try fileSystem.rename("d", to: "a") }
    expect(.unsupported) { try fileSystem.rename("d", to: "d/e") }
    try fileSystem.rename("d", to: "e")
    try fileSystem.rename("a", to: "e/c")
    #expect(disk.listing() == ["e/", "e/b", "e/c"])
    let file = try fileSystem.open("e/b", .read)
    try fileSystem.rename("e/c", to: "e/b")
    #expect(try file.bytes() == [2])
    #expect(try disk.environment.read("e/b") == [1])
  }

  @Test func links() throws {
    disk.install("a", [1])
    try fileSystem.link("a", to: "b")
    expect(.alreadyExists) { try fileSystem.link("a", to: "b") }
    expect(.notFound) { try fileSystem.link("x", to: "y") }
    try fileSystem.rename("a", to: "b")
    #expect(disk.listing() == ["a", "b"], "two names of one file: rename does nothing")
  }

  @Test func locks() throws {
    let first = try fileSystem.lock("l", .exclusive, holder: "me")
    let error = #expect(throws: IOError.self) { _ = try fileSystem.lock("l", .shared, holder: "you") }
    #expect(error?.code == .locked && error?.detail == "me")
    first.release()
    first.release()
    let shared = [
      try fileSystem.lock("l", .shared, holder: "a"), try fileSystem.lock("l", .shared, holder: "b"),
    ]
    expect(.locked) { _ = try fileSystem.lock("l", .exclusive, holder: "c") }
    #expect(disk.openLockCount == 2)
    for lock in shared { lock.release() }
    _ = try fileSystem.lock("l", .exclusive, holder: "d")
    #expect(disk.openLockCount == 0, "it ends with its last reference")
    #expect(disk.contents(of: "l") == Array("d".utf8))
    #expect(disk.survivingStates().units.map(\.description) == ["create l"])
  }

  @Test func aCrashReleasesLocks() throws {
    let lock = try fileSystem.lock("l", .exclusive, holder: "me")
    let environment = disk.afterCrash()
    _ = try environment.fileSystem.lock("l", .exclusive, holder: "you")
    _ = lock
  }

  @Test func descriptorsRunOut() throws {
    let disk = steadyDisk { $0.openFileLimit = 2 }
    let fileSystem = disk.environment.fileSystem
    let file = try fileSystem.open("a", .create)
    let lock = try fileSystem.lock("l", .shared, holder: "")
    expect(.tooManyOpenFiles) { _ = try fileSystem.open("b", .create) }
    lock.release()
    _ = try fileSystem.open("b", .create)
    _ = file
  }

  /// Threads may share a disk; each sees its own bytes.
  @Test func manyThreadsAtOnce() async throws {
    try await withThrowingTaskGroup { group in
      for number in UInt8(0)..<8 {
        group.addTask {
          let environment = disk.environment
          let file = try environment.write("shared", [number], at: Int64(number))
          for index in 0..<200 {
            let own = try environment.write("\(number)", [number, UInt8(index)])
            try file.write([number].span, at: Int64(number))
            guard try own.bytes() == [number, UInt8(index)] else { throw CancellationError() }
            try environment.fileSystem.synchronizeDirectory("/")
          }
          let lock = try environment.fileSystem.lock("lock", .shared, holder: "")
          lock.release()
        }
      }
      try await group.waitForAll()
    }
    #expect(disk.contents(of: "shared") == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(disk.listing().count == 10)
    #expect(disk.leaks == nil)
  }

  /// Random operations on one file give the bytes that an array gives, also through a mapping.
  @Test(arguments: UInt64(0)..<20) func bytesAreThoseOfAnArray(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let file = try fileSystem.open("a", .create)
    let mapping = try file.map(length: 40_000, .readWrite)
    var model: [UInt8] = []
    for _ in 0..<100 {
      let position = Int.random(in: 0...20_000, using: &random)
      let bytes = [UInt8](
        repeating: UInt8.random(in: 1...255, using: &random), count: Int.random(in: 0...9_000, using: &random)
      )
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1:
        try file.write(bytes.span, at: Int64(position))
        if !bytes.isEmpty, model.count < position + bytes.count {
          model += [UInt8](repeating: 0, count: position + bytes.count - model.count)
        }
        model.replaceSubrange(
          min(position, model.count)..<min(position + bytes.count, model.count), with: bytes)
      case 2:
        try file.resize(to: Int64(position))
        model = Array(model.prefix(position)) + [UInt8](repeating: 0, count: max(0, position - model.count))
      case 3 where position + bytes.count <= model.count:
        mapping.store(bytes.span, at: position)
        model.replaceSubrange(position..<position + bytes.count, with: bytes)
      default:
        try file.synchronize()
        #expect(disk.fork().contents(of: "a") == model)
      }
      #expect(try file.bytes() == model)
      #expect(stride(from: 0, to: model.count, by: 17).allSatisfy { mapping.bytes[$0] == model[$0] })
      if model.count < 40_000 { #expect(mapping.bytes[model.count] == 0xDB) }
    }
    try file.synchronize()
    try fileSystem.synchronizeDirectory("/")
    #expect(disk.survivors() == [["a": model]])
  }
}
