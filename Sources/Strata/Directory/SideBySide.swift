internal import StrataIO
internal import StrataLock
internal import Synchronization

/// Does the same for many things on several threads, the caller's among them.
///
/// The others are threads of the environment; one that comes late finds nothing left to do, and one that never comes
/// is not missed. So it ends in a simulation as well, whose threads run when they are told to.
final class SideBySide: Sendable {
  private let count: Int
  private let body: @Sendable (Int) -> Void
  private let next = Atomic<Int>(0)
  /// How many threads are at work, and whether no more may begin.
  private let work = Lock((running: 0, isOver: false))
  private let changes = EventCount()

  private init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    self.count = count
    self.body = body
  }

  /// Calls `body` with every number below `count`, on at most `threads` threads, and returns when all have returned.
  static func run(
    _ count: Int, threads: Int, _ environment: LogEnvironment, _ body: @escaping @Sendable (Int) -> Void
  ) {
    let work = SideBySide(count, body)
    // They end when the last job is done and nobody refers to them.
    for _ in 1..<max(1, min(threads, count)) {
      environment.makeIOThread().enqueue { work.join() }
    }
    work.takeAll()
    work.end()
  }

  private func takeAll() {
    while true {
      let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard place < count else { return }
      body(place)
    }
  }

  private func join() {
    let begins = work.withLock { work -> Bool in
      if work.isOver { return false }
      work.running += 1
      return true
    }
    guard begins else { return }
    takeAll()
    work.withLock { $0.running -= 1 }
    changes.advance()
  }

  private func end() {
    while true {
      let seen = changes.current
      let isDone = work.withLock { work in
        work.isOver = true
        return work.running == 0
      }
      if isDone { return }
      changes.wait(while: seen)
    }
  }
}
