public import BenchmarkKit
public import Strata

/// What is measured, and how much of it.
public struct BenchmarkOptions: Sendable {
  public var workloads: [Workload] = Workload.allCases
  public var directory = ".build/bench"
  /// About how long one run of one measurement takes.
  public var seconds = 0.2
  /// Rounds that count; one more comes before them.
  public var rounds = 5
  /// nil: what the workload has by itself. So for all the lists.
  public var values: [Int]?
  public var batches: [Int]?
  public var codecs: [Compression]?
  public var durabilities: [Durability] = [.buffered, .synced]
  public var threads = 1
  /// Single appends, and those that a tail follows, begin so often a second; nil is as fast as they can, and for a tail
  /// `TailWorkload.standardRate`.
  public var rate: Double?
  /// By name; see `SegmentState`.
  public var preparations: [String]?
  /// Of the directory that is opened.
  public var logs: Int?
  /// Of the log that is compacted.
  public var keys: Int?
  /// Gigabytes of the large one of two logs.
  public var largeLog: Int?
  /// Whom Strata is compared with, by turns, where a workload has something in common with them.
  public var peers: [Peer] = []
  public var jsonPath: String?
  /// Where the page goes, one file that needs nothing else.
  public var htmlPath: String?
  /// An earlier run's JSON, to compare with.
  public var baselinePath: String?
  /// An earlier run's JSON that is told of instead of measuring anything.
  public var fromPath: String?
  /// The table of goals as Markdown.
  public var markdownPath: String?
  /// Whether the table of goals is printed.
  public var showsGoals = false
  /// Everything where workloads were named, and less where none was.
  public var extent = Extent.brief
  public var isHelp = false

  public init() {}

  public static let usage = """
    usage: strata-bench [WORKLOAD …|all] [OPTION …]

    Workloads: \(Workload.allCases.map(\.rawValue).joined(separator: " ")).
    `all` takes up to fifteen minutes. Without a workload, the most telling part of each in two.

      --directory DIR       where to work; what is made there is removed (.build/bench)
      --seconds S           about the time of one run of one measurement (0.2)
      --rounds N            runs of each, behind one for warming up (5)
      --values 100,1024     bytes of a record's value, 32 to 1048576
      --batch 1,1000        records a batch
      --codec none,lz4,…    none gzip snappy lz4 zstd; with a level: zstd:3
      --durability synced,buffered
      --threads N           threads that append batches (1)
      --peers all|sqlite,…  sqlite rocksdb lmdb beside Strata, by turns: append, scan, lookup
      --json FILE           the results as JSON too
      --html FILE           the results as one page with charts
      --baseline FILE       compares with an earlier run's JSON, by ratios; exits 1 on a loss beyond the noise
      --from FILE           measures nothing: takes the results of an earlier run's JSON
      --preparation LIST    how segments are made ready: \(SegmentState.all.map(\.name).joined(separator: ","))
      --rate N              an open loop: single appends begin N times a second, tailed ones too
      --logs N              logs of the directory for `open` (10000)
      --keys N              keys of the log for `compact`, each written 10 times (1000000)
      --large GB            the large log for `size` (2.7); needs as much room, and a few gigabytes more
      --goals               the goals, and how far each was reached; `all` shows them too
      --markdown FILE       the table of goals as Markdown too
      --quick               a size for tests, whose figures mean nothing
    """

  /// The options of a command line without the program's name.
  ///
  /// - Throws: a sentence that says what is wrong.
  public init(parsing arguments: [String]) throws(BenchmarkError) {
    var named: [Workload] = []
    var isQuick = false
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("-") else {
        if argument == "all" {
          named += Workload.allCases
          showsGoals = true
        } else {
          named.append(try Self.workload(argument))
        }
        continue
      }
      switch argument {
      case "--help", "-h": isHelp = true
      case "--quick": isQuick = true
      case "--goals": showsGoals = true
      case "--directory", "--seconds", "--rounds", "--values", "--batch", "--codec", "--durability",
        "--threads", "--peers", "--json", "--html", "--baseline", "--from", "--markdown", "--rate",
        "--preparation", "--logs", "--keys", "--large":
        guard let value = rest.popFirst(), !value.isEmpty else {
          throw BenchmarkError("\(argument) needs a value")
        }
        try set(argument, value)
      default: throw BenchmarkError("there is no option \(argument); try --help")
      }
    }
    if !named.isEmpty {
      workloads = []
      for workload in named where !workloads.contains(workload) { workloads.append(workload) }
      extent = .full
    }
    if isQuick { extent = .quick }
  }

  private mutating func set(_ option: String, _ value: String) throws(BenchmarkError) {
    switch option {
    case "--directory": directory = value
    case "--json": jsonPath = value
    case "--html": htmlPath = value
    case "--baseline": baselinePath = value
    case "--from": fromPath = value
    case "--peers": peers = try Peer.list(value)
    case "--markdown":
      markdownPath = value
      showsGoals = true
    case "--seconds":
      guard let number = Double(value), number > 0, number <= 60 else {
        throw BenchmarkError("--seconds takes a number above 0 and at most 60, not \(value)")
      }
      seconds = number
    case "--rounds": rounds = try Self.number(option, value, 1...1000)
    case "--rate": rate = Double(try Self.number(option, value, 1...10_000_000))
    case "--preparation": preparations = try Self.preparations(value)
    case "--logs": logs = try Self.number(option, value, 1...1_000_000)
    case "--keys": keys = try Self.number(option, value, 1...100_000_000)
    case "--large": largeLog = try Self.number(option, value, 3...100_000)
    case "--threads": threads = try Self.number(option, value, 1...256)
    case "--values": values = try Self.numbers(option, value, Values.sizes)
    case "--batch": batches = try Self.numbers(option, value, 1...100_000)
    case "--codec":
      var list: [Compression] = []
      for name in value.split(separator: ",") { list.append(try Self.compression(String(name))) }
      codecs = list
    default:
      durabilities = []
      for name in value.split(separator: ",") {
        switch name {
        case "synced": durabilities.append(.synced)
        case "buffered": durabilities.append(.buffered)
        default: throw BenchmarkError("--durability takes synced and buffered, not \(name)")
        }
      }
    }
  }

  private static func workload(_ name: String) throws(BenchmarkError) -> Workload {
    if let workload = Workload(rawValue: name) { return workload }
    let names = Workload.allCases.map(\.rawValue).joined(separator: " ")
    throw BenchmarkError("there is no workload \(name); there are \(names)")
  }

  private static func preparations(_ text: String) throws(BenchmarkError) -> [String] {
    let known = SegmentState.all.map(\.name)
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for name in names where !known.contains(name) {
      throw BenchmarkError("--preparation takes \(known.joined(separator: ", ")), not \(name)")
    }
    return names
  }

  private static func number(
    _ option: String, _ text: some StringProtocol, _ range: ClosedRange<Int>
  ) throws(BenchmarkError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw BenchmarkError("\(option) takes \(range.lowerBound) to \(range.upperBound), not \(text)")
    }
    return number
  }

  private static func numbers(
    _ option: String, _ text: String, _ range: ClosedRange<Int>
  ) throws(BenchmarkError) -> [Int] {
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      numbers.append(try number(option, part, range))
    }
    return numbers
  }

  private static func compression(_ text: String) throws(BenchmarkError) -> Compression {
    let parts = text.split(separator: ":", maxSplits: 1)
    guard let name = parts.first, let codec = Compression.Codec.allCases.first(where: { $0.name == name })
    else {
      throw BenchmarkError("there is no codec \(text); there are none, gzip, snappy, lz4 and zstd")
    }
    var level: Int?
    if parts.count == 2 {
      guard let levels = codec.levels else { throw BenchmarkError("\(codec.name) has no levels") }
      level = try number("--codec \(codec.name)", parts[1], levels)
    }
    switch codec {
    case .none: return .none
    case .gzip: return .gzip(level: level)
    case .snappy: return .snappy
    case .lz4: return .lz4(level: level)
    case .zstd: return .zstd(level: level)
    }
  }
}

extension BenchmarkOptions {
  public var isQuick: Bool { extent == .quick }

  /// The sizes that the extent and the options give.
  var amounts: Amounts {
    var amounts = Amounts(extent)
    if let keys { amounts.keys = keys }
    if let logs { amounts.logs = logs }
    if let largeLog { amounts.largeSegments = max(3, largeLog * 1_000_000_000 / amounts.segmentBytes) }
    return amounts
  }

  /// The bytes that one run of a measurement writes or reads: a GiB a second, whole MiB, and at most that
  /// much.
  var bytesPerRun: Int { isQuick ? 1 << 20 : max(1, Int(min(seconds, 1) * 1024)) << 20 }

  /// The look-ups of one run.
  var lookups: Int { isQuick ? 200 : max(1000, Int(seconds * 80_000)) }

  /// The appends of one run that are single calls without a sync.
  var singleAppends: Int { isQuick ? 200 : max(1000, Int(seconds * 800_000)) }
}
