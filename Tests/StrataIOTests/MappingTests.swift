#if os(Linux)
  import StrataIO
  import Testing

  /// A mapping and the file are the same bytes.
  struct MappingTests {
    let directory: TemporaryDirectory

    init() throws {
      directory = try TemporaryDirectory()
    }

    @Test func writesAndStoresMeet() throws {
      let file = try directory.file("a", pattern(10_000))
      let mapping = try file.map(length: 10_000, .readWrite)
      #expect(mapping.count == 10_000)
      #expect(mapping.array(0..<10_000) == pattern(10_000))
      try file.write([1, 2, 3].span, at: 5_000)
      #expect(mapping.array(4_999..<5_004) == [pattern(10_000)[4_999], 1, 2, 3, pattern(10_000)[5_003]])
      mapping.store([7, 8].span, at: 9_998)
      #expect(try file.bytes(at: 9_998, count: 10) == [7, 8])
    }

    @Test func itMayBeLargerThanTheFile() throws {
      let file = try directory.file("a", pattern(100))
      let mapping = try file.map(length: 10 << 20, .readWrite)
      #expect(mapping.array(0..<100) == pattern(100))
      try file.resize(to: 1 << 20)
      mapping.store([5].span, at: (1 << 20) - 1)
      #expect(try file.bytes(at: (1 << 20) - 1, count: 2) == [5])
      try mapping.synchronize(0..<(1 << 20))
    }

    @Test func itOutlivesTheFileAndItsName() throws {
      let file = try directory.file("a", pattern(5_000))
      let mapping = try file.map(length: 5_000, .read)
      file.close()
      try directory.fileSystem.remove(directory["a"])
      #expect(mapping.array(0..<5_000) == pattern(5_000))
    }

    @Test func anyRangeCanBeSynchronized() throws {
      let file = try directory.file("a", pattern(20_000))
      let mapping = try file.map(length: 20_000, .readWrite)
      for range in [0..<0, 0..<1, 1..<20_000, 4_095..<4_097, 12_288..<12_289, 20_000..<20_000] {
        try mapping.synchronize(range)
      }
    }

    @Test func nothingCanBeMapped() throws {
      let mapping = try directory.file("a").map(length: 0, .readWrite)
      #expect(mapping.count == 0)
      #expect(mapping.array(0..<mapping.bytes.count) == [])
      mapping.store(Span(), at: 0)
      try mapping.synchronize(0..<0)
    }

    @Test func storesNeedAFileOpenForWriting() throws {
      _ = try directory.file("a", pattern(10))
      let file = try directory.fileSystem.open(directory["a"], .read)
      let error = try error { _ = try file.map(length: 10, .readWrite) }
      #expect(error?.code == .permissionDenied)
      #expect(error?.operation == "map")
    }

    @Test func storesOutsideTrap() async {
      await #expect(processExitsWith: .failure) {
        let directory = try TemporaryDirectory()
        try directory.file("a", pattern(10)).map(length: 10, .readWrite).store([1, 2].span, at: 9)
      }
      await #expect(processExitsWith: .failure) {
        let directory = try TemporaryDirectory()
        try directory.file("a", pattern(10)).map(length: 10, .read).store([1].span, at: 0)
      }
    }
  }
#endif
