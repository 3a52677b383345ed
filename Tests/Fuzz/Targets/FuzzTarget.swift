internal import StrataRecords

/// Something that takes bytes from anywhere, and has to answer as it promises whatever they are.
///
/// A target is a function from bytes to nothing that throws a `Finding` where a promise does not hold. libFuzzer
/// drives it (`make fuzz`), the tests replay what was kept of each (`Tests/Fuzz/corpus`). What libFuzzer makes of
/// an input would not pass the checksums; `repair` mends lengths and checksums, so that it gets behind them.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// One record batch: its header, its checksum, its records.
  case batch
  /// What the records of a batch are compressed with.
  case gzip, snappy, lz4, zstd
  /// The offset and the time index of one segment of a log that is otherwise whole.
  case index
  /// The leader epochs and the durable point of a log that is otherwise whole.
  case checkpoint
  /// What a directory keeps beside its logs, and what a log keeps of its producers.
  case directoryFiles
  /// Every file in a log's folder.
  case directory
  /// What is done to a log, the loss of power and failing calls included, beside a model of it.
  case operations

  /// Gives the target an input.
  package func run(_ input: [UInt8]) throws(Finding) {
    switch self {
    case .batch: try BatchTarget.run(input)
    case .gzip: try CodecTarget.run(input, .gzip())
    case .snappy: try CodecTarget.run(input, .snappy)
    case .lz4: try CodecTarget.run(input, .lz4())
    case .zstd: try CodecTarget.run(input, .zstd())
    case .index: try IndexTarget.run(input)
    case .checkpoint: try CheckpointTarget.run(input)
    case .directoryFiles: try DirectoryFilesTarget.run(input)
    case .directory: try DirectoryTarget.run(input)
    case .operations: try OperationsTarget.run(input)
    }
  }

  /// Mends what a mutation has broken and nothing behind would be reached with. `choice` says what, where there
  /// is a choice.
  package func repair(_ input: inout [UInt8], choice: UInt32) {
    switch self {
    case .batch: Repair.batches(&input, 0..<input.count, choice: choice)
    case .lz4: Repair.lz4Header(&input)
    case .index: IndexTarget.repair(&input, choice: choice)
    case .checkpoint: CheckpointTarget.repair(&input, choice: choice)
    case .directoryFiles: DirectoryFilesTarget.repair(&input, choice: choice)
    case .directory: DirectoryTarget.repair(&input, choice: choice)
    case .gzip, .snappy, .zstd, .operations: break
    }
  }

  /// Valid inputs: where a corpus begins.
  package func seeds() -> [[UInt8]] {
    switch self {
    case .batch: BatchTarget.seeds()
    case .gzip: CodecTarget.seeds(.gzip())
    case .snappy: CodecTarget.seeds(.snappy)
    case .lz4: CodecTarget.seeds(.lz4())
    case .zstd: CodecTarget.seeds(.zstd())
    case .index: IndexTarget.seeds()
    case .checkpoint: CheckpointTarget.seeds()
    case .directoryFiles: DirectoryFilesTarget.seeds()
    case .directory: DirectoryTarget.seeds()
    case .operations: OperationsTarget.seeds()
    }
  }
}

/// A promise that does not hold.
package struct Finding: Error, CustomStringConvertible {
  package var description: String

  init(_ description: String) { self.description = description }
}

/// Throws where a promise does not hold.
func require(_ holds: Bool, _ promise: @autoclosure () -> String) throws(Finding) {
  if !holds { throw Finding(promise()) }
}

/// The bytes of an input, taken from the front.
struct Input {
  private let bytes: [UInt8]
  private(set) var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  /// The next byte; 0 at the end.
  mutating func byte() -> UInt8 {
    guard place < bytes.count else { return 0 }
    place += 1
    return bytes[place - 1]
  }

  /// A number below `bound`, from one byte.
  mutating func below(_ bound: Int) -> Int { Int(byte()) % bound }

  /// Two bytes, big endian.
  mutating func length() -> Int { Int(byte()) << 8 | Int(byte()) }

  /// The next `count` bytes, or what there is.
  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(bytes.count, place + count)
    defer { place = end }
    return Array(bytes[place..<end])
  }

  mutating func rest() -> [UInt8] { take(bytes.count) }
}
