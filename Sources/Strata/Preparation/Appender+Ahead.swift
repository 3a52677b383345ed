internal import StrataIO
internal import StrataRecords

/// What is made ready in front of the appends: zeros, and the mapping in which small appends are stored.
extension Appender {
  /// Zeros are written in pieces of this size, each under the appender's lock: so much an append may have to wait for.
  static let zeros = [UInt8](repeating: 0, count: 128 << 10)

  /// Batches up to this size, in bytes, are stored through the mapping; the rest is faster by a system call, which
  /// touches no page twice.
  static let mappedLimit = 16 << 10

  var preparationFacts: PreparationPlan.Facts {
    PreparationPlan.Facts(
      position: progress.position, writtenEnd: max(writtenEnd, progress.position),
      nextBytes: prepared?.bytes ?? 0, segmentBytes: Int64(configuration.segmentBytes))
  }

  /// Whether more is to be written ahead: not before there is a first record.
  var isPreparationDue: Bool {
    configuration.preparation == .written && progress.position > 0 && progress.position >= preparationDue
  }

  /// Writes the next zeros behind what is written of the active segment, up to `end` at most. Returns how far it is
  /// written now. Only for who holds the appender: so no zero ever meets a record.
  ///
  /// - Throws: `.noSpace`, after which the next append first gives back everything behind the last batch.
  mutating func writeAhead(through end: Int64) throws(IOError) -> Int64 {
    if hasLeftovers { try cutLeftovers() }
    let start = max(writtenEnd, progress.position)
    guard start < end else { return start }
    // Pieces end at their multiples, so that only the first one begins inside of a page.
    let zeros = Self.zeros
    let piece = Int64(zeros.count)
    let stop = min(end, (start / piece + 1) * piece)
    try allocate(through: stop)
    do {
      try file.write(zeros.span.extracting(first: Int(stop - start)), at: start)
    } catch {
      hasLeftovers = true
      throw error
    }
    writtenEnd = stop
    fileEnd = max(fileEnd, stop)
    return stop
  }

  /// Writes the pieces of a batch at the end: through the mapping where the file reaches that far already and they
  /// are small, else by a system call.
  mutating func put(_ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int) throws(IOError) {
    let start = progress.position
    let count = head.count + body.count
    if configuration.writing == .mapped, count <= Self.mappedLimit, start + Int64(count) <= fileEnd,
      let tail = mappedTail()
    {
      // Below the file's size every byte has its block: storing there asks the disk for nothing.
      tail.store(head, at: Int(start))
      tail.store(body, at: Int(start) + head.count)
    } else {
      try file.write(head, body, padding: padding, at: start)
    }
  }

  /// The active segment's mapping, made at first use; nil where the system refuses one.
  private mutating func mappedTail() -> (any Mapping)? {
    if let tail { return tail }
    guard !cannotMap else { return nil }
    // As long as the file can become; only what the file has is ever touched.
    let length = max(Int64(configuration.segmentBytes), fileEnd) + Int64(Self.mappedLimit)
    do throws(IOError) { tail = try file.map(length: Int(length), .readWrite) } catch { cannotMap = true }
    return tail
  }

  /// Cuts the file, and forgets what was ready behind the cut.
  mutating func shrink(to end: Int64, _ barrier: Barrier) throws(IOError) {
    tail = nil
    try file.resize(to: end, barrier)
    forgetAhead(from: end)
  }

  /// Nothing is ready behind `end` any more, in a file that ends there.
  mutating func forgetAhead(from end: Int64) {
    tail = nil
    cannotMap = false
    allocatedEnd = end
    fileEnd = end
    writtenEnd = end
    preparationDue = 0
  }

  /// Gives back the space of the next segment's file, for what needs it more. False where there is none.
  mutating func discardPrepared(_ fileSystem: any FileSystem) throws(IOError) -> Bool {
    guard let prepared else { return false }
    self.prepared = nil
    try prepared.discard(fileSystem)
    return true
  }
}
