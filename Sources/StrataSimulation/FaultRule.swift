public import StrataIO

/// Something that goes wrong with a call.
///
/// `EINTR` and short reads are not among them: the seam promises that its implementations deal with them.
@nonexhaustive
public enum Fault: Hashable, Sendable {
  /// The call throws and does nothing: `.device` for EIO, `.noSpace` for ENOSPC. A synchronisation that fails
  /// so leaves everything dirty, which no real file system does; see `failedSync`.
  case error(IOError.Code)
  /// A write stores its first `bytes` bytes and throws.
  case shortWrite(bytes: Int, IOError.Code)
  /// A synchronisation of a file or a mapping throws and leaves the file as this file system does.
  case failedSync(FailedSync, IOError.Code = .device)
  /// A synchronisation of a file, a mapping or a directory is acknowledged and makes nothing durable: a disk
  /// whose cache lies, or a program that forgot the call.
  case ignoredSync
  /// A write or a store is acknowledged and reaches neither cache nor disk.
  case lostWrite
  /// A write goes to another place of the file, `by` bytes further on.
  case misdirectedWrite(by: Int64)
  /// A write stores its bytes with one bit flipped, counted from its first bit (modulo its length).
  case flippedBit(Int)
  /// The call takes this much longer on the simulated clocks.
  case delay(nanoseconds: Int64)
}

/// Which calls meet with a fault.
public struct FaultRule: Hashable, Sendable {
  /// Which of the calls that fit.
  @nonexhaustive
  public enum Occurrence: Hashable, Sendable {
    /// Only the n-th, counted from 1.
    case nth(Int)
    /// The n-th and all later ones.
    case from(Int)
    /// One in so many, as the seed has it.
    case oneIn(Int)
    case every
  }

  public var fault: Fault
  /// nil: any operation that the fault can befall.
  public var operations: Set<Call.Operation>?
  /// nil: any path.
  public var pathSuffix: String?
  public var occurrence: Occurrence
  var matches = 0

  /// Plays `fault` on calls of `operations` whose path ends in `pathSuffix`.
  public init(
    _ fault: Fault, on operations: Set<Call.Operation>? = nil, pathSuffix: String? = nil,
    _ occurrence: Occurrence = .nth(1)
  ) {
    self.fault = fault
    self.operations = operations
    self.pathSuffix = pathSuffix
    self.occurrence = occurrence
  }

  /// Plays `fault` on the `number`-th of all calls, whatever it is. Calls that cannot meet with the fault
  /// pass.
  public static func call(_ number: Int, _ fault: Fault) -> FaultRule {
    var rule = FaultRule(fault, .nth(number))
    rule.countsAll = true
    return rule
  }

  private var countsAll = false

  /// Counts `call` if it fits, and tells whether the fault is to be played.
  mutating func plays(on call: Call, _ random: inout SplitMix64) -> Bool {
    guard countsAll || fits(call) else { return false }
    matches += 1
    let isDue =
      switch occurrence {
      case .nth(let number): matches == number
      case .from(let number): matches >= number
      case .oneIn(let number): random.chance(1, in: number)
      case .every: true
      }
    return isDue && fault.befalls(call.operation)
  }

  private func fits(_ call: Call) -> Bool {
    if let operations, !operations.contains(call.operation) { return false }
    if let pathSuffix, !call.path.hasSuffix(pathSuffix) { return false }
    return fault.befalls(call.operation)
  }
}

extension Fault {
  func befalls(_ operation: Call.Operation) -> Bool {
    switch self {
    case .error: operation.canThrow
    case .shortWrite, .misdirectedWrite, .flippedBit: operation == .write
    case .failedSync: operation == .synchronize || operation == .synchronizeMapping
    case .ignoredSync:
      operation == .synchronize || operation == .synchronizeMapping || operation == .synchronizeDirectory
    case .lostWrite: operation == .write || operation == .store
    case .delay: true
    }
  }
}

extension IOError.Code {
  /// The `errno` that stands for it.
  var systemCode: Int32 {
    switch self {
    case .notFound: 2
    case .alreadyExists: 17
    case .notDirectory: 20
    case .isDirectory: 21
    case .permissionDenied: 13
    case .readOnlyFileSystem: 30
    case .noSpace: 28
    case .tooManyOpenFiles: 24
    case .locked: 11
    case .unsupported: 95
    case .device: 5
    default: 0
    }
  }
}
