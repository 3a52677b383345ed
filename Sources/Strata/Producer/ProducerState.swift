package import StrataRecords

/// All producers that a log remembers, and the transactions that are under way.
///
/// Pure: what was appended goes in, in the order of offsets, and what may be appended comes out. Its memory is
/// bounded: 5 batches a producer, as many producers as the configuration lets in, and for transactions that have
/// ended but are not on the disk yet at most `retainedCompletions` entries.
///
/// Invariant: `open` has an entry for each producer with a `transactionStart`, by growing offsets.
package struct ProducerState: Sendable {
  package private(set) var entries: [Int64: ProducerEntry] = [:]
  /// The transactions that are under way, by their first offsets.
  package private(set) var open: [OpenTransaction] = []
  /// Transactions whose end marker may not be on the disk yet, by the markers' offsets.
  private var completed: [Range<Offset>] = []

  static let retainedCompletions = 1024

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var count: Int { entries.count }

  package subscript(id: Int64) -> ProducerEntry? { entries[id] }

  /// Takes in a batch of data.
  package mutating func take(_ header: RecordBatchHeader) {
    let begins = entries[header.producerID, default: ProducerEntry(id: header.producerID)].take(header)
    guard begins else { return }
    open.append(OpenTransaction(producerID: header.producerID, firstOffset: header.baseOffset))
  }

  /// Takes in an end marker at the base offset of its batch. Returns what it has ended; nil where nothing was under
  /// way, which has no effect on what is stable.
  package mutating func take(
    _ marker: ControlRecord, _ header: RecordBatchHeader, timestamp: Timestamp
  ) -> EndedTransaction? {
    let start = entries[header.producerID, default: ProducerEntry(id: header.producerID)].end(
      epoch: header.producerEpoch, coordinatorEpoch: marker.coordinatorEpoch ?? -1, timestamp: timestamp)
    guard let start else { return nil }
    open.removeAll { $0.producerID == header.producerID }
    let end = header.baseOffset
    complete(start..<end)
    return EndedTransaction(
      transaction: AbortedTransaction(
        producerID: header.producerID, firstOffset: start, lastOffset: end,
        lastStableOffset: open.first?.firstOffset ?? end.following),
      isAborted: marker.kind == .abort)
  }

  private mutating func complete(_ offsets: Range<Offset>) {
    completed.append(offsets)
    guard completed.count > Self.retainedCompletions else { return }
    // Two that are taken for one hold back no less than each.
    let (first, second) = (completed[0], completed[1])
    completed.replaceSubrange(
      0...1, with: CollectionOfOne(min(first.lowerBound, second.lowerBound)..<second.upperBound))
  }

  /// Takes in any batch of a log that is read: data and end markers of producers, and nothing of others. Returns
  /// what it has ended.
  package mutating func take(_ batch: RecordBatch, limits: ParsingLimits) -> EndedTransaction? {
    let header = batch.header
    guard header.producerID >= 0 else { return nil }
    guard header.attributes.isControl else {
      take(header)
      return nil
    }
    // Compaction may have taken the marker out. One that cannot be read ends nothing: its transaction stays
    // undecided.
    guard let (marker, timestamp) = batch.endMarker(limits: limits) else { return nil }
    return take(marker, header, timestamp: timestamp)
  }

  /// Forgets that transactions have ended below `offset`, where everything is on the disk.
  package mutating func forgetCompleted(below offset: Offset) {
    guard let first = completed.first, first.upperBound < offset else { return }
    completed.removeSubrange(..<(completed.firstIndex { $0.upperBound >= offset } ?? completed.endIndex))
  }

  /// The offset behind which something is undecided, or may be again after the loss of power: the first one of a
  /// transaction without an end marker below `visible`; or `visible`. Kafka's last stable offset.
  package func lastStableOffset(below visible: Offset) -> Offset {
    var lowest = visible
    if let first = open.first { lowest = min(lowest, first.firstOffset) }
    for offsets in completed.reversed() {
      // The markers' offsets grow.
      if offsets.upperBound < visible { break }
      lowest = min(lowest, offsets.lowerBound)
    }
    return lowest
  }

  /// Forgets the producers that nothing was heard of for `milliseconds`.
  package mutating func removeExpired(at now: Int64, after milliseconds: Int64) {
    let expired = entries.values.filter { $0.isExpired(at: now, after: milliseconds) }
    for entry in expired { entries[entry.id] = nil }
  }

  /// Takes an entry over that a snapshot has.
  package mutating func restore(_ entry: ProducerEntry) {
    entries[entry.id] = entry
    guard let start = entry.transactionStart else { return }
    let transaction = OpenTransaction(producerID: entry.id, firstOffset: start)
    open.insert(transaction, at: open.firstIndex { $0.firstOffset > start } ?? open.endIndex)
  }

  func checkInvariants() {
    precondition(
      open.count == entries.values.count { $0.transactionStart != nil }, "a transaction is missing")
    for (place, transaction) in open.enumerated() {
      precondition(entries[transaction.producerID]?.transactionStart == transaction.firstOffset)
      precondition(place == 0 || open[place - 1].firstOffset < transaction.firstOffset, "not in order")
    }
    precondition(entries.values.allSatisfy { $0.batches.count <= ProducerEntry.rememberedBatches })
  }
}

/// A transaction that nobody has ended yet.
public struct OpenTransaction: Hashable, Sendable {
  /// Who writes it.
  public var producerID: Int64
  /// The offset of its first record in this log.
  public var firstOffset: Offset
}

/// A transaction that an end marker has ended.
package struct EndedTransaction: Hashable, Sendable {
  /// What the transaction index says of it, if it was aborted.
  package var transaction: AbortedTransaction
  package var isAborted: Bool
}

extension RecordBatch {
  /// The end marker of a transaction that this control batch holds, and its timestamp; nil where it holds none.
  package func endMarker(limits: ParsingLimits) -> (marker: ControlRecord, timestamp: Timestamp)? {
    do throws(FormatError) {
      var records = try records(limits: limits)
      guard let record = try records.next() else { return nil }
      let marker = try ControlRecord(parsing: record)
      guard marker.kind == .abort || marker.kind == .commit else { return nil }
      return (marker, record.timestamp)
    } catch { return nil }
  }
}
