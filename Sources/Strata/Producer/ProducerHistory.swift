internal import StrataIO
internal import StrataRecords

/// What batches that are read one after another say of producers.
struct ProducerReplay {
  var state: ProducerState
  let limits: ParsingLimits
  /// The transactions whose abort markers were among them.
  private(set) var aborted: [AbortedTransaction] = []

  init(_ state: ProducerState, limits: ParsingLimits) {
    self.state = state
    self.limits = limits
  }

  @inline(__always)
  mutating func take(_ batch: RecordBatch) {
    guard batch.header.producerID >= 0 else { return }
    takeProducers(batch)
  }

  private mutating func takeProducers(_ batch: RecordBatch) {
    guard let ended = state.take(batch, limits: limits), ended.isAborted else { return }
    aborted.append(ended.transaction)
  }
}

/// Finds out which producers a log knew at an offset: from the newest snapshot that is whole, and the batches behind
/// it. Changes nothing.
struct ProducerHistory {
  let directory: String
  let fileSystem: any FileSystem
  let limits: ParsingLimits

  /// The producers as they were behind the last batch before `offset`.
  ///
  /// Bytes that are no batch tell nothing, and are gone over where a batch is known to follow.
  func state(at offset: Offset) throws(LogError) -> ProducerState {
    try io { () throws(IOError) in
      let names = try fileSystem.list(directory)
      var replay = ProducerReplay(ProducerState(), limits: limits)
      var from = Offset(0)
      for found in ProducerSnapshot.offsets(in: names) where found <= offset {
        guard let known = try ProducerSnapshot.load(directory, at: found, fileSystem) else { continue }
        (replay.state, from) = (known, found)
        break
      }
      if from == offset { return replay.state }
      let bases = names.compactMap(SegmentFiles.parse).filter { $0.kind == .log }.map(\.baseOffset).sorted()
      for (place, base) in bases.enumerated() where base < offset {
        let next = place + 1 < bases.count ? bases[place + 1] : nil
        if let next, next <= from { continue }
        try read(base, next, from..<offset, &replay)
      }
      return replay.state
    }
  }

  /// The aborted transactions of a segment, as its transaction index should have them.
  func aborted(
    inSegment base: Offset, next: Offset, _ file: any File, end: Int64
  ) throws(LogError) -> [AbortedTransaction] {
    var replay = ProducerReplay(try state(at: base), limits: limits)
    try io { () throws(IOError) in try read(file, end: end, base: base, next, base..<next, &replay) }
    return replay.aborted
  }

  private func read(
    _ base: Offset, _ next: Offset?, _ wanted: Range<Offset>, _ replay: inout ProducerReplay
  ) throws(IOError) {
    let file = try fileSystem.open(SegmentFiles.path(directory, SegmentFiles.name(base, .log)), .read)
    defer { file.close() }
    try read(file, end: try file.metadata().size, base: base, next, wanted, &replay)
  }

  private func read(
    _ file: any File, end: Int64, base: Offset, _ next: Offset?, _ wanted: Range<Offset>,
    _ replay: inout ProducerReplay
  ) throws(IOError) {
    let bound = min(next ?? .max, base.furthest)
    var reader = BatchFileReader(
      position: 0, expectedOffset: base, limits: limits, maximumRead: 256 << 10, firstRead: 256 << 10)
    while true {
      switch try reader.next(in: file, end: end, bound: bound) {
      case .end: return
      case .batch(let batch):
        if batch.nextOffset > wanted.upperBound { return }
        if batch.baseOffset >= wanted.lowerBound { replay.take(batch) }
      case .damage(let damage):
        let behind = try damage.batchBehind(
          in: file, end: end, expected: reader.expectedOffset, bound: bound, epoch: -1, limits: limits)
        guard let behind else { return }
        reader.move(to: behind.position, expectedOffset: behind.batch.baseOffset)
      }
    }
  }
}
