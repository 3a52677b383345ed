internal import Glibc
internal import Strata

/// `strata read`: records, one a line.
enum ReadVerb {
  static let verb = Verb(
    name: "read",
    summary: "Prints records, one a line.",
    operands: [Operand("DIR", "the log's folder")],
    options: [
      .log,
      Option(
        "from", "OFFSET|earliest|latest|@TIMESTAMP",
        "where to begin (default earliest); times in milliseconds since 1970"),
      Option("count", "N", "end after so many records"),
      Option(
        "isolation", "log-end|durable|high-watermark|committed",
        "how far to read (default durable: what survives the loss of power)"),
      Option("format", "text|json", "the value as it is (default), or the object that dump prints"),
      Option("follow", nil, "go on with what is appended later, until Ctrl-C"),
    ],
    notes: """
      Nothing is written, and a writer is not disturbed. As text, a value is its bytes and a newline; a record
      without a value is an empty line. Control records are left out; with --isolation committed
      also the records of aborted transactions, and all behind the first transaction that is under way. Where bytes are damaged, what came before
      is printed, the offsets that cannot be read are named, and the status is 1.
      """,
    run: { (arguments, output) throws(CommandFailure) in try run(arguments, &output) })

  private static func run(
    _ arguments: Arguments, _ output: inout Output
  ) throws(CommandFailure) -> CommandFailure.Status {
    let place = try LogPlace(arguments)
    let start = try start(arguments.text("from") ?? "earliest")
    let count = try arguments.integer("count", in: 0...Int.max)
    let isolation: FetchIsolation =
      try arguments.choice(
        "isolation",
        ["log-end": .logEnd, "durable": .durable, "high-watermark": .highWatermark, "committed": .committed]
      ) ?? .durable
    let isJSON = try arguments.choice("format", ["text": false, "json": true]) ?? false
    let log = try place.openToRead()
    if arguments.has("follow") { Interruption.watch() }
    let reading = Reading(
      log: log, isJSON: isJSON, remaining: count ?? .max, isFollowing: arguments.has("follow"))
    let first: Offset
    do { first = try self.first(start, of: log, isolation) } catch { throw reading.failure(error) }
    try reading.run(log.fetch(from: first, isolation: isolation), &output)
    return .done
  }

  private static func start(_ text: String) throws(CommandFailure) -> LogStart {
    switch text {
    case "earliest": return .earliest
    case "latest": return .latest
    default:
      if text.hasPrefix("@") {
        if let time = Int64(text.dropFirst()) { return .timestamp(Timestamp(milliseconds: time)) }
      } else if let offset = Int64(text), offset >= 0 {
        return .offset(Offset(offset))
      }
      throw .usage(
        "--from \(text): an offset, earliest, latest or @ and milliseconds since 1970 is needed")
    }
  }

  private static func first(
    _ start: LogStart, of log: Log, _ isolation: FetchIsolation
  ) throws(LogError) -> Offset {
    switch start {
    case .earliest: return log.logStartOffset
    case .offset(let offset): return offset
    case .timestamp(let time):
      if let found = try log.offset(for: time, isolation: isolation) { return found }
    default: break
    }
    switch isolation {
    case .logEnd: return log.logEndOffset
    case .highWatermark: return log.highWatermark
    case .committed: return log.lastStableOffset
    default: return log.recoveryPoint
    }
  }
}

/// The records on their way out.
private struct Reading {
  let log: Log
  let isJSON: Bool
  /// How many records are wanted.
  let remaining: Int
  let isFollowing: Bool

  /// While nothing comes, the log is looked at again so often.
  private static let pauseMilliseconds: Int32 = 25

  func run(_ cursor: consuming FetchCursor, _ output: inout Output) throws(CommandFailure) {
    var remaining = remaining
    while remaining > 0 {
      let next: RecordBatch?
      do { next = try cursor.next() } catch { throw failure(error) }
      if let batch = next {
        if batch.isControl { continue }
        do {
          remaining -= try write(batch, atMost: remaining, &output)
        } catch {
          output.rollBack()
          throw failure(
            LogError(
              .unreadableBatch, path: log.path, offsets: batch.baseOffset..<batch.nextOffset,
              detail: "the batch is as it was written, but its records cannot be read", cause: error))
        }
        try output.commit()
      } else {
        guard isFollowing else { return }
        try output.flush()
        // A reader that goes away shows as an error of the pipe, without anything being written.
        switch Interruption.wait(for: System.standardOutput, 0, milliseconds: Self.pauseMilliseconds) {
        case .timeout: continue
        case .ready: throw .closedPipe
        case .interrupted: return
        }
      }
      if isFollowing, Interruption.hasCome { return }
    }
  }

  /// Adds the records of a batch, as one unit. Returns how many.
  private func write(
    _ batch: RecordBatch, atMost limit: Int, _ output: inout Output
  ) throws(FormatError) -> Int {
    var count = 0
    var records = try batch.records(limits: log.configuration.limits)
    while count < limit, let record = try records.next() {
      if isJSON {
        RecordText.write(json: record, to: &output)
      } else {
        if let value = record.value { output.write(value) }
        output.write(UInt8(ascii: "\n"))
      }
      count += 1
    }
    return count
  }

  /// What the log said, and where to go on behind damage.
  func failure(_ error: LogError) -> CommandFailure {
    var failure = CommandFailure(error)
    if failure.status == .damage, let offsets = error.offsets {
      failure.message! += "; go on behind them with --from \(offsets.upperBound)"
    }
    return failure
  }
}
