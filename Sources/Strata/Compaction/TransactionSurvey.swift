internal import StrataRecords

/// What compaction has to know of the producers and the transactions of a log, read from its batches: which records
/// were taken back, which end markers have nothing left that they end, and which batch is the last of each producer.
///
/// It reads the log and not the indexes and snapshots beside it: a wrong one of those may not cost a record. What it
/// holds are a few numbers for each producer, for each aborted transaction, and for each marker without records.
struct TransactionSurvey: Sendable {
  /// One aborted transaction.
  struct Aborted: Hashable, Sendable {
    /// The first offset with which it was seen, and that of its marker.
    var first: Offset
    var last: Offset
  }

  private struct ProducerFacts {
    /// The last offset of its last batch with data; nil where there are only markers.
    var lastData: Offset?
    var lastMarker = Offset(0)
    /// The newest timestamp, which is what producers are forgotten by.
    var timestamp: Int64 = -1
    /// Where its transaction began that has not ended.
    var open: Offset?
  }

  private var producers: [Int64: ProducerFacts] = [:]
  private var aborted: [Int64: [Aborted]] = [:]
  private var emptyMarkers: [Offset] = []
  /// How long a producer counts that writes nothing, in milliseconds. Kafka: `producer.id.expiration.ms`.
  private let expiration: Int64

  init(expiration: Int64) { self.expiration = expiration }

  /// Takes the next batch of the log in, in the order of the offsets.
  mutating func take(_ batch: RecordBatch, limits: ParsingLimits) {
    guard let producer = batch.producer else { return }
    var facts = producers[producer.id] ?? ProducerFacts()
    facts.timestamp = max(facts.timestamp, batch.maxTimestamp.milliseconds)
    if batch.isControl {
      facts.lastMarker = batch.lastOffset
      let kind = Self.kind(of: batch, limits: limits)
      // A control record that ends nothing is left alone.
      if kind == .commit || kind == .abort {
        if let first = facts.open {
          if kind == .abort {
            aborted[producer.id, default: []].append(Aborted(first: first, last: batch.lastOffset))
          }
        } else {
          emptyMarkers.append(batch.baseOffset)
        }
        facts.open = nil
      }
    } else {
      facts.lastData = batch.lastOffset
      if batch.isTransactional, facts.open == nil { facts.open = batch.baseOffset }
    }
    producers[producer.id] = facts
  }

  private static func kind(of batch: RecordBatch, limits: ParsingLimits) -> ControlRecord.Kind? {
    do {
      var records = try batch.records(limits: limits)
      guard let record = try records.next() else { return nil }
      return try ControlRecord(parsing: record).kind
    } catch { return nil }
  }

  /// The first offset of the transactions that are open; nil where all have ended.
  var firstOpen: Offset? { producers.values.compactMap(\.open).min() }

  /// Whether the batch is part of a transaction that was aborted.
  func isAborted(_ header: RecordBatchHeader) -> Bool {
    guard header.attributes.isTransactional, !header.attributes.isControl,
      let transactions = aborted[header.producerID]
    else { return false }
    // In the order of their markers: the first marker behind the batch is its transaction's, or a commit comes before.
    var (low, high) = (0, transactions.count)
    while low < high {
      let middle = (low + high) / 2
      if transactions[middle].last < header.baseOffset { low = middle + 1 } else { high = middle }
    }
    return low < transactions.count && transactions[low].first <= header.baseOffset
  }

  /// Whether the batch is an end marker of whose transaction no batch is left.
  func isEmptyMarker(_ header: RecordBatchHeader) -> Bool {
    var (low, high) = (0, emptyMarkers.count)
    while low < high {
      let middle = (low + high) / 2
      if emptyMarkers[middle] < header.baseOffset { low = middle + 1 } else { high = middle }
    }
    return low < emptyMarkers.count && emptyMarkers[low] == header.baseOffset
  }

  /// Whether the batch is the last of a producer that still counts at the time `now`: it tells the next sequence
  /// number, and stays, be it without records.
  func isLastOfProducer(_ header: RecordBatchHeader, now: Int64) -> Bool {
    guard header.producerID >= 0, let facts = producers[header.producerID] else { return false }
    let (age, over) = now.subtractingReportingOverflow(facts.timestamp)
    guard !over, age < expiration || facts.open != nil else { return false }
    return header.lastOffset == facts.lastData ?? facts.lastMarker
  }
}
