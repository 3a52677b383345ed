internal import StrataRecords

/// How `dump` shows things.
struct DumpFormat {
  let isJSON: Bool
  let showsRecords: Bool
}

/// What a dump has met so far that is not as it should be.
struct DumpFindings {
  private(set) var damages = 0
  private var first: Damage?
  /// A codec that this build leaves out: no damage, but not everything was shown.
  var unreadable: String?

  mutating func add(_ damage: Damage) {
    if first == nil { first = damage }
    damages += 1
  }

  /// The failure to end with; nil where all is well.
  var failure: CommandFailure? {
    if let first {
      let more = damages > 1 ? "; and \(damages - 1) more" : ""
      return CommandFailure(.damage, first.line + more)
    }
    return unreadable.map { .refused($0) }
  }
}

/// Shows the batches and records of one segment. The records of a batch are shown once all of them could be read.
struct SegmentDump {
  let format: DumpFormat

  func run(
    _ walk: consuming SegmentWalk, _ output: inout Output, _ findings: inout DumpFindings
  ) throws(CommandFailure) {
    var bar = ProgressBar(
      "dumping \(walk.path)", total: walk.size, isQuiet: System.isTerminal(System.standardOutput))
    defer { bar.end() }
    while let step = try walk.next() {
      switch step {
      case .batch(let batch, let position):
        if format.isJSON {
          write(json: batch.header, position, &output)
        } else {
          write(table: batch.header, position, &output)
        }
        try output.commit()
        do {
          try write(recordsOf: batch, &output)
        } catch {
          output.rollBack()
          if error.code == .codecNotBuilt {
            if findings.unreadable == nil {
              findings.unreadable = "\(walk.path) at byte \(position): records left out: \(error.detail)"
            }
          } else {
            report(Self.damage(batch, position, error, walk.path), &output, &findings)
          }
        }
      case .damage(let damage): report(damage, &output, &findings)
      }
      try output.commit()
      bar.advance(to: walk.position)
    }
  }

  private func write(recordsOf batch: RecordBatch, _ output: inout Output) throws(FormatError) {
    guard format.showsRecords else { return try batch.header.checkContent() }
    var records = try batch.records()
    while let record = try records.next() {
      if format.isJSON {
        RecordText.write(json: record, to: &output)
      } else {
        RecordText.write(table: record, to: &output)
      }
    }
  }

  /// A whole batch whose records cannot be read.
  static func damage(_ batch: RecordBatch, _ position: Int64, _ error: FormatError, _ path: String) -> Damage
  {
    Damage(
      file: path, position: position, length: Int64(batch.sizeInBytes), kind: "\(error.code)",
      firstOffset: batch.baseOffset, lastOffset: batch.lastOffset,
      detail: "the checksum fits, the records cannot be read: \(error.detail)")
  }

  func report(_ damage: Damage, _ output: inout Output, _ findings: inout DumpFindings) {
    findings.add(damage)
    guard format.isJSON else {
      return output.write(
        "position \(damage.position): DAMAGE of \(damage.length) bytes: \(damage.kind): \(damage.detail)\n"
          as String)
    }
    output.write("{\"damage\":{" as StaticString)
    JSON.write("file", damage.file, to: &output, isFirst: true)
    JSON.write("position", damage.position, to: &output)
    JSON.write("length", damage.length, to: &output)
    JSON.write("kind", damage.kind, to: &output)
    JSON.write("firstOffset", damage.firstOffset?.rawValue, to: &output)
    JSON.write("lastOffset", damage.lastOffset?.rawValue, to: &output)
    JSON.write("detail", damage.detail, to: &output)
    output.write("}}\n" as StaticString)
  }
}

extension SegmentDump {
  private func write(json header: RecordBatchHeader, _ position: Int64, _ output: inout Output) {
    output.write("{\"batch\":{" as StaticString)
    JSON.write("position", position, to: &output, isFirst: true)
    JSON.write("baseOffset", header.baseOffset.rawValue, to: &output)
    JSON.write("batchLength", Int64(header.batchLength), to: &output)
    JSON.write("partitionLeaderEpoch", Int64(header.partitionLeaderEpoch.rawValue), to: &output)
    JSON.write("magic", Int64(header.magic), to: &output)
    JSON.write("crc", Int64(header.crc), to: &output)
    JSON.write("attributes", Int64(header.attributes.rawValue), to: &output)
    JSON.write("lastOffsetDelta", Int64(header.lastOffsetDelta), to: &output)
    JSON.write("baseTimestamp", header.baseTimestamp.milliseconds, to: &output)
    JSON.write("maxTimestamp", header.maxTimestamp.milliseconds, to: &output)
    JSON.write("producerId", header.producerID, to: &output)
    JSON.write("producerEpoch", Int64(header.producerEpoch), to: &output)
    JSON.write("baseSequence", Int64(header.baseSequence), to: &output)
    JSON.write("recordCount", Int64(header.recordCount), to: &output)
    output.write("}}\n" as StaticString)
  }

  private func write(table header: RecordBatchHeader, _ position: Int64, _ output: inout Output) {
    let attributes = header.attributes
    let codec = attributes.codec?.name ?? "unknown codec"
    var line =
      "position \(position): offsets \(header.baseOffset) to \(header.lastOffset), \(Figures.count(Int64(header.recordCount), "record")), "
      + "\(header.sizeInBytes) bytes, \(codec), time \(header.baseTimestamp) to \(header.maxTimestamp)"
    if attributes.isLogAppendTime { line += " (log append time)" }
    if attributes.hasDeleteHorizon { line += " (delete horizon)" }
    line += ", epoch \(header.partitionLeaderEpoch)"
    if let producer = header.producer {
      line += ", producer \(producer.id) epoch \(producer.epoch) sequence \(producer.baseSequence)"
    }
    if attributes.isTransactional { line += ", transactional" }
    if attributes.isControl { line += ", control" }
    output.write(line + ", crc \(String(header.crc, radix: 16))\n")
  }
}
