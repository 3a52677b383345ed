internal import CBenchmarkSupport
internal import Strata
internal import Synchronization

/// How long it takes at least to tell sleeping threads of something: one thread steps a number at a pace and wakes the
/// others by futex, which look at the clock and sleep again. The limit of every hand-over from a writer to readers.
public enum Wakeups {
  /// A number on the heap: the system waits on an address, which a stored property does not have.
  @safe
  private final class Word: Sendable {
    private nonisolated(unsafe) let cell: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
      unsafe cell = .allocate(capacity: 1)
      unsafe cell.initialize(to: Atomic(0))
    }

    deinit {
      unsafe cell.deinitialize(count: 1)
      unsafe cell.deallocate()
    }

    var number: UInt32 { unsafe cell.pointee.load(ordering: .sequentiallyConsistent) }

    func set(_ number: UInt32) {
      unsafe cell.pointee.store(number, ordering: .sequentiallyConsistent)
      unsafe benchmark_futex_wake(cell)
    }

    func wait(while number: UInt32) { unsafe benchmark_futex_wait(cell, number) }
  }

  /// `count` steps at `rate` a second, seen by `readers` threads. A latency is that from the moment at which a step was
  /// to happen to the one at which a reader has seen it.
  public static func sample(readers: Int, count: Int, rate: Double) throws(BenchmarkError) -> Sample {
    let word = Word()
    let gathered = Mutex(LatencyHistogram(cellsPerOctave: 128))
    let pacer = Pacer(rate: rate, start: Clock.now + 5_000_000)
    try Threads.run(readers + 1) { thread in
      if thread == 0 {
        for step in 0..<count {
          _ = pacer.wait(for: step)
          word.set(UInt32(step + 1))
        }
        return
      }
      var latencies = LatencyHistogram(cellsPerOctave: 128)
      var seen: UInt32 = 0
      while seen < UInt32(count) {
        let number = word.number
        guard number > seen else {
          word.wait(while: seen)
          continue
        }
        let now = Clock.now
        for step in seen..<number { latencies.record(now - pacer.moment(of: Int(step))) }
        seen = number
      }
      let all = latencies
      gathered.withLock { $0.merge(all) }
    }
    return Sample(
      records: count, nanoseconds: Clock.now - pacer.start, latencies: gathered.withLock { $0 })
  }
}
