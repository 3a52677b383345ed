internal import BenchmarkKit

/// P1 to P17: what Strata is to reach. Figures in records a second and in seconds are of the machine that they were set
/// on, a server processor's two cores; ratios are within one run, and of any machine.
enum Goals {
  static let all: [Goal] =
    building + writing + codecs + syncing + singles + reading + lookups + opening + compacting + following
    + rest

  // MARK: Appending

  private static let building: [Goal] = [
    goal(
      "P1", "append 100 B, building, allocated", append(100, "builder"), .recordsPerSecond, .atLeast(35e6)),
    goal(
      "P1", "append 100 B, building, written", append(100, "builder", "written"), .recordsPerSecond,
      .atLeast(65e6)),
    goal(
      "P1", "append 1 KiB, building, allocated", append(1024, "builder"), .recordsPerSecond, .atLeast(3.2e6)),
    goal(
      "P1", "append 1 KiB, building, written", append(1024, "builder", "written"), .recordsPerSecond,
      .atLeast(8e6)),
  ]

  private static let writing: [Goal] = [
    goal("P2", "append received batches, 100 B", append(100, "received"), .ofLimit, .atLeast(0.85)),
    goal("P2", "append received batches, 1 KiB", append(1024, "received"), .ofLimit, .atLeast(0.85)),
  ]

  private static let codecNames = ["lz4", "zstd", "snappy", "gzip"]

  private static let codecs: [Goal] = codecNames.flatMap { codec in
    [
      Goal(
        "P3", "append \(codec), of the bare codec", "codec",
        [text("codec", codec), number("threads", 1), number("valueBytes", 100)],
        .ofLimit, .atLeast(0.92)),
      Goal(
        "P3", "append \(codec), two threads", "codec",
        [text("codec", codec), number("threads", 2), number("valueBytes", 100)], .ofLimit, .atLeast(1.85)),
    ]
  }

  private static let syncing: [Goal] = [
    goal(
      "P4", "each batch synced, 100 B, written", append(100, "builder", "written", "synced"),
      .recordsPerSecond,
      .atLeast(5.5e6)),
    goal(
      "P4", "each batch synced, 1 KiB, written", append(1024, "builder", "written", "synced"),
      .recordsPerSecond,
      .atLeast(2.3e6)),
  ]

  private static let singles: [Goal] = [
    goal("P5", "one record synced, written, 1 writer: p50", synced(1, "threads"), .timesLimit, .atMost(1.1)),
    goal(
      "P5", "one record synced, written, 8 writers", synced(8, "threads"), .recordsPerSecond, .atLeast(36e3)),
    goal(
      "P5", "one record synced, written, 64 writers", synced(64, "threads"), .recordsPerSecond,
      .atLeast(300e3)),
    goal(
      "P5", "one record synced, written, 64 tasks", synced(64, "tasks"), .recordsPerSecond, .atLeast(550e3)),
    goal("P6", "one record not synced", append(100, "record", batch: 1), .recordsPerSecond, .atLeast(1.4e6)),
    goal(
      "P6", "one record not synced, mapped", append(100, "record", "mapped", batch: 1), .recordsPerSecond,
      .atLeast(10e6)),
    goal(
      "P6", "one record not synced, mapped: p50", append(100, "record", "mapped", batch: 1), .p50,
      .atMost(60)),
  ]

  // MARK: Reading

  private static let reading: [Goal] =
    [
      ("copied", 100, 75e6), ("mapped", 100, 140e6), ("copied", 1024, 18e6), ("mapped", 1024, 27e6),
    ].map { reading, size, least in
      Goal(
        "P7", "scan \(size == 100 ? "100 B" : "1 KiB"), \(reading)", "scan", read(size, reading),
        .recordsPerSecond,
        .atLeast(least))
    }
    + [100, 1024].map { size in
      Goal(
        "P8", "fetch \(size == 100 ? "100 B" : "1 KiB"), of pread and CRC32C", "fetch", read(size, "copied"),
        .ofLimit,
        .atLeast(0.92))
    }
    + codecNames.map { codec in
      Goal(
        "P9", "scan \(codec), of the bare codec", "codec",
        [text("codec", codec), text("reading", "copied"), number("valueBytes", 100)], .ofLimit, .atLeast(0.88)
      )
    }

  private static let lookups: [Goal] =
    [
      ("fresh", "not checked before", [1200.0, 2000, 10_000]),
      ("checked", "checked before", [1000, 1200, 2500]),
      ("hot", "hot set", [500, 500, 500]),
    ].flatMap { state, words, most in
      zip([10, 100, 1000], most).map { batch, most in
        Goal(
          "P10", "record of \(batch) a batch, \(words): p50", "lookup",
          [number("recordsPerBatch", batch), text("by", "offset"), text("batches", state)], .p50,
          .atMost(most))
      }
    }
    + zip([10, 100, 1000], [1500.0, 2000, 4000]).map { batch, most in
      Goal(
        "P11", "timestamp, \(batch) a batch: p50", "lookup",
        [number("recordsPerBatch", batch), text("by", "time")], .p50, .atMost(most))
    }

  // MARK: Opening, compacting, following

  private static let opening: [Goal] = [
    Goal(
      "P12", "crash recovery, 1,000 a batch", "recover",
      [number("recordsPerBatch", 1000), text("synced", "nothing")],
      .bytesPerSecond, .atLeast(12e9)),
    Goal(
      "P12", "crash recovery, 10 a batch", "recover",
      [number("recordsPerBatch", 10), text("synced", "nothing")],
      .bytesPerSecond, .atLeast(4e9)),
    Goal(
      "P12", "durable bytes that it reads again", "recover", [text("synced", "most")],
      .figure("mostReadAgainBytes"),
      .atMost(67_108_864)),
    Goal(
      "P13", "open 10,000 logs", "open", [number("logs", 10_000)], .figure("openNanoseconds"), .atMost(1e9)),
    Goal(
      "P13", "memory for each of them", "open", [number("logs", 10_000)], .figure("heapBytesPerLog"),
      .atMost(4096)),
  ]

  private static let compacting: [Goal] = [
    Goal(
      "P14", "compact 1 M keys × 10, one thread", "compact",
      [number("keys", 1_000_000), number("valueBytes", 100)],
      .recordsPerSecond, .atLeast(10e6))
  ]

  private static let following: [Goal] = [
    Goal(
      "P15", "append while 4 readers tail, of alone", "tail", [text("loop", "closed")], .ofLimit,
      .atLeast(0.9)),
    Goal("P15", "record to reader, not synced: p99", "tail", [text("loop", "open")], .p99, .atMost(100e3)),
  ]

  private static let rest: [Goal] = [
    goal("P16", "allocations a record, append", append(100, "builder"), .allocationsPerRecord, .atMost(0)),
    Goal(
      "P16", "allocations a record, fetch", "fetch", read(100, "copied"), .allocationsPerRecord, .atMost(0)),
    Goal("P16", "allocations a record, scan", "scan", read(100, "copied"), .allocationsPerRecord, .atMost(0)),
    Goal(
      "P17", "append to a large log, of a small one", "size", [text("work", "append")], .ofLimit,
      .atLeast(0.9)),
    Goal(
      "P17", "look-ups in a large log, of a small one", "size", [text("work", "lookup")], .ofLimit,
      .atLeast(0.9)),
  ]

  // MARK: Parameters

  private static func goal(
    _ name: String, _ work: String, _ parameters: [JSON.Member], _ measure: Goal.Measure, _ bound: Goal.Bound
  ) -> Goal {
    Goal(name, work, "append", parameters, measure, bound)
  }

  private static func text(_ key: String, _ value: String) -> JSON.Member { JSON.Member(key, .string(value)) }
  private static func number(_ key: String, _ value: Int) -> JSON.Member { JSON.Member(key, .integer(value)) }

  private static func append(
    _ size: Int, _ source: String, _ preparation: String = "allocated", _ durability: String = "buffered",
    batch: Int = 1000
  ) -> [JSON.Member] {
    [
      number("valueBytes", size), number("recordsPerBatch", batch), text("source", source),
      text("codec", "none"),
      text("durability", durability), text("preparation", preparation), number("threads", 1),
    ]
  }

  private static func synced(_ writers: Int, _ kind: String) -> [JSON.Member] {
    [
      text("durability", "synced"), text("preparation", "written"), number("writers", writers),
      text("writersAre", kind),
    ]
  }

  private static func read(_ size: Int, _ reading: String) -> [JSON.Member] {
    [
      number("valueBytes", size), number("recordsPerBatch", 1000), text("codec", "none"),
      text("reading", reading),
      text("pass", "again"),
    ]
  }
}
