internal import StrataIO
internal import StrataRecords

/// One question that verification asks of a segment while it goes through its batches in order. Verification holds
/// a list of them: what is to be checked besides becomes one more.
protocol SegmentCheck {
  /// A whole batch at `position`.
  mutating func take(_ batch: RecordBatch, at position: Int64, _ findings: inout VerificationReport)
  /// Bytes that could not be read.
  mutating func skip(_ damage: SegmentDamage)
  /// Nothing more comes.
  mutating func finish(_ findings: inout VerificationReport)
}

/// Whether every record can be read.
struct RecordsCheck: SegmentCheck {
  let path: String
  let limits: ParsingLimits

  mutating func take(_ batch: RecordBatch, at position: Int64, _ findings: inout VerificationReport) {
    do {
      var records = try batch.records(limits: limits)
      while try records.next() != nil { findings.records += 1 }
    } catch {
      guard error.code != .codecNotBuilt else {
        findings.unreadBatches += 1
        return
      }
      findings.damages.append(
        .init(
          path: path, position: position, length: Int64(batch.sizeInBytes), kind: .records,
          offsets: batch.baseOffset..<batch.nextOffset,
          detail: "the checksum fits, the records cannot be read: \(error)"))
    }
  }

  mutating func skip(_ damage: SegmentDamage) {}
  mutating func finish(_ findings: inout VerificationReport) {}
}

/// Whether leader epochs grow, and none is above the log's. The epoch is in no checksum.
struct LeaderEpochCheck: SegmentCheck {
  let path: String
  /// The log's; nil where none is known.
  let current: LeaderEpoch?
  private var last = LeaderEpoch(-1)

  init(path: String, current: LeaderEpoch?) {
    self.path = path
    self.current = current
  }

  mutating func take(_ batch: RecordBatch, at position: Int64, _ findings: inout VerificationReport) {
    let epoch = batch.header.partitionLeaderEpoch
    let isAbove = current.map { epoch > $0 } ?? false
    if !isAbove, epoch >= last {
      last = epoch
      return
    }
    let bound = isAbove ? "the log is at \(current!)" : "the batch before has \(last)"
    findings.damages.append(
      .init(
        path: path, position: position, length: Int64(batch.sizeInBytes), kind: .leaderEpoch,
        offsets: batch.baseOffset..<batch.nextOffset, detail: "leader epoch \(epoch), and \(bound)"))
  }

  mutating func skip(_ damage: SegmentDamage) {}
  mutating func finish(_ findings: inout VerificationReport) {}
}

/// Whether every entry of an offset index speaks of the batch that it points at.
struct OffsetIndexCheck: SegmentCheck {
  let path: String
  let entries: [OffsetIndexEntry]
  private var next = 0

  init(path: String, entries: [OffsetIndexEntry]) {
    self.path = path
    self.entries = entries
  }

  mutating func take(_ batch: RecordBatch, at position: Int64, _ findings: inout VerificationReport) {
    while next < entries.count, entries[next].position < position { report(&findings) }
    guard next < entries.count, entries[next].position == position else { return }
    if entries[next].offset == batch.lastOffset { next += 1 } else { report(&findings) }
  }

  mutating func skip(_ damage: SegmentDamage) {
    while next < entries.count, damage.positions.contains(entries[next].position) { next += 1 }
  }

  mutating func finish(_ findings: inout VerificationReport) {
    while next < entries.count { report(&findings) }
  }

  private mutating func report(_ findings: inout VerificationReport) {
    let entry = entries[next]
    findings.damages.append(
      .init(
        path: path, position: Int64(next * OffsetIndexEntry.byteCount),
        length: Int64(OffsetIndexEntry.byteCount), kind: .offsetIndex, offsets: nil,
        detail: "no batch that ends with offset \(entry.offset) lies at byte \(entry.position)"))
    next += 1
  }
}

/// Whether every entry of a time index speaks of the batch that it was made for: one with that timestamp, and none
/// before it is newer.
struct TimeIndexCheck: SegmentCheck {
  let path: String
  let entries: [TimeIndexEntry]
  private var next = 0
  private var largest = Timestamp(milliseconds: -1)
  /// Behind damage an entry may speak of a batch that cannot be read.
  private var hasSkipped = false

  init(path: String, entries: [TimeIndexEntry]) {
    self.path = path
    self.entries = entries
  }

  mutating func take(_ batch: RecordBatch, at position: Int64, _ findings: inout VerificationReport) {
    while next < entries.count, entries[next].offset < batch.baseOffset {
      check(isTrue: hasSkipped, &findings)
    }
    while next < entries.count, entries[next].offset <= batch.lastOffset {
      let time = entries[next].timestamp
      check(isTrue: time == batch.maxTimestamp && time >= largest, &findings)
    }
    largest = max(largest, batch.maxTimestamp)
  }

  mutating func skip(_ damage: SegmentDamage) { hasSkipped = true }

  mutating func finish(_ findings: inout VerificationReport) {
    while next < entries.count { check(isTrue: hasSkipped, &findings) }
  }

  private mutating func check(isTrue: Bool, _ findings: inout VerificationReport) {
    let entry = entries[next]
    let grows =
      next == 0
      || (entries[next - 1].timestamp < entry.timestamp && entries[next - 1].offset <= entry.offset)
    if !grows || !isTrue {
      findings.damages.append(
        .init(
          path: path, position: Int64(next * TimeIndexEntry.byteCount),
          length: Int64(TimeIndexEntry.byteCount), kind: .timeIndex, offsets: nil,
          detail: "offset \(entry.offset) is not where time \(entry.timestamp) was reached first"))
    }
    next += 1
  }
}
