public import StrataRecords

/// What reading all of a log has found.
public struct VerificationReport: Hashable, Sendable {
  /// One thing that is not as it should be, and where.
  public struct Damage: Hashable, Sendable {
    /// What kind of thing. Compare with the static members; more may come.
    public struct Kind: Hashable, Sendable, CustomStringConvertible {
      /// The kind's name, as the static member has it.
      public let description: String

      private init(_ name: String) { description = name }

      /// Bytes that are no batch, or none that belongs there. `offsets` cannot be read.
      public static let batch = Kind("batch")
      /// A batch as it was written, whose records cannot be read.
      public static let records = Kind("records")
      /// A batch under a leader epoch that cannot be its own. Its records are as they were written.
      public static let leaderEpoch = Kind("leaderEpoch")
      /// An entry of the offset index that speaks of no batch. Readers do without it.
      public static let offsetIndex = Kind("offsetIndex")
      /// An entry of the time index that is not true. Looking for times may be slow, or skip records.
      public static let timeIndex = Kind("timeIndex")
      /// The list of lost offsets cannot be read, so that every gap counts as lost.
      public static let lostOffsets = Kind("lostOffsets")
    }

    /// The file.
    public var path: String
    /// Its first byte's place in the file.
    public var position: Int64
    /// How many bytes.
    public var length: Int64
    public var kind: Kind
    /// The offsets that it concerns; nil where it concerns none.
    public var offsets: Range<Offset>?
    /// What is wrong, for a person.
    public var detail: String
  }

  /// All that was found, in the order of the log.
  public var damages: [Damage] = []
  /// Offsets that salvage has taken out of the log before: known, and no damage any more.
  public var lost: [Range<Offset>] = []
  /// What was read.
  public var segments = 0
  public var batches: Int64 = 0
  public var records: Int64 = 0
  public var bytes: Int64 = 0
  /// Batches whose records could not be looked at, since this build leaves their codec out.
  public var unreadBatches: Int64 = 0
  /// Whether all was read: not where it was stopped, or the log was truncated meanwhile.
  public var isComplete = false
  /// The time that it took, in nanoseconds.
  public var nanoseconds: Int64 = 0

  /// Nothing read, nothing found.
  public init() {}
}

/// How far a verification has come.
public struct VerificationProgress: Hashable, Sendable {
  /// Bytes of segments that were read, and that there are.
  public var bytes: Int64
  public var totalBytes: Int64
  /// What was found so far.
  public var damages: Int
}
