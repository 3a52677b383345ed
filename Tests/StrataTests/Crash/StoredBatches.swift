import StrataRecords

/// One batch as it lies in a file, read by a second, slower reader than the log's own: what the tests compare
/// with has to come from somewhere else.
struct StoredBatch: Equatable {
  var position: Int
  var size: Int
  var baseOffset: Int64
  var lastOffset: Int64
  var epoch: Int32
  var values: [String]

  var end: Int { position + size }

  /// The batch at `position`; nil where there is none that is whole and fits its CRC.
  init?(_ bytes: [UInt8], at position: Int) {
    guard position + 61 <= bytes.count, bytes[position + 16] == 2 else { return nil }
    let length = Int(Int32(truncatingIfNeeded: Self.integer(bytes, position + 8, 4)))
    guard length >= 49, length <= bytes.count - position - 12 else { return nil }
    let end = position + 12 + length
    let checksum = CRC32C.checksum(bytes.span.extracting(position + 21..<end))
    guard UInt32(truncatingIfNeeded: Self.integer(bytes, position + 17, 4)) == checksum else { return nil }
    self.position = position
    size = 12 + length
    baseOffset = Self.integer(bytes, position, 8)
    lastOffset = baseOffset + Self.integer(bytes, position + 23, 4)
    epoch = Int32(truncatingIfNeeded: Self.integer(bytes, position + 12, 4))
    values = Self.values(bytes, position + 61..<end)
  }

  private static func integer(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int64 {
    Int64(bitPattern: bytes[place..<place + count].reduce(0) { $0 << 8 | UInt64($1) })
  }

  /// The values of uncompressed records without keys.
  private static func values(_ bytes: [UInt8], _ range: Range<Int>) -> [String] {
    var place = range.lowerBound
    func varint() -> Int {
      var (value, shift) = (0, 0)
      while place < range.upperBound {
        let byte = bytes[place]
        place += 1
        value |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      return value >> 1 ^ -(value & 1)
    }
    var values: [String] = []
    while place < range.upperBound {
      let length = varint()
      let end = min(range.upperBound, place + max(0, length))
      place += 1
      for _ in 0..<2 { _ = varint() }
      place += max(0, varint())
      let count = max(0, varint())
      values.append(String(decoding: bytes[min(place, end)..<min(place + count, end)], as: UTF8.self))
      place = end
    }
    return values
  }

  /// The batches from the start on, up to the first bytes that are none.
  static func prefix(of bytes: [UInt8]) -> [StoredBatch] {
    var batches: [StoredBatch] = []
    while let batch = StoredBatch(bytes, at: batches.last?.end ?? 0) { batches.append(batch) }
    return batches
  }

  /// Every batch anywhere in the bytes.
  static func anywhere(in bytes: [UInt8]) -> [StoredBatch] {
    var batches: [StoredBatch] = []
    var position = 0
    while position + 61 <= bytes.count {
      if let batch = StoredBatch(bytes, at: position) {
        batches.append(batch)
        position = batch.end
      } else {
        position += 1
      }
    }
    return batches
  }
}

/// The files of one folder, by name.
struct StoredFolder {
  var files: [String: [UInt8]] = [:]

  /// The `.log` files, by base offset.
  var segments: [(baseOffset: Int64, name: String, bytes: [UInt8])] {
    files.filter { $0.key.hasSuffix(".log") && $0.key.utf8.count == 24 }
      .map { (Int64($0.key.prefix(20))!, $0.key, $0.value) }.sorted { $0.baseOffset < $1.baseOffset }
  }

  var quarantine: [(name: String, bytes: [UInt8])] {
    files.filter { $0.key.contains(".quarantine") }.map { ($0.key, $0.value) }
  }

  /// What every (epoch, offset) that lies anywhere in it names.
  var names: [EpochOffset: String] {
    var names: [EpochOffset: String] = [:]
    for bytes in segments.map(\.bytes) + quarantine.map(\.bytes) {
      for batch in StoredBatch.anywhere(in: bytes) {
        for (place, value) in batch.values.enumerated() {
          names[EpochOffset(epoch: batch.epoch, offset: batch.baseOffset + Int64(place))] = value
        }
      }
    }
    return names
  }
}

struct EpochOffset: Hashable {
  var epoch: Int32
  var offset: Int64
}

/// What Apache Kafka's loader makes of a folder after an unclean stop, as its published rules have it: files that
/// it knows to be leftovers go; each segment, in the order of the base offsets, is read batch by batch and cut at
/// the first bytes that are no batch; with a cut, all later segments go. Offsets are not compared from batch to
/// batch. A leader epoch checkpoint that cannot be parsed fails the whole folder.
struct KafkaLoader {
  var batches: [StoredBatch] = []
  /// Why Kafka would refuse the folder; nil where it would not.
  var refusal: String?

  /// The values in the order in which Kafka would serve them, by offset.
  var records: [(offset: Int64, value: String)] {
    batches.flatMap { batch in
      batch.values.enumerated().map { (batch.baseOffset + Int64($0.offset), $0.element) }
    }
  }

  init(_ folder: StoredFolder) {
    let folder = folder.withSwapsEnded()
    if let checkpoint = folder.files["leader-epoch-checkpoint"] {
      refusal = Self.checkpointRefusal(String(decoding: checkpoint, as: UTF8.self))
    }
    for segment in folder.segments {
      let found = StoredBatch.prefix(of: segment.bytes)
      batches += found
      if (found.last?.end ?? 0) < segment.bytes.count { break }
    }
  }

  private static func checkpointRefusal(_ text: String) -> String? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    guard lines.count >= 2, lines[0] == "0", Int(lines[1]) == lines.count - 2 else {
      return "malformed leader-epoch-checkpoint: \(text.debugDescription)"
    }
    let isWhole = lines.dropFirst(2).allSatisfy {
      let fields = $0.split(separator: " ")
      return fields.count == 2 && Int32(fields[0]) != nil && Int64(fields[1]) != nil
    }
    return isWhole ? nil : "malformed line in leader-epoch-checkpoint: \(text.debugDescription)"
  }

  /// What is wrong with the index files that are there, as Kafka would use them after a clean stop: an entry that
  /// does not point at the batch that it speaks of, or does not grow. nil where nothing is.
  static func indexFault(_ folder: StoredFolder) -> String? {
    for segment in folder.segments {
      let stem = segment.name.dropLast(4)
      let batches = StoredBatch.prefix(of: segment.bytes)
      if let bytes = folder.files[stem + ".index"] {
        guard bytes.count % 8 == 0 else { return "\(stem).index has \(bytes.count) bytes" }
        var last: Int64 = -1
        for place in stride(from: 0, to: bytes.count, by: 8) {
          let offset = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int64($1) } + segment.baseOffset
          let position = bytes[place + 4..<place + 8].reduce(0) { $0 << 8 | Int($1) }
          guard offset > last, batches.contains(where: { $0.position == position && $0.lastOffset == offset })
          else { return "entry \(place / 8) of \(stem).index: offset \(offset) at \(position)" }
          last = offset
        }
      }
      if let bytes = folder.files[stem + ".timeindex"] {
        guard bytes.count % 12 == 0 else { return "\(stem).timeindex has \(bytes.count) bytes" }
        var last: Int64 = -1
        for place in stride(from: 0, to: bytes.count, by: 12) {
          let timestamp = bytes[place..<place + 8].reduce(0) { $0 << 8 | Int64($1) }
          guard timestamp > last else { return "entry \(place / 12) of \(stem).timeindex: \(timestamp)" }
          last = timestamp
        }
      }
    }
    return nil
  }
}
