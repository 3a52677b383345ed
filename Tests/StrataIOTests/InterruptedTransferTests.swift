#if os(Linux)
  import Glibc
  import StrataIO
  import Testing

  /// Calls that move less than asked, or are interrupted, are continued where they stopped.
  struct InterruptedTransferTests {
    @Test func shortTransfersAreContinued() throws {
      var asked: [Int] = []
      let moved = try transferAll(100) { done in
        asked.append(done)
        return min(33, 100 - done)
      }
      #expect(moved == 100)
      #expect(asked == [0, 33, 66, 99])
    }

    @Test func interruptionsAreTriedAgain() throws {
      var calls = 0
      let moved = try transferAll(10) { done in
        calls += 1
        errno = EINTR
        return calls % 3 == 0 ? 5 : -1
      }
      #expect(moved == 10)
      #expect(calls == 6)
    }

    @Test func theEndStopsIt() throws {
      #expect(try transferAll(10) { $0 < 7 ? 7 : 0 } == 7)
      #expect(try transferAll(10) { _ in 0 } == 0)
      #expect(try transferAll(0) { _ in -1 } == 0)
    }

    @Test func errorsAreThrownAtOnce() {
      var calls = 0
      #expect(throws: Errno(ENOSPC)) {
        try transferAll(10) { done in
          calls += 1
          errno = ENOSPC
          return done == 0 ? 4 : -1
        }
      }
      #expect(calls == 2)
    }

    /// Every way to cut a write of three pieces into calls of `step` bytes moves each byte once.
    @Test(arguments: 1...12)
    func piecesAreContinuedAtAnySplit(step: Int) throws {
      for head in 0...4 {
        for body in 0...4 {
          for padding in 0...3 {
            let pieces = [pattern(head), pattern(body, seed: 9), pattern(padding, seed: 17)]
            var taken: [UInt8] = []
            _ = try transferAll(head + body + padding) { done in
              var skip = done
              let rest = pieces.flatMap { $0.suffix(skipping(&skip, of: $0.count)) }
              taken += rest.prefix(step)
              return min(step, rest.count)
            }
            #expect(taken == pieces.flatMap(\.self))
          }
        }
      }
    }

    /// The same by the system itself: a file's size limit makes it take a part, and refuse the rest.
    @Test(arguments: [3, 5, 8])
    func theSystemTakesAPart(limit: Int) async throws {
      await #expect(processExitsWith: .success) { [limit] in
        let directory = try TemporaryDirectory()
        let file = try directory.file("a")
        signal(SIGXFSZ, SIG_IGN)
        var limits = rlimit(rlim_cur: rlim_t(limit), rlim_max: 1 << 30)
        try #require(unsafe setrlimit(__rlimit_resource_t(1), &limits) == 0)
        let refused = try error {
          try file.write([1, 2, 3, 4, 5].span, [6, 7, 8, 9].span, padding: 3, at: 0)
        }
        #expect(refused?.code == .noSpace)
        #expect(refused?.systemCode == EFBIG)
        #expect(try file.bytes(count: 20) == Array((1...9).prefix(limit)))
      }
    }
  }
#endif
