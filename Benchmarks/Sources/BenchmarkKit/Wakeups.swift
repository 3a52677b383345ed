internal import Strata
internal import Synchronization

/// How long it takes at least to tell sleeping threads of something: one thread steps a number at a pace and wakes the
/// others by futex, which look at the clock and sleep again. The limit of every hand-over from a writer to readers.
public enum Wakeups {
  /// `count` steps at `rate` a second, seen by `readers` threads. A latency is that from the moment at which a step was
  /// to happen to the one at which a reader has seen it.
  public static func sample(readers: Int, count: Int, rate: Double) throws(BenchmarkError) -> Sample {
    let gate = Gate()
    let gathered = Mutex(LatencyHistogram(cellsPerOctave: 128))
    let pacer = Pacer(rate: rate, start: Clock.now + 5_000_000)
    try Threads.run(readers + 1) { thread in
      if thread == 0 {
        for step in 0..<count {
          _ = pacer.wait(for: step)
          gate.value = UInt32(step + 1)
          gate.wakeAll()
        }
        return
      }
      var latencies = LatencyHistogram(cellsPerOctave: 128)
      var seen: UInt32 = 0
      while seen < UInt32(count) {
        let number = gate.value
        guard number > seen else {
          gate.wait(while: seen)
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
