internal import Strata
internal import StrataRecords
internal import StrataSimulation

/// The files of a folder, as an input of `DirectoryTarget` spells them.
struct Folder {
  /// What a file is, by its name.
  enum Kind: UInt8, CaseIterable {
    case log, index, timeindex, txnindex, snapshot
    case durablePoint, epochs, temporaryEpochs, temporaryIndex, quarantine
    case lock, folder, strange, seal
  }

  struct File {
    var kind: Kind
    var base: UInt8
    var bytes: [UInt8]

    /// The offset that the name says.
    var offset: Offset { Self.offsets[Int(base) % Self.offsets.count] }

    /// Near and far apart, and at the ends of what 31 and 63 bits hold.
    static let offsets: [Offset] = [
      0, 1, 2, 3, 4, 6, 12, 18, 24, 100, 0x7FFF_FFFF, 0x8000_0000, 0x1_0000_0000, 0x4000_0000_0000_0000,
      0x7FFF_FFFF_FFFF_FFFE, 0x7FFF_FFFF_FFFF_FFFF,
    ]

    var path: String {
      switch kind {
      case .log: SampleLog.path(offset, "log")
      case .index: SampleLog.path(offset, "index")
      case .timeindex: SampleLog.path(offset, "timeindex")
      case .txnindex: SampleLog.path(offset, "txnindex")
      case .snapshot: SampleLog.path(offset, "snapshot")
      case .durablePoint: SampleLog.path + "/" + DurablePoint.fileName
      case .epochs: SampleLog.path + "/" + LeaderEpochs.fileName
      case .temporaryEpochs: SampleLog.path + "/" + LeaderEpochs.fileName + ".tmp"
      case .temporaryIndex: SampleLog.path(offset, "index.tmp")
      case .quarantine: SampleLog.path(offset, "log.0.quarantine")
      case .lock: SampleLog.path + "/" + SegmentFiles.lockFileName
      case .folder: SampleLog.path(offset, "log") + "/file"
      case .seal: SampleLog.path(offset, "seal")
      case .strange: SampleLog.path + "/\(base).log"
      }
    }
  }

  static let largestCount = 24

  var options: UInt8
  var files: [File] = []

  init(options: UInt8, files: [File]) {
    self.options = options
    self.files = files
  }

  init(_ input: [UInt8]) {
    var input = Input(input)
    options = input.byte()
    while !input.isAtEnd, files.count < Self.largestCount {
      let kind = Kind(rawValue: input.byte() % UInt8(Kind.allCases.count))!
      let base = input.byte()
      let length = input.length()
      files.append(File(kind: kind, base: base, bytes: input.take(length)))
    }
  }

  var encoded: [UInt8] {
    var bytes = [options]
    for file in files {
      bytes += [file.kind.rawValue, file.base]
      bytes += [
        UInt8(truncatingIfNeeded: file.bytes.count >> 8), UInt8(truncatingIfNeeded: file.bytes.count),
      ]
      bytes += file.bytes
    }
    return bytes
  }

  /// Dense indexes, or none.
  var configuration: LogConfiguration {
    var configuration = SampleLog.configuration
    if options & 1 == 1 { configuration.indexIntervalBytes = 1 << 20 }
    return configuration
  }

  /// Puts the files there; the first of those with the same name.
  func install(on disk: SimulatedDisk) {
    var names: Set<String> = []
    for file in files {
      let name = file.kind == .folder ? SampleLog.path(file.offset, "log") : file.path
      if names.insert(name).inserted { disk.install(file.path, file.bytes) }
    }
  }

  // MARK: Mending

  /// Makes batches of what segments hold, and slots of what durable points hold. With an odd `choice` the first
  /// batch has the segment's base offset, with another bit the durable point says how the last segment ends.
  mutating func repair(choice: UInt32) {
    for place in files.indices {
      let range = 0..<files[place].bytes.count
      switch files[place].kind {
      case .log where choice & 7 != 0:
        if choice & 2 != 0, range.count >= 8 {
          Repair.store(UInt64(bitPattern: files[place].offset.rawValue), 8, &files[place].bytes, 0)
        }
        Repair.batches(&files[place].bytes, range, choice: choice >> 3)
      case .durablePoint where choice & 16 != 0: Repair.durablePoint(&files[place].bytes, range)
      default: break
      }
    }
    guard choice & 96 == 96, let point = files.firstIndex(where: { $0.kind == .durablePoint }),
      let last = files.filter({ $0.kind == .log }).max(by: { $0.offset < $1.offset })
    else { return }
    files[point].bytes = Self.point(at: last, batches: Int(choice >> 7 & 15))
  }

  /// A durable point that speaks of the first batches of a segment, as far as they can be followed.
  static func point(at file: File, batches limit: Int) -> [UInt8] {
    var progress = SegmentProgress(baseOffset: file.offset)
    for _ in 0..<limit {
      let place = Int(progress.position)
      guard file.bytes.count - place >= RecordBatchHeader.byteCount else { break }
      let header: RecordBatchHeader
      do throws(FormatError) { header = try RecordBatchHeader(parsing: file.bytes.span, at: place) } catch {
        break
      }
      guard place + header.sizeInBytes <= file.bytes.count, header.baseOffset >= progress.nextOffset,
        header.nextOffset > header.baseOffset
      else { break }
      progress.lastBatchPosition = progress.position
      progress.lastBatchChecksum = header.crc
      progress.position += Int64(header.sizeInBytes)
      progress.nextOffset = header.nextOffset
      progress.largestTimestamp = max(progress.largestTimestamp, header.maxTimestamp)
      progress.bytesSinceEntry = progress.position
    }
    var slot = [UInt8](repeating: 0, count: DurablePoint.slotBytes)
    var span = slot.mutableSpan
    DurablePoint(sequence: 1, logStart: file.offset, durable: progress, checkpoint: progress)
      .encode(into: &span)
    return slot + [UInt8](repeating: 0, count: DurablePoint.slotBytes)
  }

  // MARK: Where a corpus begins

  static func seeds() -> [Folder] {
    let first = BatchTarget.batch(of: Array(SampleRecords.few[..<3]), .none, at: 0)
    let second = BatchTarget.batch(of: Array(SampleRecords.few[3...]), .none, at: 3)
    let third = BatchTarget.batch(of: SampleRecords.few, .none, at: 6)
    let whole = File(kind: .log, base: 0, bytes: first + second)
    let epochs = File(kind: .epochs, base: 0, bytes: Array("0\n1\n0 0\n".utf8))
    let torn = File(kind: .log, base: 0, bytes: first + second.dropLast(5))
    let next = File(kind: .log, base: 5, bytes: third)
    let point = File(kind: .durablePoint, base: 0, bytes: point(at: whole, batches: 1))
    let pointBehind = File(kind: .durablePoint, base: 0, bytes: Self.point(at: next, batches: 1))
    let padded = File(kind: .log, base: 0, bytes: first + second + [UInt8](repeating: 0, count: 100))
    // A segment with its seal and its indexes, and the next one.
    let sample = SampleLog.shared
    let sealed = zip([Kind.log, .index, .timeindex, .seal], ["log", "index", "timeindex", "seal"]).map {
      File(kind: $0, base: 0, bytes: sample.disk.contents(of: sample.path(0, $1)) ?? [])
    }
    let odd: [File] = [Kind.index, .timeindex, .txnindex, .temporaryIndex, .quarantine, .strange].map {
      File(kind: $0, base: 0, bytes: [0, 0, 0, 2, 0, 0, 0, 9])
    }
    return [
      Folder(options: 0, files: [whole]), Folder(options: 1, files: [whole, epochs, point]),
      Folder(options: 0, files: [torn, point]), Folder(options: 0, files: [torn, epochs]),
      Folder(options: 0, files: [whole, next, pointBehind]), Folder(options: 1, files: [padded, next]),
      Folder(options: 0, files: [torn, next]), Folder(options: 0, files: [whole] + odd),
      Folder(options: 0, files: sealed), Folder(options: 0, files: sealed + [next]),
      Folder(options: 0, files: [File(kind: .folder, base: 0, bytes: [1])]),
      Folder(options: 0, files: [whole, File(kind: .lock, base: 0, bytes: Array("nobody".utf8))]),
    ]
  }
}
