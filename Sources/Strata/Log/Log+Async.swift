public import StrataIO
internal import StrataLock
public import StrataRecords
internal import Synchronization

/// The forms of the verbs that suspend instead of blocking. The system calls are made by the environment's I/O
/// thread, never by Swift's cooperative pool.
extension Log {
  /// Opens the log without blocking the task's thread. Else as the blocking `open`.
  public static func open(
    _ path: String, configuration: LogConfiguration = LogConfiguration(), access: LogAccess = .readWrite,
    environment: LogEnvironment = .system
  ) async throws(LogError) -> Log {
    try await onIOThread(environment) { () throws(LogError) in
      try open(path, configuration: configuration, access: access, environment: environment)
    }
  }

  /// Appends one record. Tasks that append at the same time share writes and syncs. Else as the blocking form.
  @discardableResult
  public func append(
    _ record: Record, durability: Durability? = nil
  ) async throws(LogError) -> AppendedBatch {
    try await submit(.records([record]), durability)
  }

  /// Appends records as one batch. Else as the blocking form.
  @discardableResult
  public func append(
    _ records: some Collection<Record>, durability: Durability? = nil
  ) async throws(LogError) -> AppendedBatch {
    try await submit(.records(Array(records)), durability)
  }

  /// Appends a batch. Else as the blocking form.
  @discardableResult
  public func append(
    _ batch: RecordBatch, durability: Durability? = nil
  ) async throws(LogError) -> AppendedBatch {
    try await submit(.batch(batch), durability)
  }

  /// Waits until every record up to and with `offset` survives the loss of power.
  ///
  /// - Throws: as the blocking form; `.cancelled` when the task is cancelled, and the records stay.
  public func waitUntilDurable(through offset: Offset) async throws(LogError) {
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    try checkExists(offset)
    try await wait(.durable, for: Offset(offset.rawValue + 1), since: truncations)
  }

  /// Waits until everything that was appended before the call survives the loss of power.
  public func flush() async throws(LogError) {
    try checkUsable()
    let truncations = truncationCount.load(ordering: .sequentiallyConsistent)
    try await wait(.durable, for: logEndOffset, since: truncations)
  }

  /// Closes the log. Else as the blocking form.
  public func close() async throws(LogError) {
    try await Log.onIOThread(environment) { () throws(LogError) in try self.close() }
  }

  static func onIOThread<R: Sendable>(
    _ environment: LogEnvironment, _ body: @escaping @Sendable () throws(LogError) -> R
  ) async throws(LogError) -> R {
    try await on(environment.ioThread, body)
  }

  /// The same on a thread of its own, for what takes long: others' appends do not wait for it.
  static func onOwnThread<R: Sendable>(
    _ environment: LogEnvironment, _ body: @escaping @Sendable () throws(LogError) -> R
  ) async throws(LogError) -> R {
    try await on(environment.makeIOThread(), body)
  }

  private static func on<R: Sendable>(
    _ thread: any IOThread, _ body: @escaping @Sendable () throws(LogError) -> R
  ) async throws(LogError) -> R {
    let result: Result<R, LogError> = await unsafe withUnsafeContinuation { continuation in
      thread.enqueue {
        let result: Result<R, LogError>
        do throws(LogError) { result = .success(try body()) } catch { result = .failure(error) }
        unsafe continuation.resume(returning: result)
      }
    }
    return try result.get()
  }

  /// Waits for an event without blocking a thread. `truncations`: how many there were when the caller saw the offset.
  /// One that came between ends the wait as one that comes later does. At `deadline` it returns all the same.
  func wait(
    _ event: Waiter.Event, for offset: Offset, since truncations: UInt64,
    until deadline: ContinuousClock.Instant? = nil
  ) async throws(LogError) {
    let identity = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let alarm = deadline.map { deadline in
      Task {
        do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
        abandon(identity, .success(()))
      }
    }
    defer { alarm?.cancel() }
    let result: Result<Void, LogError> = await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { continuation in
        enroll(
          Waiter(identity: identity, event: event, offset: offset) {
            unsafe continuation.resume(returning: $0)
          }, since: truncations, until: deadline)
      }
    } onCancel: {
      abandon(identity, .failure(cancellation))
    }
    try result.get()
  }

  /// Puts a waiter on the list, unless what it waits for has happened already.
  private func enroll(
    _ waiter: Waiter, since truncations: UInt64, until deadline: ContinuousClock.Instant?
  ) {
    var cut: Offset?
    let (answer, mustLead) = state.withLock { state -> (Result<Void, LogError>?, Bool) in
      if let end = state.truncations.lowest(since: truncations), end < waiter.offset {
        cut = end
        return (nil, false)
      }
      if waiter.isDone(state) { return (.success(()), false) }
      if let poison = state.poison { return (.failure(poison), false) }
      if state.phase == .closed { return (.failure(LogError(.closed, path: path)), false) }
      // Asked under the lock: who cancels later finds the waiter on the list, and so does the alarm.
      if Task.isCancelled { return (.failure(cancellation), false) }
      if let deadline, deadline <= .now { return (.success(()), false) }
      state.waiters.append(waiter)
      if case .durable = waiter.event { return (nil, !state.isSynchronizing) }
      return (nil, false)
    }
    if let cut { withdraw(waiter, truncatedTo: cut) }
    if let answer { waiter.resume(answer) }
    if mustLead { leadOnIOThread() }
  }

  /// Takes a waiter off the list whose task was cancelled, or whose time is over.
  private func abandon(_ identity: UInt64, _ answer: Result<Void, LogError>) {
    let found = state.withLock { $0.takeWaiters { $0.identity == identity } }
    for waiter in found { waiter.resume(answer) }
  }

  private var cancellation: LogError {
    LogError(.cancelled, path: path, detail: "the task was cancelled; what was appended stays")
  }

  /// Lets the I/O thread synchronise for the tasks that wait.
  func leadOnIOThread() {
    environment.ioThread.enqueue { [self] in
      let turn = state.withLock { state -> Turn? in
        guard !state.isSynchronizing, state.poison == nil, state.phase == .open, state.hasUnservedWaiter
        else {
          return nil
        }
        return state.beginTurn()
      }
      if let turn { lead(turn) }
    }
  }
}

/// Appends of tasks, in the order in which they came.
struct SubmissionQueue: Sendable {
  enum Content: Sendable {
    case records([Record])
    case batch(RecordBatch)
  }

  struct Submission: Sendable {
    var content: Content
    var isSynced: Bool
    var resume: @Sendable (Result<AppendedBatch, LogError>) -> Void
  }

  var waiting: [Submission] = []
  /// Whether a job is on its way that will take them all.
  var isScheduled = false
}

extension Log {
  private func submit(
    _ content: SubmissionQueue.Content, _ durability: Durability?
  ) async throws(LogError) -> AppendedBatch {
    let isSynced = (durability ?? configuration.durability) == .synced
    let result: Result<AppendedBatch, LogError> = await unsafe withUnsafeContinuation { continuation in
      let submission = SubmissionQueue.Submission(content: content, isSynced: isSynced) {
        unsafe continuation.resume(returning: $0)
      }
      let mustSchedule = submissions.withLock { queue in
        queue.waiting.append(submission)
        defer { queue.isScheduled = true }
        return !queue.isScheduled
      }
      if mustSchedule { environment.ioThread.enqueue { [self] in appendSubmissions() } }
    }
    return try result.get()
  }

  /// Appends everything that waits, with one write where it is small, and synchronises once.
  private func appendSubmissions() {
    let taken = submissions.withLock { queue in
      queue.isScheduled = false
      let taken = queue.waiting
      queue.waiting = []
      return taken
    }
    var written: [(SubmissionQueue.Submission, AppendedBatch)] = []
    written.reserveCapacity(taken.count)
    var gathered: [(SubmissionQueue.Submission, RecordBatch)] = []
    var bytes = 0
    for submission in taken {
      do {
        let batch = try batch(of: submission.content)
        if bytes + batch.sizeInBytes > Appender.stagingBytes {
          write(&gathered, &written)
          bytes = 0
        }
        gathered.append((submission, batch))
        bytes += batch.sizeInBytes
      } catch {
        submission.resume(.failure(error))
      }
    }
    write(&gathered, &written)
    settle(written)
  }

  private func batch(of content: SubmissionQueue.Content) throws(LogError) -> RecordBatch {
    switch content {
    case .batch(let batch): return batch
    case .records(let records):
      let now = Timestamp(milliseconds: environment.wallClockMilliseconds())
      return try withAppender { appender throws(LogError) in
        do throws(FormatError) {
          appender.builder.defaultTimestamp = now
          for record in records { try appender.builder.append(record) }
          return try appender.builder.finish()
        } catch {
          appender.builder.removeAll()
          throw LogError(error, path: path)
        }
      }
    }
  }

  /// Writes what was gathered. Where that fails, each is tried alone, so that one cannot fail the others.
  private func write(
    _ gathered: inout [(SubmissionQueue.Submission, RecordBatch)],
    _ written: inout [(SubmissionQueue.Submission, AppendedBatch)]
  ) {
    guard !gathered.isEmpty else { return }
    defer { gathered.removeAll(keepingCapacity: true) }
    do {
      let places = try append(gathered.map(\.1), durability: .buffered)
      for (index, place) in places.enumerated() { written.append((gathered[index].0, place)) }
    } catch {
      var appended = 0
      if let offsets = error.offsets {
        // A part of them lies in a segment that was ended meanwhile.
        var base = offsets.lowerBound
        while appended < gathered.count, base < offsets.upperBound {
          let last = Offset(base.rawValue + Int64(gathered[appended].1.header.lastOffsetDelta))
          written.append((gathered[appended].0, AppendedBatch(baseOffset: base, lastOffset: last)))
          base = Offset(last.rawValue + 1)
          appended += 1
        }
      }
      for (submission, batch) in gathered[appended...] {
        do { written.append((submission, try append(batch, durability: .buffered))) } catch {
          submission.resume(.failure(error))
        }
      }
    }
  }

  private func settle(_ written: [(SubmissionQueue.Submission, AppendedBatch)]) {
    var failure: LogError?
    if let last = written.last(where: { $0.0.isSynced })?.1.lastOffset {
      do { try commit(through: last) } catch { failure = error }
    }
    for (submission, place) in written {
      if submission.isSynced, let failure {
        submission.resume(.failure(failure))
      } else {
        submission.resume(.success(place))
      }
    }
  }
}
