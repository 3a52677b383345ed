public import StrataRecords

/// What opening a log has found, and what it did about it.
public struct RecoveryReport: Hashable, Sendable {
  /// Bytes that were moved aside.
  public struct Quarantine: Hashable, Sendable {
    /// The file that holds them now.
    public var path: String
    /// Where they lay.
    public var segment: String
    /// Their first byte's place there.
    public var position: Int64
    /// How many bytes.
    public var bytes: Int64
  }

  /// Whether the last stop was a clean one: nothing had to be read.
  public var wasClean = false
  /// Bytes of batches that were read and checked.
  public var scannedBytes: Int64 = 0
  /// Bytes behind the last whole batch that were moved aside and cut. Zeros at their end do not count: they were
  /// made ready for batches that never came.
  public var cutBytes: Int64 = 0
  /// Why the first byte of what was cut is no batch; nil where nothing but zeros was cut.
  public var cutReason: String?
  /// Bytes written anew and synchronised before they count as durable.
  public var rewrittenBytes: Int64 = 0
  /// Segments whose index was built anew.
  public var rebuiltIndexes: [Offset] = []
  /// Segments that were rewritten without their damaged bytes (`RecoveryPolicy.salvage`).
  public var salvaged: [Offset] = []
  /// The offsets of the records that were in those bytes. `Log.lostOffsets` has those of earlier openings too.
  public var lost: [Range<Offset>] = []
  /// What was moved aside.
  public var quarantined: [Quarantine] = []
  /// The time that opening took, in nanoseconds.
  public var nanoseconds: Int64 = 0
  /// The part of it in which `scannedBytes` were read and checked.
  public var scanNanoseconds: Int64 = 0
  /// The part of it in which `rewrittenBytes` were written and synchronised.
  public var rewriteNanoseconds: Int64 = 0

  /// Nothing found, nothing done.
  public init() {}
}
