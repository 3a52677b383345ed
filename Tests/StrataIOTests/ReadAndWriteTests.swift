#if os(Linux)
  import StrataIO
  import Testing

  /// What is written is what is read, in any pieces and at any place.
  struct ReadAndWriteTests {
    let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test(arguments: [0, 1, 61, 4_095, 4_096, 4_097, 131_072, 1_000_003])
    func oneSpanComesBack(count: Int) throws {
      let file = try directory.file("a")
      let bytes = pattern(count)
      try file.write(bytes.span, at: 17)
      #expect(try file.bytes(at: 17, count: count) == bytes)
      #expect(try file.metadata().size == (count == 0 ? 0 : 17 + Int64(count)))
    }

    @Test(arguments: [(0, 0), (0, 5), (5, 0), (1, 1), (61, 1), (61, 4_035), (4_097, 3), (7, 1_000_003)])
    func headAndBodyLieBehindEachOther(head: Int, body: Int) throws {
      let file = try directory.file("a", pattern(10))
      let (first, second) = (pattern(head, seed: 1), pattern(body, seed: 2))
      try file.write(first.span, second.span, padding: 0, at: 3)
      let expected = pattern(3) + first + second
      #expect(try file.bytes(count: expected.count) == expected)
      // What was there behind it is still there.
      let rest = Array(pattern(10).dropFirst(expected.count))
      #expect(try file.bytes(at: Int64(expected.count), count: 10) == rest)
      #expect(try file.metadata().size == Int64(expected.count + rest.count))
    }

    @Test(arguments: [(0, 0, 7), (0, 5, 1), (16, 4_096, 16 << 10), (61, 0, 4_096)])
    func zerosLieBehindHeadAndBody(head: Int, body: Int, padding: Int) throws {
      let file = try directory.file("a", pattern(20_000, seed: 3))
      let (first, second) = (pattern(head, seed: 1), pattern(body, seed: 2))
      try file.write(first.span, second.span, padding: padding, at: 5)
      let expected =
        pattern(5, seed: 3) + first + second + [UInt8](repeating: 0, count: padding)
      #expect(try file.bytes(count: expected.count) == expected)
      #expect(try file.metadata().size == max(20_000, Int64(expected.count)))
    }

    @Test func readingStopsAtTheEnd() throws {
      let file = try directory.file("a", pattern(100))
      #expect(try file.bytes(at: 90, count: 50) == Array(pattern(100)[90...]))
      #expect(try file.bytes(at: 100, count: 50) == [])
      #expect(try file.bytes(at: 1 << 40, count: 50) == [])
      #expect(try file.bytes(at: 0, count: 0) == [])
    }

    @Test func whatWasSkippedIsZero() throws {
      let file = try directory.file("a")
      try file.write([1, 2].span, at: 10_000)
      #expect(try file.bytes(count: 20_000) == [UInt8](repeating: 0, count: 10_000) + [1, 2])
    }

    @Test func impossiblePositionsAreErrors() throws {
      let file = try directory.file("a")
      #expect(try error { try file.write([1].span, at: -1) }?.code == .unsupported)
      #expect(try error { try file.write([1, 2].span, at: 1 << 62) }?.code == .noSpace)
      #expect(try error { try file.write([1, 2].span, at: .max - 1) } != nil)
      #expect(try error { _ = try file.bytes(at: -1, count: 1) }?.code == .unsupported)
      #expect(try error { try file.resize(to: -1) }?.code == .unsupported)
      #expect(try error { try file.preallocate(-5 ..< .max, keepingSize: true) }?.code == .unsupported)
    }

    @Test func aFullDeviceIsNoSpace() throws {
      let file = try directory.fileSystem.open("/dev/full", .readWrite)
      let error = try #require(try error { try file.write([1, 2].span, [3].span, padding: 0, at: 0) })
      #expect(error.code == .noSpace)
      #expect(error.description == "write /dev/full: No space left on device")
    }

    @Test func manyThreadsUseOneFile() async throws {
      let file = try directory.file("a")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<8 {
          group.addTask {
            for round in 0..<50 {
              let position = Int64((round * 8 + writer) * 100)
              let bytes = pattern(100, seed: writer)
              try file.write(bytes.span, at: position)
              #expect(try file.bytes(at: position, count: 100) == bytes)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try file.metadata().size == 8 * 50 * 100)
    }
  }
#endif
