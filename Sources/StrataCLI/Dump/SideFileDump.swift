internal import Strata
internal import StrataRecords

/// Shows what lies beside the segments: indexes, snapshots and checkpoints, one entry a line.
struct SideFileDump {
  let path: String
  let format: DumpFormat
  private let kind: Kind
  /// Relative offsets in an index count from here; 0 where the name tells nothing.
  private let base: Int64

  private enum Kind {
    case offsetIndex
    case timeIndex
    case transactionIndex
    case snapshot
    case leaderEpochs
    case offsetCheckpoint
    case durablePoint
    case transactions
    case seal
  }

  /// Ten times the largest index that is written by default.
  private static let sizeLimit: Int64 = 100 << 20

  /// nil where the file's name is none of a side file.
  init?(path: String, format: DumpFormat) {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch name {
    case DurablePoint.fileName: kind = .durablePoint
    case LeaderEpochs.fileName: kind = .leaderEpochs
    case TransactionDecisions.fileName: kind = .transactions
    case _ where name.hasSuffix(".index"): kind = .offsetIndex
    case _ where name.hasSuffix(".timeindex"): kind = .timeIndex
    case _ where name.hasSuffix(".txnindex"): kind = .transactionIndex
    case _ where name.hasSuffix(".snapshot"): kind = .snapshot
    case _ where name.hasSuffix(".seal"): kind = .seal
    case _ where name.hasSuffix("-offset-checkpoint"): kind = .offsetCheckpoint
    default: return nil
    }
    self.path = path
    self.format = format
    base = SegmentFiles.parse(name)?.baseOffset.rawValue ?? 0
  }

  func run(_ output: inout Output, _ findings: inout DumpFindings) throws(CommandFailure) {
    let buffer = try FileBytes.readAll(path, atMost: Self.sizeLimit)
    let bytes = buffer.bytes
    let damage: (place: Int, detail: String)? =
      switch kind {
      case .offsetIndex: offsetIndex(bytes, &output)
      case .timeIndex: timeIndex(bytes, &output)
      case .transactionIndex: transactionIndex(bytes, &output)
      case .snapshot: snapshot(bytes, &output)
      case .leaderEpochs: leaderEpochs(bytes, &output)
      case .offsetCheckpoint: offsetCheckpoint(bytes, &output)
      case .durablePoint: durablePoint(bytes, &output)
      case .transactions: transactions(bytes, &output)
      case .seal: seal(bytes, &output)
      }
    if let damage {
      let found = Damage(
        file: path, position: Int64(damage.place), length: Int64(bytes.count - damage.place),
        kind: "invalidEntry", firstOffset: nil, lastOffset: nil, detail: damage.detail)
      SegmentDump(format: format).report(found, &output, &findings)
    }
    try output.commit()
  }

  /// One entry: `{"name":{"field":…}}`, or its fields in a row.
  private func write(
    _ name: StaticString, _ fields: KeyValuePairs<StaticString, Int64>, _ output: inout Output
  ) {
    if format.isJSON {
      output.write("{\"" as StaticString)
      output.write(name)
      output.write("\":{" as StaticString)
      for (place, field) in fields.enumerated() {
        JSON.write(field.key, field.value, to: &output, isFirst: place == 0)
      }
      output.write("}}\n" as StaticString)
    } else {
      output.write(name)
      for field in fields { output.write(": \(field.key) \(field.value)" as String) }
      output.write(UInt8(ascii: "\n"))
    }
  }
}

extension SideFileDump {
  /// The bytes in front of the zeros that a preallocated index has behind its entries.
  private func entryBytes(_ bytes: Span<UInt8>, _ entry: Int) -> Int {
    var count = bytes.count
    while count >= entry, count % entry == 0, isZero(bytes.extracting(count - entry..<count)) {
      count -= entry
    }
    return count
  }

  private func isZero(_ bytes: Span<UInt8>) -> Bool {
    for place in bytes.indices where bytes[place] != 0 { return false }
    return true
  }

  private func offsetIndex(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    let end = entryBytes(bytes, 8)
    var last: (offset: Int64, position: Int64) = (-1, -1)
    for place in stride(from: 0, to: end, by: 8) {
      guard place + 8 <= end else { return (place, "\(end - place) bytes, an entry has 8") }
      let (offset, position) = (bytes.number(at: place, 4), bytes.number(at: place + 4, 4))
      guard offset > last.offset, position > last.position else {
        return (
          place, "offset \(base + offset) at position \(position) does not come behind the entry before"
        )
      }
      last = (offset, position)
      write("offsetIndexEntry", ["offset": base + offset, "position": position], &output)
    }
    return nil
  }

  private func timeIndex(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    let end = entryBytes(bytes, 12)
    var last: (time: Int64, offset: Int64) = (.min, -1)
    for place in stride(from: 0, to: end, by: 12) {
      guard place + 12 <= end else { return (place, "\(end - place) bytes, an entry has 12") }
      let (time, offset) = (bytes.number(at: place, 8), bytes.number(at: place + 8, 4))
      guard time > last.time, offset >= last.offset else {
        return (place, "time \(time) of offset \(base + offset) does not come behind the entry before")
      }
      last = (time, offset)
      write("timeIndexEntry", ["timestamp": time, "offset": base + offset], &output)
    }
    return nil
  }

  /// Kafka's aborted transactions: version int16, producer id, first, last and last stable offset int64.
  private func transactionIndex(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    for place in stride(from: 0, to: bytes.count, by: 34) {
      guard place + 34 <= bytes.count else { return (place, "\(bytes.count - place) bytes, an entry has 34") }
      write(
        "abortedTransaction",
        [
          "version": bytes.number(at: place, 2), "producerId": bytes.number(at: place + 2, 8),
          "firstOffset": bytes.number(at: place + 10, 8), "lastOffset": bytes.number(at: place + 18, 8),
          "lastStableOffset": bytes.number(at: place + 26, 8),
        ], &output)
    }
    return nil
  }

  /// Kafka's producers: version int16, CRC-32C of what follows uint32, count int32, then 46 bytes each.
  private func snapshot(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    guard bytes.count >= 10 else { return (0, "\(bytes.count) bytes, a snapshot has 10 at least") }
    guard bytes.number(at: 0, 2) == 1 else {
      return (0, "version \(bytes.number(at: 0, 2)); only version 1 is known")
    }
    let checksum = UInt32(truncatingIfNeeded: bytes.number(at: 2, 4))
    guard CRC32C.checksum(bytes.extracting(6...)) == checksum else { return (2, "the checksum does not fit") }
    guard bytes.number(at: 6, 4) * 46 == Int64(bytes.count - 10) else {
      return (6, "\(bytes.number(at: 6, 4)) producers in \(bytes.count) bytes")
    }
    for place in stride(from: 10, to: bytes.count, by: 46) {
      write(
        "producer",
        [
          "producerId": bytes.number(at: place, 8), "producerEpoch": bytes.number(at: place + 8, 2),
          "lastSequence": bytes.number(at: place + 10, 4), "lastOffset": bytes.number(at: place + 14, 8),
          "offsetDelta": bytes.number(at: place + 22, 4), "timestamp": bytes.number(at: place + 26, 8),
          "coordinatorEpoch": bytes.number(at: place + 34, 4),
          "currentTransactionFirstOffset": bytes.number(at: place + 38, 8),
        ], &output)
    }
    return nil
  }

  private func leaderEpochs(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    guard let epochs = LeaderEpochs(parsing: String(copying: bytes)) else {
      return (0, "not the lines of a leader epoch checkpoint, version 0")
    }
    for entry in epochs.entries {
      write(
        "leaderEpoch",
        ["epoch": Int64(entry.epoch.rawValue), "startOffset": entry.startOffset.rawValue], &output)
    }
    return nil
  }

  /// Kafka's offsets of a folder's logs: the version, the count, then `topic partition offset` each.
  private func offsetCheckpoint(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    let lines = String(copying: bytes).split(separator: "\n")
    guard lines.count >= 2, lines[0] == "0", Int(lines[1]) == lines.count - 2 else {
      return (0, "not the lines of an offset checkpoint, version 0")
    }
    for line in lines.dropFirst(2) {
      let fields = line.split(separator: " ")
      guard fields.count == 3, let partition = Int64(fields[1]), let offset = Int64(fields[2]) else {
        return (0, "a line is not topic, partition and offset: \(line)")
      }
      if format.isJSON {
        output.write("{\"checkpoint\":{" as StaticString)
        JSON.write("topic", String(fields[0]), to: &output, isFirst: true)
        JSON.write("partition", partition, to: &output)
        JSON.write("offset", offset, to: &output)
        output.write("}}\n" as StaticString)
      } else {
        output.write("\(fields[0])-\(partition): offset \(offset)\n" as String)
      }
    }
    return nil
  }

  private func durablePoint(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    let slots = DurablePoint.slots(of: bytes)
    for point in slots.compactMap(\.self).sorted(by: { $0.sequence < $1.sequence }) {
      write(
        "durablePoint",
        [
          "sequence": Int64(clamping: point.sequence), "logStartOffset": point.logStart.rawValue,
          "segment": point.durable.baseOffset.rawValue, "position": point.durable.position,
          "nextOffset": point.durable.nextOffset.rawValue,
          "lastBatchPosition": point.durable.lastBatchPosition,
          "checkpointSegment": point.checkpoint.baseOffset.rawValue,
          "checkpointPosition": point.checkpoint.position,
          "checkpointNextOffset": point.checkpoint.nextOffset.rawValue,
        ], &output)
    }
    return slots.allSatisfy { $0 == nil } && bytes.count > 0 ? (0, "neither slot holds a point") : nil
  }
}

extension SideFileDump {
  /// The producer ids of a directory, and the transactions whose end markers a log may lack.
  private func transactions(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    guard let decisions = TransactionDecisions(decoding: bytes) else {
      return (0, "not the transactions of a directory, or the checksum does not fit")
    }
    write(
      "producerIds", ["first": decisions.own.lowerBound, "behindLast": decisions.own.upperBound], &output)
    let sorted = decisions.committed.sorted {
      ($0.key.producerID, $0.key.epoch) < ($1.key.producerID, $1.key.epoch)
    }
    for (key, names) in sorted {
      if format.isJSON {
        output.write("{\"committedTransaction\":{" as StaticString)
        JSON.write("producerId", key.producerID, to: &output, isFirst: true)
        JSON.write("producerEpoch", Int64(key.epoch), to: &output)
        // Names of logs need no escape.
        let list = names.sorted().map { "\"\($0)\"" }.joined(separator: ",")
        output.write(",\"logs\":[\(list)]}}\n" as String)
      } else {
        let list = names.sorted().joined(separator: " ")
        output.write(
          "committedTransaction: producerId \(key.producerID): producerEpoch \(key.epoch): logs \(list)\n"
            as String)
      }
    }
    return nil
  }

  /// The head of a seal and its points. Of the last segment of a log that is open both lag behind.
  private func seal(_ bytes: Span<UInt8>, _ output: inout Output) -> (Int, String)? {
    let headBytes = SealHead.byteCount
    let head = SealHead(decoding: bytes)
    if let head {
      write(
        "seal",
        [
          "baseOffset": head.baseOffset.rawValue, "size": head.size, "nextOffset": head.nextOffset.rawValue,
          "digest": Int64(head.digest), "offsetEntries": Int64(head.offsetEntries),
          "timeEntries": Int64(head.timeEntries),
        ], &output)
    }
    var place = headBytes
    while place + 8 <= bytes.count {
      write(
        "sealPoint",
        ["position": bytes.number(at: place, 4), "digest": bytes.number(at: place + 4, 4) & 0xFFFF_FFFF],
        &output)
      place += 8
    }
    if let head, !head.covers(bytes) {
      return (headBytes, "the points are not those that the head speaks of")
    }
    let isUnfinished = bytes.count <= headBytes || isZero(bytes.extracting(0..<headBytes))
    return head == nil && !isUnfinished ? (0, "not the head of a seal") : nil
  }
}

extension Span<UInt8> {
  /// The big-endian number of `width` bytes at `place`, with its sign.
  fileprivate func number(at place: Int, _ width: Int) -> Int64 {
    var value: UInt64 = 0
    for index in place..<place + width { value = value &<< 8 | UInt64(self[index]) }
    let shift = UInt64(64 - 8 * width)
    return Int64(bitPattern: value &<< shift) &>> Int64(shift)
  }
}
