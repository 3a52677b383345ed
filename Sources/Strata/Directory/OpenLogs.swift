internal import StrataIO
internal import StrataLock
internal import StrataRecords
internal import Synchronization

/// What the budget of a directory notes of one log.
final class Residence: Sendable {
  /// Whether it was used since it was last looked at.
  let wasUsed = Atomic<Bool>(false)
  /// Whether it is on the list of those that may have something open.
  let isListed = Atomic<Bool>(false)
  /// Called before the log is cut, with its new end.
  let willEnd = Lock<(@Sendable (Offset) throws(LogError) -> Void)?>(nil)
}

/// The logs of a directory that have files open, and the budget that they share.
///
/// When the budget is used up, those that were not used lately fall asleep. They stand in a ring with a mark
/// each that use sets: the hand goes around, takes the mark of who has one, and puts to sleep who has none. So a
/// use costs one load as a rule, and no order has to be kept. Nobody's file is taken away while it is being used:
/// the budget can be exceeded by what the threads that are at work need at the moment, and by what cursors hold.
///
/// It holds the lock of the directory, which lasts as long as any of its logs can write.
final class OpenLogs: Sendable {
  /// How much may be open.
  struct Budget: Sendable {
    var files: Int
    var mappings: Int
    var logs: Int
  }

  private struct Entry {
    weak var log: Log?
  }

  private struct Ring {
    var entries: [Entry] = []
    var hand = 0
  }

  let budget: Budget
  let counts: OpenCounts
  private let lock: any FileLock
  private let ring = Lock(Ring())
  private let listed = Atomic<Int>(0)
  /// How often a log fell asleep to make room.
  let putToSleep = Atomic<UInt64>(0)
  /// Held while what is durable in a log grows, and while a snapshot of many logs looks at all of them.
  let gate = Lock(())

  init(budget: Budget, counts: OpenCounts, lock: any FileLock) {
    self.budget = budget
    self.counts = counts
    self.lock = lock
  }

  /// How many logs may have something open.
  var awakeCount: Int { listed.load(ordering: .relaxed) }

  var isOverBudget: Bool {
    counts.files.load(ordering: .relaxed) > budget.files
      || counts.mappings.load(ordering: .relaxed) > budget.mappings || awakeCount > budget.logs
  }

  /// Lists the log among those that may have something open, and makes room for it.
  func noteUse(of log: Log) {
    log.residence.wasUsed.store(true, ordering: .relaxed)
    list(log)
    makeRoom()
  }

  /// Puts logs to sleep until the budget suffices, or no more can be.
  func makeRoom() {
    // Around twice: the first time takes marks.
    var turns = 2 * awakeCount + 2
    while isOverBudget, turns > 0 {
      turns -= 1
      guard let log = next() else { continue }
      if log.fallAsleep() {
        putToSleep.wrappingAdd(1, ordering: .relaxed)
      } else {
        list(log)
      }
    }
  }

  /// Takes the log under the hand off the list; nil where it goes on, or is none any more.
  private func next() -> Log? {
    ring.withLock { ring in
      guard !ring.entries.isEmpty else { return nil }
      if ring.hand >= ring.entries.count { ring.hand = 0 }
      guard let log = ring.entries[ring.hand].log else {
        ring.entries.swapAt(ring.hand, ring.entries.count - 1)
        ring.entries.removeLast()
        listed.wrappingSubtract(1, ordering: .relaxed)
        return nil
      }
      if log.residence.wasUsed.exchange(false, ordering: .relaxed) {
        ring.hand += 1
        return nil
      }
      ring.entries.swapAt(ring.hand, ring.entries.count - 1)
      ring.entries.removeLast()
      listed.wrappingSubtract(1, ordering: .relaxed)
      log.residence.isListed.store(false, ordering: .releasing)
      return log
    }
  }

  /// Puts a log on the list, where it is not. One that wakes up calls it too: it may have been put to sleep between its
  /// use and that.
  func list(_ log: Log) {
    guard !log.residence.isListed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    ring.withLock { $0.entries.append(Entry(log: log)) }
    listed.wrappingAdd(1, ordering: .relaxed)
  }

  /// Takes a log that was closed off the list.
  func forget(_ log: Log) {
    guard log.residence.isListed.load(ordering: .acquiring) else { return }
    ring.withLock { ring in
      guard let place = ring.entries.firstIndex(where: { $0.log === log }) else { return }
      ring.entries.swapAt(place, ring.entries.count - 1)
      ring.entries.removeLast()
      listed.wrappingSubtract(1, ordering: .relaxed)
      log.residence.isListed.store(false, ordering: .releasing)
    }
  }

  /// Gives the lock of the directory up.
  func release() { lock.release() }
}
