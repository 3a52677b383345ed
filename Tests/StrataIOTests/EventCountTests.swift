import Foundation
import StrataIO
import Synchronization
import Testing

/// Runs `body` on `count` threads of their own and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  for index in 0..<count {
    group.enter()
    let thread = Thread {
      body(index)
      group.leave()
    }
    thread.stackSize = 512 << 10
    thread.start()
  }
  group.wait()
}

/// Nobody sleeps through an event.
@Suite(.timeLimit(.minutes(1)))
struct EventCountTests {
  @Test func aChangeThatCameFirstIsSeen() {
    let events = EventCount()
    let seen = events.current
    events.advance()
    #expect(events.current == seen &+ 1)
    events.wait(while: seen)
    #expect(events.wait(while: seen, timeoutNanoseconds: 0))
  }

  @Test func theNumberGoesRound() {
    let events = EventCount(.max)
    let seen = events.current
    events.advance()
    #expect(events.current == 0)
    events.wait(while: seen)
  }

  @Test func waitingEndsInTime() {
    let events = EventCount()
    let clock = ContinuousClock()
    let start = clock.now
    #expect(!events.wait(while: events.current, timeoutNanoseconds: 20_000_000))
    #expect(clock.now - start >= .milliseconds(20))
    #expect(!events.wait(while: events.current, timeoutNanoseconds: -1))
    #expect(!events.wait(while: events.current, timeoutNanoseconds: 0))
  }

  @Test(arguments: [Int64.max, 50_000_000_000])
  func aLongTimeoutIsEndedByTheEvent(timeout: Int64) {
    let events = EventCount()
    let seen = events.current
    onThreads(2) { index in
      if index == 0 {
        #expect(events.wait(while: seen, timeoutNanoseconds: timeout))
      } else {
        usleep(10_000)
        events.advance()
      }
    }
  }

  /// Sixty-four threads follow one that counts. A lost wake-up would hang them.
  @Test func manyFollowOne() {
    let events = EventCount()
    let committed = Atomic<Int>(0)
    let rounds = 2_000
    onThreads(65) { index in
      guard index > 0 else {
        for _ in 0..<rounds {
          committed.add(1, ordering: .relaxed)
          events.advance()
        }
        return
      }
      var last = 0
      while last < rounds {
        let seen = events.current
        let now = committed.load(ordering: .relaxed)
        #expect(now >= last)
        if now == last { events.wait(while: seen) }
        last = now
      }
    }
  }

  /// Two threads hand a turn to each other: each round needs its wake-up.
  @Test func twoTakeTurns() {
    let events = [EventCount(), EventCount()]
    let turn = Atomic<Int>(0)
    let rounds = 20_000
    onThreads(2) { index in
      for round in 0..<rounds {
        while true {
          let seen = events[index].current
          if turn.load(ordering: .acquiring) == 2 * round + index { break }
          events[index].wait(while: seen)
        }
        turn.store(2 * round + index + 1, ordering: .releasing)
        events[1 - index].advance()
      }
    }
    #expect(turn.load(ordering: .acquiring) == 2 * rounds)
  }

  @Test func someCanBeWoken() {
    let events = EventCount()
    let awake = Atomic<Int>(0)
    let seen = events.current
    onThreads(5) { index in
      guard index == 0 else {
        events.wait(while: seen)
        awake.add(1, ordering: .relaxed)
        return
      }
      // However the threads come: all are up in the end.
      usleep(20_000)
      events.advance(waking: 0)
      events.advance(waking: 1)
      while awake.load(ordering: .relaxed) == 0 { usleep(1_000) }
      events.advance(waking: .max)
    }
    #expect(awake.load(ordering: .relaxed) == 4)
  }
}
