package import StrataIO
public import StrataRecords

/// Why a verb of a log could not be carried out, and where.
///
/// `code` is what a program decides by; more codes may come. Damage names the offsets that cannot be read, so
/// that a reader can step over it: `log.fetch(from: error.offsets!.upperBound)`.
///
///     do { try log.append(record) } catch {
///       guard error.code == .noSpace else { throw error }
///       makeRoom()
///     }
public struct LogError: Error, Sendable {
  /// What went wrong. Compare with the static members.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The code's name, as the static member has it.
    public let description: String

    private init(_ name: String) { description = name }

    /// The log was closed; open it again.
    public static let closed = Code("closed")
    /// The log was opened to be read.
    public static let readOnly = Code("readOnly")
    /// Another holder has the log open for writing; the detail names it.
    public static let locked = Code("locked")
    /// No room on the disk. The append left nothing behind, and works again when there is room.
    public static let noSpace = Code("noSpace")
    /// A sync has failed, so that nobody knows what is on the disk. Only opening the log again clears it.
    public static let poisoned = Code("poisoned")
    /// Bytes are not what was written. `offsets` says which records cannot be read.
    public static let damaged = Code("damaged")
    /// The records of a whole batch cannot be read; the batch itself is as it was written.
    public static let unreadableBatch = Code("unreadableBatch")
    /// The offset lies before the log's start or behind its end; `offsets` says what there is.
    public static let offsetOutOfRange = Code("offsetOutOfRange")
    /// A batch without records.
    public static let emptyBatch = Code("emptyBatch")
    /// A batch above `LogConfiguration.maximumBatchBytes`, or above what one segment can hold.
    public static let batchTooLarge = Code("batchTooLarge")
    /// A codec that this build leaves out; the detail names the package trait that brings it.
    public static let codecNotBuilt = Code("codecNotBuilt")
    /// Records that cannot be put into a batch.
    public static let invalidRecord = Code("invalidRecord")
    /// The log's cleanup policy does not allow it.
    public static let cleanupPolicy = Code("cleanupPolicy")
    /// The path names no log, and none may be created there.
    public static let notFound = Code("notFound")
    /// Something has that name already.
    public static let alreadyExists = Code("alreadyExists")
    /// A name that no log can have; the detail says which ones are legal.
    public static let invalidName = Code("invalidName")
    /// Something else is where the log's folder has to be.
    public static let notADirectory = Code("notADirectory")
    /// The system does not let this process in.
    public static let permissionDenied = Code("permissionDenied")
    /// Any other error of the file system.
    public static let io = Code("io")
    /// The task that waited was cancelled. What was appended stays.
    public static let cancelled = Code("cancelled")
    /// A producer's batch does not follow the one before: another is missing, or it is an old one. Nothing was
    /// appended. Kafka: `OUT_OF_ORDER_SEQUENCE_NUMBER`.
    public static let outOfOrderSequence = Code("outOfOrderSequence")
    /// Another instance has taken over the producer, or its coordinator; this one has to stop. Kafka:
    /// `INVALID_PRODUCER_EPOCH`, `TRANSACTION_COORDINATOR_FENCED`.
    public static let fencedProducer = Code("fencedProducer")
    /// A batch or a verb that does not fit the transaction that is under way, or not. Kafka: `INVALID_TXN_STATE`.
    public static let invalidTransactionState = Code("invalidTransactionState")
    /// The log remembers as many producers as `LogConfiguration.maximumProducers` allows.
    public static let tooManyProducers = Code("tooManyProducers")
    /// The offsets of a log are used up.
    public static let offsetsExhausted = Code("offsetsExhausted")
  }

  public var code: Code
  /// The file or folder.
  public var path: String
  /// Where in the file, in bytes.
  public var position: Int64?
  /// The offsets it is about: those that are lost or unreadable, or those that exist.
  public var offsets: Range<Offset>?
  /// What happened and what to do, for a person.
  public var detail: String
  /// The error below this one.
  public var cause: (any Error)?

  /// An error of this code at this place.
  public init(
    _ code: Code, path: String, position: Int64? = nil, offsets: Range<Offset>? = nil, detail: String = "",
    cause: (any Error)? = nil
  ) {
    self.code = code
    self.path = path
    self.position = position
    self.offsets = offsets
    self.detail = detail
    self.cause = cause
  }
}

extension LogError: CustomStringConvertible {
  /// One line: the place, what happened, what to do.
  public var description: String {
    var text = path
    if let position { text += " at byte \(position)" }
    if let offsets { text += ", offsets \(offsets.lowerBound) to \(offsets.upperBound) (exclusive)" }
    text += ": \(code)"
    if !detail.isEmpty { text += ": \(detail)" }
    if let cause { text += " (\(cause))" }
    return text
  }
}

extension LogError {
  /// The same failure, as the log's callers see it.
  package init(_ error: IOError) {
    let code: Code =
      switch error.code {
      case .notFound: .notFound
      case .notDirectory: .notADirectory
      case .alreadyExists: .alreadyExists
      case .permissionDenied, .readOnlyFileSystem: .permissionDenied
      case .noSpace: .noSpace
      case .locked: .locked
      default: .io
      }
    let advice =
      switch error.code {
      case .noSpace: "no room on the disk; make some and try again"
      case .locked: "\(error.detail); close it there, or open this log read-only"
      case .permissionDenied: "this process may not; check the owner and the mode"
      case .readOnlyFileSystem: "the file system is mounted read-only; open the log read-only"
      case .notDirectory: "a file is where the log's folder has to be"
      case .tooManyOpenFiles: "no file descriptor is left; raise the limit (ulimit -n)"
      default: ""
      }
    self.init(code, path: error.path, detail: advice, cause: error)
  }

  /// A batch whose records cannot be built or read.
  package init(_ error: FormatError, path: String) {
    let code: Code =
      switch error.code {
      case .codecNotBuilt: .codecNotBuilt
      case .emptyBatch: .emptyBatch
      case .batchFull: .batchTooLarge
      default: .invalidRecord
      }
    self.init(code, path: path, detail: error.detail, cause: error)
  }
}

/// Runs calls of the file system, and turns their error into the log's.
@inline(__always)
func io<R: ~Copyable>(_ body: () throws(IOError) -> R) throws(LogError) -> R {
  do { return try body() } catch { throw LogError(error) }
}
