internal import StrataIO
internal import StrataLock
public import StrataRecords

/// The batches of a log from a place on, and those that come: it ends when its task is cancelled or the log is
/// closed, and suspends while there is nothing new.
///
///     for try await batch in log.tail(from: .earliest) {
///       var records = try batch.records()
///       while let record = try records.next() { … }
///     }
///
/// Reading happens on the environment's I/O thread, several batches at a time. In a log that was opened to be read,
/// beside a writer in another process, new records are looked for every 20 milliseconds.
public struct LogTail: AsyncSequence, Sendable {
  /// One batch of the log.
  public typealias Element = RecordBatch
  /// Damage, an offset that is gone, or an error of the file system.
  public typealias Failure = LogError

  let log: Log
  let start: LogStart
  let isolation: FetchIsolation
  let minimumBytes: Int
  let maximumWait: Duration

  /// An iterator of its own, from the tail's start on.
  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Reads ahead as far as one system call brings.
  public struct Iterator: AsyncIteratorProtocol {
    private let tail: LogTail
    private let reader: TailReader
    private var batches: [RecordBatch] = []
    private var next = 0

    init(_ tail: LogTail) {
      self.tail = tail
      reader = TailReader(log: tail.log, start: tail.start, isolation: tail.isolation)
    }

    /// The next batch, as soon as there is one; nil when the task was cancelled or the log closed.
    ///
    /// - Throws: `.damaged`, `.offsetOutOfRange`, `.io`.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(LogError) -> RecordBatch? {
      do {
        while true {
          if next < batches.count {
            defer { next += 1 }
            return batches[next]
          }
          if Task.isCancelled { return nil }
          try await gather()
          batches = reader.take()
          next = 0
        }
      } catch {
        guard error.code == .cancelled || error.code == .closed else { throw error }
        return nil
      }
    }

    /// Reads until there is something, and then, for a while, until it is enough.
    private func gather() async throws(LogError) {
      let reader = self.reader
      var deadline: ContinuousClock.Instant?
      while true {
        let bytes = try await Log.onIOThread(tail.log.environment) { () throws(LogError) in try reader.read()
        }
        if bytes >= tail.minimumBytes { return }
        if bytes > 0, deadline == nil { deadline = .now + tail.maximumWait }
        if let deadline, deadline <= .now { return }
        try await waitForMore(deadline)
      }
    }

    /// Waits until there may be something new, or it is time. Another process' writer wakes nobody here: its log is
    /// looked at again after a while.
    private func waitForMore(_ deadline: ContinuousClock.Instant?) async throws(LogError) {
      let log = tail.log
      guard log.access == .readOnly else {
        let (position, truncations) = reader.position
        return try await log.wait(
          .visible(tail.isolation), for: position, since: truncations, until: deadline)
      }
      // Cancelled, it ends at once, and so does the tail.
      do { try await Task.sleep(for: .milliseconds(20)) } catch {}
      if Task.isCancelled { throw LogError(.cancelled, path: log.path) }
    }

    /// The same without an actor.
    public mutating func next() async throws(LogError) -> RecordBatch? {
      try await next(isolation: nil)
    }
  }
}

/// The cursor of a tail, which moves between tasks and the I/O thread. One of them at a time uses it.
private final class TailReader: Sendable {
  private let log: Log
  private let isolation: FetchIsolation
  private let place: Lock<Place>

  private struct Place: ~Copyable {
    var start: LogStart
    var cursor: FetchCursor?
    /// What was read and not taken yet. Batches share the cursor's buffers: they change threads by the lock.
    var batches: [RecordBatch] = []
    var bytes = 0
  }

  init(log: Log, start: LogStart, isolation: FetchIsolation) {
    self.log = log
    self.isolation = isolation
    place = Lock(Place(start: start, cursor: nil))
  }

  /// Behind this offset there has to be something to see before it can go on, unless the log was truncated since
  /// so many truncations.
  var position: (offset: Offset, truncations: UInt64) {
    place.withLock { ($0.cursor?.waitsBehind ?? 0, $0.cursor?.truncations ?? 0) }
  }

  /// At most this many batches, and about as many bytes as one read brings.
  private static let batchLimit = 256
  private static let byteLimit = 256 << 10

  /// Hands over what was read.
  func take() -> [RecordBatch] {
    place.withLock { place in
      defer { (place.batches, place.bytes) = ([], 0) }
      return place.batches
    }
  }

  /// Reads what there is, as far as one read brings. Returns the bytes of all that was not taken yet.
  func read() throws(LogError) -> Int {
    try place.withLock { place throws(LogError) in
      if place.cursor == nil {
        place.cursor = log.fetch(from: try first(place.start), isolation: isolation)
      }
      let (count, bytes) = (place.batches.count, place.bytes)
      while place.batches.count - count < Self.batchLimit, place.bytes - bytes < Self.byteLimit {
        let batch: RecordBatch?
        do throws(LogError) { batch = try place.cursor!.next() } catch {
          // What was read before the error is handed out first; the error comes again.
          if place.batches.isEmpty { throw error }
          return .max
        }
        guard let batch else { break }
        place.bytes += batch.sizeInBytes
        place.batches.append(batch)
      }
      return place.bytes
    }
  }

  private func first(_ start: LogStart) throws(LogError) -> Offset {
    switch start {
    case .earliest: return log.logStartOffset
    case .latest: return try log.visibleEnd(isolation)
    case .offset(let offset): return offset
    case .timestamp(let timestamp):
      if let found = try log.offset(for: timestamp, isolation: isolation) { return found }
      return try log.visibleEnd(isolation)
    }
  }
}

extension Log {
  /// The batches from `start` on, and those that come.
  ///
  /// - Parameters:
  ///   - start: Where to begin; looked up with the first batch that is asked for.
  ///   - isolation: How far to see.
  ///   - minimumBytes: New batches are held back until they have so many bytes together, so that a reader of small
  ///     ones wakes up less often. Kafka: `fetch.min.bytes`.
  ///   - maximumWait: But no longer than this, once there is one. Kafka: `fetch.max.wait.ms`.
  public func tail(
    from start: LogStart, isolation: FetchIsolation = .durable, minimumBytes: Int = 1,
    maximumWait: Duration = .milliseconds(500)
  ) -> LogTail {
    LogTail(
      log: self, start: start, isolation: isolation, minimumBytes: max(1, minimumBytes),
      maximumWait: maximumWait)
  }
}
