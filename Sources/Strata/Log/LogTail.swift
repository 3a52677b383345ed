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

  /// An iterator of its own, from the tail's start on.
  public func makeAsyncIterator() -> Iterator {
    Iterator(log: log, start: start, isolation: isolation)
  }

  /// Reads ahead as far as one system call brings.
  public struct Iterator: AsyncIteratorProtocol {
    private let log: Log
    private let isolation: FetchIsolation
    private let reader: TailReader
    private var batches: [RecordBatch] = []
    private var next = 0

    init(log: Log, start: LogStart, isolation: FetchIsolation) {
      self.log = log
      self.isolation = isolation
      reader = TailReader(log: log, start: start, isolation: isolation)
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
          let reader = self.reader
          try await Log.onIOThread(log.environment) { () throws(LogError) in try reader.read() }
          batches = reader.take()
          next = 0
          if batches.isEmpty { try await waitForMore() }
        }
      } catch {
        guard error.code == .cancelled || error.code == .closed else { throw error }
        return nil
      }
    }

    /// Waits until there may be something new. Another process' writer wakes nobody here: its log is looked at
    /// again after a while.
    private func waitForMore() async throws(LogError) {
      guard log.access == .readOnly else {
        let (position, truncations) = reader.position
        return try await log.wait(.visible(isolation), for: position, since: truncations)
      }
      // Cancelled, it ends at once, and so does the tail.
      do { try await Task.sleep(for: .milliseconds(20)) } catch {}
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
      defer { place.batches = [] }
      return place.batches
    }
  }

  func read() throws(LogError) {
    try place.withLock { place throws(LogError) in
      if place.cursor == nil {
        place.cursor = log.fetch(from: try first(place.start), isolation: isolation)
      }
      var batches: [RecordBatch] = []
      var bytes = 0
      while batches.count < Self.batchLimit, bytes < Self.byteLimit {
        let batch: RecordBatch?
        do throws(LogError) { batch = try place.cursor!.next() } catch {
          // What was read before the error is handed out first; the error comes again.
          if batches.isEmpty { throw error }
          break
        }
        guard let batch else { break }
        bytes += batch.sizeInBytes
        batches.append(batch)
      }
      place.batches = batches
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
  public func tail(from start: LogStart, isolation: FetchIsolation = .durable) -> LogTail {
    LogTail(log: self, start: start, isolation: isolation)
  }
}
