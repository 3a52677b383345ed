#if os(Linux)
  import Foundation
  import StrataIO
  import StrataLock
  import Testing

  /// One thread runs all jobs, in their order.
  @Suite(.timeLimit(.minutes(1)))
  struct IOThreadTests {
    @Test func jobsRunInOrder() {
      let thread = SystemIOThread()
      let done = Lock<[Int]>([])
      let events = EventCount()
      for index in 0..<10_000 {
        thread.enqueue {
          done.withLock { $0.append(index) }
          if index == 9_999 { events.advance() }
        }
        // Now and then it falls asleep in between.
        if index % 1_000 == 0 { usleep(2_000) }
      }
      events.wait(while: 0)
      #expect(done.withLock { $0 } == Array(0..<10_000))
    }

    @Test func eachCallersOrderIsKept() {
      let thread = SystemIOThread()
      let done = Lock<[[Int]]>(Array(repeating: [], count: 8))
      let events = EventCount()
      onThreads(8) { caller in
        for index in 0..<1_000 { thread.enqueue { done.withLock { $0[caller].append(index) } } }
      }
      thread.enqueue { events.advance() }
      events.wait(while: 0)
      #expect(done.withLock { $0 } == Array(repeating: Array(0..<1_000), count: 8))
    }

    @Test func itIsOneThreadWithAName() throws {
      let thread = SystemIOThread()
      let seen = Lock<(names: Set<String>, threads: Set<UInt>)>(([], []))
      let events = EventCount()
      for index in 0..<10 {
        thread.enqueue {
          let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
          seen.withLock {
            $0.names.insert(name ?? "none")
            $0.threads.insert(UInt(pthread_self()))
          }
          if index == 9 { events.advance() }
        }
      }
      events.wait(while: 0)
      #expect(seen.withLock { $0.names } == ["strata-io\n"])
      #expect(seen.withLock { $0.threads.count } == 1)
      #expect(seen.withLock { !$0.threads.contains(UInt(pthread_self())) })
    }

    @Test func jobsOutliveTheirOwnerAndLetGo() {
      final class Witness: Sendable {
        let events: EventCount
        init(_ events: EventCount) { self.events = events }
        deinit { events.advance() }
      }
      let (ran, released) = (EventCount(), EventCount())
      var thread: SystemIOThread? = SystemIOThread()
      let witness = Witness(released)
      thread?.enqueue { usleep(10_000) }
      thread?.enqueue { [witness] in
        withExtendedLifetime(witness) {}
        ran.advance()
      }
      thread = nil
      ran.wait(while: 0)
      _ = consume witness
      released.wait(while: 0)
    }
  }
#endif
