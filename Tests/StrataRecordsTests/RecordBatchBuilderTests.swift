import StrataRecords
import Testing

/// The builder as a thing that is used again and again, and its limits.
struct RecordBatchBuilderTests {
  private func expectEmpty(_ builder: borrowing RecordBatchBuilder) {
    let (isEmpty, count, size) = (builder.isEmpty, builder.count, builder.sizeInBytes)
    #expect(isEmpty)
    #expect(count == 0)
    #expect(size == 61)
  }

  private func value(_ count: Int) -> [UInt8] { [UInt8](repeating: 5, count: count) }

  @Test(arguments: builtCompressions)
  func usesItsMemoryAgainOnceTheBatchIsGone(_ compression: Compression) throws {
    var builder = RecordBatchBuilder(compression: compression)
    var seen: Set<ObjectIdentifier> = []
    for _ in 0..<20 {
      try builder.append(key: nil, value: value(500).span)
      seen.insert(ObjectIdentifier(try builder.finish().buffer))
    }
    #expect(seen.count == 1)
  }

  @Test(arguments: builtCompressions)
  func leavesAHeldBatchAlone(_ compression: Compression) throws {
    var builder = RecordBatchBuilder(compression: compression)
    var held: [(RecordBatch, [UInt8])] = []
    for round in 0..<10 {
      try builder.append(key: nil, value: [UInt8](repeating: UInt8(round), count: 500).span)
      let batch = try builder.finish()
      held.append((batch, batch.array))
    }
    for (batch, bytes) in held { #expect(batch.array == bytes) }
    #expect(Set(held.map { ObjectIdentifier($0.0.buffer) }).count == 10)
  }

  @Test func usesTwoByTurnsWhereOneIsAlwaysHeld() throws {
    var builder = RecordBatchBuilder()
    var seen: Set<ObjectIdentifier> = []
    var held: RecordBatch?
    for round in 0..<20 {
      try builder.append(key: nil, value: [UInt8](repeating: UInt8(round), count: 500).span)
      let batch = try builder.finish()
      seen.insert(ObjectIdentifier(batch.buffer))
      if let held {
        #expect(try contents(of: held)[0].value == [UInt8](repeating: UInt8(round - 1), count: 500))
      }
      held = batch
    }
    #expect(seen.count == 2)
  }

  @Test func readsItsOwnState() throws {
    var builder = RecordBatchBuilder()
    expectEmpty(builder)
    try builder.append(key: "k".utf8.span, value: "v".utf8.span)
    try builder.append(key: nil, value: nil)
    let two = builder.count
    #expect(two == 2)
    let size = builder.sizeInBytes
    #expect(try builder.finish().sizeInBytes == size)
    expectEmpty(builder)
    try builder.append(key: nil, value: nil)
    builder.removeAll()
    expectEmpty(builder)
  }

  @Test func refusesAnEmptyBatch() throws {
    var builder = RecordBatchBuilder()
    #expect(formatError { () throws(FormatError) in _ = try build([]) }?.code == .emptyBatch)
    do {
      _ = try builder.finish()
      Issue.record("an empty batch")
    } catch {
      #expect(error.code == .emptyBatch)
    }
    try builder.append(key: nil, value: nil)
    #expect(try builder.finish().recordCount == 1)
  }

  @Test func aRecordThatDoesNotFitIsNotInTheBatch() throws {
    var builder = RecordBatchBuilder(limits: ParsingLimits(batchBytes: 300))
    var count = 0
    var error: FormatError?
    while error == nil {
      do {
        try builder.append(key: nil, value: value(50).span)
        count += 1
      } catch let full {
        error = full
      }
    }
    #expect(error?.code == .batchFull)
    let kept = builder.count
    #expect(kept == count)
    // A smaller one still fits.
    try builder.append(key: nil, value: nil)
    let batch = try builder.finish()
    #expect(batch.sizeInBytes <= 300)
    #expect(try contents(of: batch, limits: ParsingLimits(batchBytes: 300)).count == count + 1)
    try builder.append(key: nil, value: value(50).span)
    #expect(try contents(of: builder.finish()).count == 1)
  }

  @Test func aBatchFillsItsLimitToTheByte() throws {
    for limit in 61...200 {
      let limits = ParsingLimits(batchBytes: limit)
      var builder = RecordBatchBuilder(limits: limits)
      for size in stride(from: 140, through: 0, by: -1) {
        do { try builder.append(key: nil, value: value(size).span) } catch { continue }
        break
      }
      guard !builder.isEmpty else {
        #expect(limit < 68)
        continue
      }
      let batch = try builder.finish()
      // A value longer by a byte can make a record longer by two, where its length gets a second byte.
      #expect(batch.sizeInBytes == limit || batch.sizeInBytes == limit - 1)
      #expect(throws: Never.self) { try RecordBatch(copying: batch.bytes, limits: limits) }
    }
  }

  @Test func offsetsAndRecordsHaveALimit() throws {
    var builder = RecordBatchBuilder(limits: ParsingLimits(records: 3, headers: 1))
    let two = [RecordHeader("a", nil), RecordHeader("b", nil)]
    do {
      try builder.append(key: nil, value: nil, headers: two)
      Issue.record("two headers")
    } catch { #expect(error.code == .limitExceeded) }
    for _ in 0..<3 { try builder.append(key: nil, value: nil) }
    do {
      try builder.append(key: nil, value: nil)
      Issue.record("four records")
    } catch { #expect(error.code == .batchFull) }
    #expect(try builder.finish().recordCount == 3)

    try builder.append(key: nil, value: nil, offsetDelta: Int(Int32.max))
    do {
      try builder.append(key: nil, value: nil)
      Issue.record("an offset delta beyond Int32")
    } catch { #expect(error.code == .batchFull) }
    #expect(try builder.finish().header.lastOffsetDelta == .max)
  }

  @Test func theProducersSequenceGoesOn() throws {
    var builder = RecordBatchBuilder()
    builder.producer = Producer(id: 7, epoch: 1, baseSequence: .max - 1)
    builder.isTransactional = true
    for _ in 0..<3 { try builder.append(key: nil, value: nil) }
    let first = try builder.finish()
    #expect(first.producer == Producer(id: 7, epoch: 1, baseSequence: .max - 1))
    #expect(first.isTransactional)
    #expect(first.producer?.sequence(at: 1) == .max)
    #expect(first.producer?.sequence(at: 2) == 0)
    try builder.append(key: nil, value: nil)
    #expect(try builder.finish().producer?.baseSequence == 1)
  }

  @Test func aCodecThatWasNotBuiltIsNamed() throws {
    for compression in [Compression.gzip(), .snappy, .lz4(), .zstd()] {
      guard let trait = compression.codec.missingTrait else { continue }
      let error = formatError { () throws(FormatError) in _ = try build([Record(value: "x")], compression) }
      #expect(error?.code == .codecNotBuilt)
      #expect(error?.detail.contains(trait) == true)
    }
  }

  @Test func takesWhatHasBytes() throws {
    let slice = [1, 2, 3, 4][1...2] as ArraySlice<UInt8>
    let record = Record(key: "key".dropFirst(), value: slice, headers: [RecordHeader("h", UTF8Bytes())])
    #expect(record.key == Array("ey".utf8))
    #expect(record.value == [2, 3])
    #expect(record.headers[0].value == [65, 66])
    #expect(Record(value: nil) == Record(key: nil, value: nil))
  }

  @Test func placesABatchWithoutTouchingWhatIsChecked() throws {
    let batch = try build([Record(value: "x")])
    var header = batch.header
    header.baseOffset = Offset(1 << 40)
    header.partitionLeaderEpoch = 9
    var bytes = batch.array
    var span = bytes.mutableSpan
    header.encodePlacement(into: &span)
    let placed = try RecordBatch(copying: bytes.span)
    #expect(placed.header == header)
    #expect(Array(bytes[16...]) == Array(batch.array[16...]))
  }
}

/// A type of a user's, made into bytes in a line.
private struct UTF8Bytes: Sequence, RecordBytes {
  func makeIterator() -> some IteratorProtocol<UInt8> { [65, 66].makeIterator() }

  /// The short way and the general one write the same bytes, on both sides of every limit of the short one.
  @Test(arguments: [nil, 0, 1, 7, 8, 16, 17, 63, 64, 65, 300])
  func bothWaysOfAppendingWriteTheSame(keySize: Int?) throws {
    let sizes: [Int?] =
      [nil] + [
        0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 300, 8_100, 8_191, 8_192, 9_000,
      ]
    let times: [Int64] = [0, 1, 63, 64, -64, -65, 8_191, 8_192, -8_192, -8_193, 1 << 40]
    var short = RecordBatchBuilder()
    var general = RecordBatchBuilder()
    let key = keySize.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) } }
    for turn in 0..<3 {
      for size in sizes {
        let value = size.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ turn) } }
        for time in times {
          let timestamp = Timestamp(milliseconds: 1_000_000 + time)
          try short.append(key: key?.span, value: value?.span, timestamp: timestamp)
          try general.append(
            key: key?.span, value: value?.span, timestamp: timestamp, offsetDelta: general.count)
        }
      }
      let (first, second) = try (short.finish(), general.finish())
      #expect([UInt8](copying: first.bytes) == [UInt8](copying: second.bytes))
    }
  }

  /// Record number 8,192 needs a third byte for its offset; a limit of records below that holds as well.
  @Test func theShortWayEndsWhereOffsetsGetLong() throws {
    var short = RecordBatchBuilder()
    var general = RecordBatchBuilder()
    for number in 0..<8_300 {
      try short.append(value: [UInt8(truncatingIfNeeded: number)].span, timestamp: Timestamp(milliseconds: 5))
      try general.append(
        key: nil, value: [UInt8(truncatingIfNeeded: number)].span, timestamp: Timestamp(milliseconds: 5),
        offsetDelta: number)
    }
    let (first, second) = try (short.finish(), general.finish())
    #expect([UInt8](copying: first.bytes) == [UInt8](copying: second.bytes))

    var limits = ParsingLimits.standard
    limits.records = 3
    var few = RecordBatchBuilder(limits: limits)
    for _ in 0..<3 { try few.append(value: [1].span, timestamp: Timestamp(milliseconds: 5)) }
    #expect(throws: FormatError.self) {
      try few.append(value: [1].span, timestamp: Timestamp(milliseconds: 5))
    }
    #expect(few.count == 3)
  }
}
