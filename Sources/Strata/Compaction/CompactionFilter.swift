internal import StrataRecords

/// What becomes of one batch, record by record. A pure decision; `BatchRewriter` carries it out.
///
/// The rules are Kafka's (`Cleaner.shouldRetainRecord`, `discardBatch`):
///
/// - of the records of a key the newest stays; those at or behind `end`, up to which keys are known, stay all;
/// - a record without a key goes; so does every record of an aborted transaction;
/// - a tombstone stays until its batch's delete horizon has passed: the horizon is set, by `deleteRetention` from now,
///   with the first compaction that meets it; an end marker of whose transaction nothing is left likewise;
/// - a batch of which nothing is left stays, empty, where it is the last of its producer: it has its sequence number.
struct CompactionFilter: Sendable {
  /// The newest offsets of the keys between where the log was clean and `end`.
  let keys: KeyOffsetMap
  let survey: TransactionSurvey
  /// The offset behind the last record whose key is known.
  let end: Offset
  /// The wall clock, in milliseconds since 1970.
  let now: Int64
  /// How long tombstones and markers stay, in milliseconds.
  let deleteRetention: Int64
  let limits: ParsingLimits

  enum Verdict: Equatable {
    /// As it is, byte for byte.
    case keep
    /// With these of its records, by their places, and with a delete horizon where there is one.
    case rewrite(kept: Int, horizon: Timestamp?)
    /// Without records: it stays empty where `staysEmpty`, or goes.
    case empty(staysEmpty: Bool)
    /// Its records cannot be read: it stays as it is.
    case unreadable
  }

  /// Decides about `batch`. `kept` says of each record, by its place, whether it stays, where the verdict is to rewrite.
  func verdict(on batch: RecordBatch, kept: inout [Bool]) -> Verdict {
    let header = batch.header
    // Behind what is compacted everything stays as it is.
    if header.baseOffset >= end { return .keep }
    let staysEmpty = survey.isLastOfProducer(header, now: now)
    if header.recordCount == 0 { return staysEmpty ? .keep : .empty(staysEmpty: false) }
    let hasExpired = header.attributes.hasDeleteHorizon && header.baseTimestamp.milliseconds <= now
    if header.attributes.isControl {
      return verdict(onMarker: header, hasExpired, staysEmpty: staysEmpty, &kept)
    }
    if survey.isAborted(header) { return .empty(staysEmpty: staysEmpty) }
    kept.removeAll(keepingCapacity: true)
    var (count, hasTombstone) = (0, false)
    do {
      var records = try batch.records(limits: limits)
      while let record = try records.next() {
        let stays = stays(record, hasExpired)
        kept.append(stays)
        guard stays else { continue }
        count += 1
        if record.value == nil { hasTombstone = true }
      }
    } catch { return .unreadable }
    if count == 0 { return .empty(staysEmpty: staysEmpty) }
    let needsHorizon = hasTombstone && !header.attributes.hasDeleteHorizon
    if count == kept.count, !needsHorizon { return .keep }
    return .rewrite(kept: count, horizon: needsHorizon ? horizon : header.deleteHorizon)
  }

  private func verdict(
    onMarker header: RecordBatchHeader, _ hasExpired: Bool, staysEmpty: Bool, _ kept: inout [Bool]
  ) -> Verdict {
    guard survey.isEmptyMarker(header) else { return .keep }
    if hasExpired { return .empty(staysEmpty: staysEmpty) }
    if header.attributes.hasDeleteHorizon { return .keep }
    kept = [Bool](repeating: true, count: Int(header.recordCount))
    return .rewrite(kept: Int(header.recordCount), horizon: horizon)
  }

  private func stays(_ record: RecordView, _ hasExpired: Bool) -> Bool {
    if record.offset >= end { return true }
    guard let key = record.key else { return false }
    if let newest = keys.offset(of: key), record.offset < newest { return false }
    return record.value != nil || !hasExpired
  }

  private var horizon: Timestamp {
    let (time, over) = now.addingReportingOverflow(deleteRetention)
    return Timestamp(milliseconds: over ? .max : time)
  }
}

extension RecordBatchHeader {
  /// The time from which on tombstones of the batch may go; nil where none was set.
  var deleteHorizon: Timestamp? { attributes.hasDeleteHorizon ? baseTimestamp : nil }
}
