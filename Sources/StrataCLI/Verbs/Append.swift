internal import Strata

/// `strata append`: each line is a record.
enum AppendVerb {
  static let verb = Verb(
    name: "append",
    summary: "Appends each line of a file or of standard input as a record.",
    operands: [
      Operand("DIR", "the log's folder; created where there is none"),
      Operand("FILE", isRequired: false, "the lines; - or nothing is standard input"),
    ],
    options: [
      .log,
      Option("codec", "NAME[:LEVEL]", "none, gzip, snappy, lz4 or zstd (default none)"),
      Option("batch", "N", "lines in a batch at most (default 10000, or 128 KiB)"),
      Option("durability", "synced|buffered", "what a batch waits for: the disk (default), or the kernel"),
      Option("key-separator", "SEP", "what stands between key and value in a line"),
    ],
    notes: """
      Prints {"baseOffset":…,"lastOffset":…} for each batch as soon as it is acknowledged. A line is bytes, its
      newline not among them; an empty line is an empty value. A line without the separator has no key. Where
      input pauses, the lines so far are appended at once. Ctrl-C and SIGTERM finish the batch and close the log.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    let compression = try CodecOption.compression(arguments.text("codec"))
    let lines = try arguments.integer("batch", in: 1...Int(Int32.max))
    let durability: Durability =
      try arguments.choice("durability", ["synced": .synced, "buffered": .buffered]) ?? .synced
    let separator = arguments.text("key-separator").map { Array($0.utf8) }
    if separator?.isEmpty == true { throw .usage("--key-separator is empty; at least one byte is needed") }

    let configuration = LogConfiguration()
    // A batch's header, and what frames its one record at most.
    let largestLine = configuration.maximumBatchBytes - 128
    let file = arguments.operands.count > 1 ? arguments.operands[1] : nil
    let input = try Input(path: file, maximumLine: largestLine)
    let log: Log
    do { log = try Log.open(place.path, configuration: configuration) } catch { throw CommandFailure(error) }
    tell(log.recoveryReport, of: log)
    Interruption.watch()
    var appending = Appending(
      log: log, input: input, builder: RecordBatchBuilder(compression: compression), durability: durability,
      separator: separator, lineLimit: lines ?? 10_000, byteLimit: lines == nil ? 128 << 10 : largestLine)
    do throws(CommandFailure) {
      try appending.run(&output)
    } catch {
      // What was acknowledged is in the log; closing cannot make the failure any better.
      do { try log.close() } catch {}
      throw error
    }
    do { try log.close() } catch { throw CommandFailure(error) }
    return .done
  }

  /// Opening may have moved bytes aside: that is nothing to be silent about.
  private static func tell(_ report: RecoveryReport, of log: Log) {
    for moved in report.quarantined {
      System.complain(
        "strata append: \(moved.segment) at byte \(moved.position): \(moved.bytes) bytes that were no whole batch "
          + "(\(report.cutReason ?? "torn")) were moved to \(moved.path)")
    }
  }
}

/// The lines on their way into the log.
private struct Appending: ~Copyable {
  let log: Log
  var input: Input
  var builder: RecordBatchBuilder
  let durability: Durability
  let separator: [UInt8]?
  let lineLimit: Int
  let byteLimit: Int
  private var timestamp = Timestamp(milliseconds: 0)
  private var progress: ProgressBar

  init(
    log: Log, input: consuming Input, builder: consuming RecordBatchBuilder, durability: Durability,
    separator: [UInt8]?, lineLimit: Int, byteLimit: Int
  ) {
    progress = ProgressBar(
      "appending \(input.name)", total: input.size ?? 0, isQuiet: System.isTerminal(System.standardOutput))
    self.log = log
    self.input = input
    self.builder = builder
    self.durability = durability
    self.separator = separator
    self.lineLimit = lineLimit
    self.byteLimit = byteLimit
  }

  mutating func run(_ output: inout Output) throws(CommandFailure) {
    defer { progress.end() }
    while true {
      let event: Input.Event
      do throws(CommandFailure) { event = try input.next(isHolding: !builder.isEmpty) } catch {
        // The error says that the lines before are in the log.
        try flush(&output)
        throw error
      }
      switch event {
      case .line(let line):
        if !builder.isEmpty, builder.sizeInBytes + line.count > byteLimit {
          try flush(&output, isLineHeld: true)
        }
        try add(line)
        if builder.count >= lineLimit { try flush(&output) }
      case .pause: try flush(&output)
      case .end: return try flush(&output)
      case .interrupted:
        try flush(&output)
        // Of a stream nobody knows where it would have ended; of a file it is known that there is more.
        guard input.size != nil else { return }
        throw .refused(
          "\(input.name): interrupted after line \(input.lineNumber); the lines so far are in the log")
      }
    }
  }

  private mutating func add(_ line: Range<Int>) throws(CommandFailure) {
    if builder.isEmpty { timestamp = .now }
    let bytes = input.bytes.extracting(line)
    do throws(FormatError) {
      if let separator, let place = bytes.firstPlace(of: separator.span) {
        try builder.append(
          key: bytes.extracting(..<place), value: bytes.extracting((place + separator.count)...),
          timestamp: timestamp)
      } else {
        try builder.append(key: nil, value: bytes, timestamp: timestamp)
      }
    } catch {
      throw .refused("\(input.name): line \(input.lineNumber): \(error.detail)")
    }
  }

  /// Tells of a batch. Where nobody listens any more, that is no quiet end as it is for a reader: lines that
  /// were given are not going to be appended, and whoever gave them has to know.
  private func acknowledge(_ output: inout Output, through last: Int64) throws(CommandFailure) {
    do throws(CommandFailure) {
      try output.commit()
      try output.flush()
    } catch {
      guard error.isClosedPipe else { throw error }
      throw .refused(
        "standard output: nobody reads what is acknowledged any more; the lines through \(last) of "
          + "\(input.name) are in the log, and no further one")
    }
  }

  /// Appends the lines that are held, and tells of it. `isLineHeld`: the last line read is not among them.
  private mutating func flush(_ output: inout Output, isLineHeld: Bool = false) throws(CommandFailure) {
    guard !builder.isEmpty else { return }
    let count = Int64(builder.count)
    let appended: AppendedBatch
    do {
      appended = try log.append(builder.finish(), durability: durability)
    } catch {
      let last = input.lineNumber - (isLineHeld ? 1 : 0)
      var failure = (error as? LogError).map { CommandFailure($0) } ?? .refused("\(log.path): \(error)")
      failure.message! += "; lines \(last - count + 1) to \(last) of \(input.name) were not acknowledged"
      throw failure
    }
    output.write(UInt8(ascii: "{"))
    JSON.write("baseOffset", appended.baseOffset.rawValue, to: &output, isFirst: true)
    JSON.write("lastOffset", appended.lastOffset.rawValue, to: &output)
    output.write("}\n" as StaticString)
    try acknowledge(&output, through: input.lineNumber - (isLineHeld ? 1 : 0))
    progress.advance(to: input.bytesRead)
  }
}

extension Span<UInt8> {
  /// Where `pattern`, which is not empty, is found first.
  fileprivate func firstPlace(of pattern: Span<UInt8>) -> Int? {
    guard count >= pattern.count else { return nil }
    let first = pattern[0]
    for place in 0...(count - pattern.count) where self[place] == first {
      var length = 1
      while length < pattern.count, self[place + length] == pattern[length] { length += 1 }
      if length == pattern.count { return place }
    }
    return nil
  }
}
