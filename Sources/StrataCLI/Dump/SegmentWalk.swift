internal import Strata
internal import StrataIO
internal import StrataRecords

/// Bytes of a segment that are no batch, or a batch whose records cannot be read.
struct Damage {
  var file: String
  var position: Int64
  var length: Int64
  /// A word for programs: the code of the format's error, or `zeros`.
  var kind: String
  /// The offsets that are lost with the bytes; nil where it is not known, or where none is.
  var firstOffset: Offset?
  var lastOffset: Offset?
  /// For a person.
  var detail: String

  /// One line for standard error.
  var line: String {
    var text = "\(file) at byte \(position): damage"
    if let firstOffset, let lastOffset {
      text += "; offsets \(CommandFailure.name(firstOffset..<Offset(lastOffset.rawValue + 1)))"
    } else if let firstOffset {
      text += "; offsets from \(firstOffset) on"
    }
    return text + ": \(kind): \(detail)"
  }
}

/// Goes through the file of a segment, batch by batch, and over damage as far as that is safe.
///
/// Behind damage it goes on where the broken header says that its batch ends, if a whole batch lies there whose
/// offsets may follow and whose leader epoch does not fall. It never searches byte by byte: a record's value may
/// be a whole batch.
struct SegmentWalk: ~Copyable {
  enum Step {
    case batch(RecordBatch, position: Int64)
    case damage(Damage)
  }

  let path: String
  /// The file's size when the walk began: what is appended meanwhile is not looked at.
  let size: Int64
  private let file: any File
  private let baseOffset: Offset
  /// Where the segment behind this one begins; nil where there is none, or none is known.
  private let nextBase: Offset?
  private let limits: ParsingLimits
  private var reader: BatchFileReader
  private var epoch: LeaderEpoch = -1
  private var hasEnded = false

  /// Where the next step begins.
  var position: Int64 { reader.position }

  private init(
    path: String, file: any File, size: Int64, baseOffset: Offset, nextBase: Offset?, limits: ParsingLimits
  ) {
    self.path = path
    self.file = file
    self.size = size
    self.baseOffset = baseOffset
    self.nextBase = nextBase
    self.limits = limits
    reader = BatchFileReader(
      position: 0, expectedOffset: baseOffset, limits: limits, maximumRead: 256 << 10, firstRead: 128 << 10)
  }

  /// A walk through the file at `path`. Its name says the least offset, where it is a segment's.
  static func open(_ path: String, nextBase: Offset? = nil) throws(CommandFailure) -> SegmentWalk {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let file: any File
    let size: Int64
    do {
      file = try LogEnvironment.system.fileSystem.open(path, .read)
      size = try file.metadata().size
    } catch { throw CommandFailure(error) }
    return SegmentWalk(
      path: path, file: file, size: size, baseOffset: SegmentFiles.parse(name)?.baseOffset ?? 0,
      nextBase: nextBase, limits: .standard)
  }

  /// What comes next; nil at the end.
  mutating func next() throws(CommandFailure) -> Step? {
    guard !hasEnded else { return nil }
    do throws(IOError) {
      let position = reader.position
      switch try reader.next(in: file, end: size) {
      case .end: return nil
      case .batch(let batch):
        epoch = max(epoch, batch.header.partitionLeaderEpoch)
        return .batch(batch, position: position)
      case .damage(let damage):
        guard let found = try describe(damage) else { return nil }
        return .damage(found)
      }
    } catch { throw CommandFailure(error) }
  }

  /// Looks at damage and moves behind it, or ends the walk. nil where it is none.
  private mutating func describe(_ damage: BatchDamage) throws(IOError) -> Damage? {
    let expected = reader.expectedOffset
    let rest = size - damage.position
    let isZero = try isZero(from: damage.position)
    // A crash leaves zeros behind a segment that was ended; nothing is missing where the next one goes on.
    if isZero, nextBase == expected {
      hasEnded = true
      return nil
    }
    var found = Damage(
      file: path, position: damage.position, length: rest, kind: isZero ? "zeros" : "\(damage.reason.code)",
      firstOffset: expected, lastOffset: nextBase.map { Offset($0.rawValue - 1) },
      detail: isZero ? "\(rest) zero bytes behind the last batch" : damage.reason.detail)
    if let reason = try reasonOfMagic(damage) {
      (found.kind, found.detail) = ("\(reason.code)", reason.detail)
    }
    let bound = min(nextBase ?? .max, baseOffset.furthest)
    let behind = try damage.batchBehind(
      in: file, end: size, expected: expected, bound: bound, epoch: epoch, limits: limits)
    if !isZero, let behind {
      reader.move(to: behind.position, expectedOffset: expected)
      found.length = behind.position - damage.position
      found.lastOffset = Offset(behind.batch.baseOffset.rawValue - 1)
    } else {
      hasEnded = true
    }
    if let last = found.lastOffset, last < expected { (found.firstOffset, found.lastOffset) = (nil, nil) }
    return found
  }

  /// Says of a wrong magic whether it is an old format's, or the magic itself was damaged.
  private func reasonOfMagic(_ damage: BatchDamage) throws(IOError) -> FormatError? {
    guard damage.reason.code == .unsupportedMagic, let header = damage.header,
      header.sizeInBytes <= limits.batchBytes, damage.position + Int64(header.sizeInBytes) <= size
    else { return nil }
    let bytes = try FileBytes.read(file, damage.position..<damage.position + Int64(header.sizeInBytes))
    do { _ = try RecordBatch.check(bytes.bytes, limits: limits) } catch { return error }
    return nil
  }

  private func isZero(from start: Int64) throws(IOError) -> Bool {
    var position = start
    while position < size {
      let piece = try FileBytes.read(file, position..<min(size, position + 128 << 10))
      for place in piece.bytes.indices where piece.bytes[place] != 0 { return false }
      if piece.count == 0 { break }
      position += Int64(piece.count)
    }
    return true
  }
}

/// Reading parts of a file into memory.
enum FileBytes {
  /// The bytes of `range`, as far as the file has them.
  static func read(_ file: any File, _ range: Range<Int64>) throws(IOError) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: range.count)
    buffer.count = try buffer.withMutableBytes(from: 0, count: range.count) { bytes throws(IOError) in
      try file.read(into: &bytes, at: range.lowerBound)
    }
    return buffer
  }

  /// All of a small file.
  static func readAll(_ path: String, atMost limit: Int64) throws(CommandFailure) -> ByteBuffer {
    let fileSystem = LogEnvironment.system.fileSystem
    let file = try system { () throws(IOError) in try fileSystem.open(path, .read) }
    defer { file.close() }
    let size = try system { () throws(IOError) in try file.metadata().size }
    guard size <= limit else {
      throw .refused("\(path): \(size) bytes, and such a file has \(limit) at most; look whether it is one")
    }
    return try system { () throws(IOError) in try read(file, 0..<size) }
  }
}
