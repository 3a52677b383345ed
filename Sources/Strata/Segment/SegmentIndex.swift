internal import StrataIO
internal import StrataRecords

/// The indexes of one segment: two sparse ones, mapped into memory, and that of aborted transactions.
///
/// The sparse ones are arrays of entries of a fixed size that only grow at their end. How many entries count is not known
/// here: the appender and every reader carry the numbers (`SegmentProgress`, `SegmentView`), and nobody reads
/// an entry before it was published. So one thread may add entries while others search.
///
/// The active segment's index files grow in steps, in front of the mapping's use: no byte is touched that has
/// no block. What an index says is a hint: who follows an entry compares it with the batch that it finds.
package final class SegmentIndex: Sendable {
  let offsets: any Mapping
  let times: any Mapping
  /// The seal's points, made together with the entries; nil for an index that was taken from its files.
  let seal: SegmentSeal?
  let transactions: TransactionIndex
  /// The files behind the mappings and of the seal, where there are any and they are being written.
  let files: Files?

  struct Files: Sendable {
    var offsets: any File
    var times: any File
    var seal: SealFile
    /// Where the file of aborted transactions lies, or will.
    var transactionPath: String
    var fileSystem: any FileSystem
  }

  init(
    offsets: any Mapping, times: any Mapping, seal: SegmentSeal? = nil,
    transactions: TransactionIndex = TransactionIndex(), files: Files? = nil
  ) {
    self.offsets = offsets
    self.times = times
    self.seal = seal
    self.transactions = transactions
    self.files = files
  }

  /// Empty indexes in memory, with a seal, of this many bytes.
  static func inMemory(_ bytes: (offsets: Int, times: Int)) -> SegmentIndex {
    SegmentIndex(
      offsets: HeapMapping(count: bytes.offsets / OffsetIndexEntry.byteCount * OffsetIndexEntry.byteCount),
      times: HeapMapping(count: bytes.times / TimeIndexEntry.byteCount * TimeIndexEntry.byteCount),
      seal: SegmentSeal(room: bytes.offsets))
  }

  /// Index files grow by this much at a time.
  static let growth = 64 << 10

  /// The entries that fit.
  var offsetCapacity: Int { offsets.count / OffsetIndexEntry.byteCount }
  var timeCapacity: Int { times.count / TimeIndexEntry.byteCount }

  func store(_ entry: OffsetIndexEntry, at place: Int, base: Offset) {
    offsets.store(entry.encoded(base: base).span, at: place * OffsetIndexEntry.byteCount)
  }

  func store(_ entry: TimeIndexEntry, at place: Int, base: Offset) {
    times.store(entry.encoded(base: base).span, at: place * TimeIndexEntry.byteCount)
  }

  func offsetEntry(_ place: Int, base: Offset) -> OffsetIndexEntry {
    let mapping = offsets
    let bytes = mapping.bytes
    let start = place * OffsetIndexEntry.byteCount
    return OffsetIndexEntry(
      offset: Offset(base.rawValue &+ Int64(bytes.bigEndianInt32(at: start))),
      position: Int64(bytes.bigEndianInt32(at: start + 4)))
  }

  func timeEntry(_ place: Int, base: Offset) -> TimeIndexEntry {
    let mapping = times
    let bytes = mapping.bytes
    let start = place * TimeIndexEntry.byteCount
    return TimeIndexEntry(
      timestamp: Timestamp(milliseconds: bytes.bigEndianInt64(at: start)),
      offset: Offset(base.rawValue &+ Int64(bytes.bigEndianInt32(at: start + 8))))
  }

  /// The last of the first `count` entries whose offset is at most `offset`.
  func lastEntry(notAbove offset: Offset, count: Int, base: Offset) -> OffsetIndexEntry? {
    let place = partition(count) { offsetEntry($0, base: base).offset <= offset }
    return place == 0 ? nil : offsetEntry(place - 1, base: base)
  }

  /// The first of the first `count` entries whose offset is not below `offset`; `count` where there is none.
  func firstEntry(notBelow offset: Offset, count: Int, base: Offset) -> Int {
    partition(count) { offsetEntry($0, base: base).offset < offset }
  }

  /// The last of the first `count` entries whose timestamp is below `timestamp`: everything up to its offset is
  /// older.
  func lastEntry(below timestamp: Timestamp, count: Int, base: Offset) -> TimeIndexEntry? {
    let place = partition(count) { timeEntry($0, base: base).timestamp < timestamp }
    return place == 0 ? nil : timeEntry(place - 1, base: base)
  }

  /// How many of the first `count` entries satisfy `belongs`, given that those that do come first.
  @inline(__always)
  private func partition(_ count: Int, _ belongs: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if belongs(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// What is in the files that are written only when the index is synchronised.
  struct WrittenEntries {
    var points: Int
    var transactions: Int

    static let none = WrittenEntries(points: 0, transactions: 0)

    init(points: Int, transactions: Int) {
      self.points = points
      self.transactions = transactions
    }

    /// What a checkpoint speaks of.
    init(_ checkpoint: SegmentProgress) {
      self.init(points: checkpoint.offsetEntries, transactions: checkpoint.abortedTransactions)
    }
  }

  /// What the index files of an active segment occupy. The appender alone touches it.
  struct Allocation {
    var offsetBytes = 0
    var timeBytes = 0
  }

  /// Sees to it that both files have blocks for `count` entries more than `progress` counts, and for the one
  /// that ends the time index.
  func reserve(
    _ count: Int, behind progress: SegmentProgress, _ allocation: inout Allocation
  ) throws(IOError) {
    guard let files else { return }
    let offsetCount = min(progress.offsetEntries + count, offsetCapacity)
    let timeCount = min(progress.timeEntries + count + 1, timeCapacity)
    try Self.grow(
      files.offsets, &allocation.offsetBytes, to: offsetCount * OffsetIndexEntry.byteCount, of: offsets)
    try Self.grow(files.times, &allocation.timeBytes, to: timeCount * TimeIndexEntry.byteCount, of: times)
  }

  /// Whether the files have blocks for one entry more already, and for the one that ends the time index.
  func hasRoom(behind progress: SegmentProgress, _ allocation: Allocation) -> Bool {
    files == nil
      || ((progress.offsetEntries + 1) * OffsetIndexEntry.byteCount <= allocation.offsetBytes
        && (progress.timeEntries + 2) * TimeIndexEntry.byteCount <= allocation.timeBytes)
  }

  private static func grow(
    _ file: any File, _ allocated: inout Int, to needed: Int, of mapping: any Mapping
  ) throws(IOError) {
    guard needed > allocated else { return }
    let ample = min(mapping.count, (needed + growth - 1) / growth * growth)
    do {
      try file.preallocate(Int64(allocated)..<Int64(ample), keepingSize: false)
      allocated = ample
    } catch {
      switch error.code {
      // On a full disk what is needed may still have its block.
      case .noSpace where needed < ample:
        try file.preallocate(Int64(allocated)..<Int64(needed), keepingSize: false)
        allocated = needed
      case .unsupported:
        // Without fallocate blocks come from writing: a page without one would kill the process when it is stored to.
        let zeros = [UInt8](repeating: 0, count: ample - allocated)
        try file.write(zeros.span, at: Int64(allocated))
        allocated = ample
      default: throw error
      }
    }
  }

  /// Cuts the files to their entries.
  func trim(_ progress: SegmentProgress) throws(IOError) {
    guard let files else { return }
    try files.offsets.resize(
      to: Int64(progress.offsetEntries * OffsetIndexEntry.byteCount), .trimIndex)
    try files.times.resize(to: Int64(progress.timeEntries * TimeIndexEntry.byteCount), .trimIndex)
    try TransactionIndex.trim(progress.abortedTransactions, files.transactionPath, files.fileSystem)
  }

  /// Makes the first entries of all, as many as `progress` counts, durable, and the seal's points. Those that
  /// `written` counts are in the files of the seal and of the aborted transactions already.
  func synchronize(_ progress: SegmentProgress, written: WrittenEntries = .none) throws(IOError) {
    guard let files else { return }
    try writeTransactions(progress, written: written)
    if progress.offsetEntries > 0 {
      try offsets.synchronize(0..<progress.offsetEntries * OffsetIndexEntry.byteCount, .indexPages)
    }
    if progress.timeEntries > 0 {
      try times.synchronize(0..<progress.timeEntries * TimeIndexEntry.byteCount, .indexPages)
    }
    if let seal, progress.offsetEntries > written.points {
      try files.seal.write(seal, written.points..<progress.offsetEntries)
      try files.seal.makeDurable()
    }
  }

  /// Makes the aborted transactions durable that `progress` counts, behind those that are written.
  func writeTransactions(_ progress: SegmentProgress, written: WrittenEntries) throws(IOError) {
    guard let files else { return }
    try transactions.synchronize(
      progress.abortedTransactions, written: written.transactions, files.transactionPath, files.fileSystem)
  }

  /// Ends the seal: every point and the head of its file are on the disk afterwards.
  func writeSeal(_ progress: SegmentProgress, written: Int = 0) throws(IOError) {
    guard let files, let seal else { return }
    try files.seal.write(seal, min(written, progress.offsetEntries)..<progress.offsetEntries)
    try files.seal.write(SealHead(progress))
    try files.seal.makeDurable()
  }

  /// Whether the first entries of both, as many as `progress` counts, are those whose checksums it has.
  func matches(_ progress: SegmentProgress) -> Bool {
    let (offsets, times) = (offsets, times)
    let offsetBytes = progress.offsetEntries * OffsetIndexEntry.byteCount
    let timeBytes = progress.timeEntries * TimeIndexEntry.byteCount
    guard offsetBytes <= offsets.count, timeBytes <= times.count else { return false }
    return CRC32C.checksum(offsets.bytes.extracting(0..<offsetBytes)) == progress.offsetChecksum
      && CRC32C.checksum(times.bytes.extracting(0..<timeBytes)) == progress.timeChecksum
  }
}
