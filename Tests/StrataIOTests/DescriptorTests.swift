#if os(Linux)
  import Foundation
  import Glibc
  import StrataIO
  import Testing

  /// How many descriptors of this process lead into a directory; other tests run at the same time.
  func openDescriptors(into directory: TemporaryDirectory) throws -> Int {
    let numbers = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    return numbers.count { number in
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
      return target?.hasPrefix(directory.path) == true
    }
  }

  /// A descriptor is closed once, and none is left behind.
  struct DescriptorTests {
    let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test func nothingLeaks() throws {
      let fileSystem = directory.fileSystem
      for _ in 0..<10 {
        let file = try fileSystem.open(directory["a"], .create)
        #expect(try openDescriptors(into: directory) == 1)
        try file.write([1].span, at: 0)
        let mapping = try file.map(length: 1, .read)
        file.close()
        file.close()
        #expect(try openDescriptors(into: directory) == 0)
        #expect(mapping.array(0..<1) == [1])
        _ = try fileSystem.open(directory["a"], .read)
        _ = try fileSystem.list(directory.path)
        try fileSystem.synchronizeDirectory(directory.path)
        _ = try error { _ = try fileSystem.open(directory.path, .read) }
        _ = try error { _ = try fileSystem.list(directory["a"]) }
        let lock = try fileSystem.lock(directory["l"], .exclusive, holder: "")
        _ = try error { _ = try fileSystem.lock(directory["l"], .exclusive, holder: "") }
        lock.release()
        _ = try fileSystem.lock(directory["l"], .shared, holder: "")
        #expect(try openDescriptors(into: directory) == 0)
      }
    }

    @Test func programsInheritNone() throws {
      let file = try directory.file("a")
      let lock = try directory.fileSystem.lock(directory["l"], .exclusive, holder: "")
      for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(entry)")
        guard target?.hasPrefix(directory.path) == true else { continue }
        let info = try String(contentsOfFile: "/proc/self/fdinfo/\(entry)", encoding: .utf8)
        let line = try #require(info.split(separator: "\n").first { $0.hasPrefix("flags:") })
        let flags = try #require(Int(line.dropFirst(6).trimmingCharacters(in: .whitespaces), radix: 8))
        #expect(flags & 0o2000000 != 0, "no O_CLOEXEC")
      }
      file.close()
      lock.release()
    }

    @Test func useAfterCloseTraps() async throws {
      let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let file = try TemporaryDirectory().file("a")
        file.close()
        try file.write([1].span, at: 0)
      }
      let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
      #expect(message.contains("/a was used after close()"))
    }

    /// The number of a closed file goes to the next one opened: no call may be left running on it.
    @Test func closingWaitsForTheLastUse() throws {
      let descriptor = Descriptor(owning: try #require(openAnything()))
      let first = descriptor.beginUse(of: "")
      let second = descriptor.beginUse(of: "")
      descriptor.close()
      descriptor.close()
      #expect(isOpen(first))
      descriptor.endUse()
      #expect(isOpen(second))
      descriptor.endUse()
      #expect(!isOpen(first))
    }

    @Test func theEndOfTheOwnerClosesOnce() throws {
      var number: Int32
      do {
        let descriptor = Descriptor(owning: try #require(openAnything()))
        number = descriptor.beginUse(of: "")
        descriptor.endUse()
        #expect(isOpen(number))
      }
      #expect(!isOpen(number))
    }

    private func openAnything() -> Int32? {
      let number = unsafe Glibc.open(directory.path, O_RDONLY | O_CLOEXEC)
      return number < 0 ? nil : number
    }

    /// Whether the number leads into this test's directory; another test may have got it by now.
    private func isOpen(_ number: Int32) -> Bool {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
      return target?.hasPrefix(directory.path) == true
    }
  }
#endif
