/// Why bytes are not what they should be, or why records cannot be put into a batch.
///
/// Parsing never traps, whatever the bytes are: it throws this, with the place.
public struct FormatError: Error, Hashable, Sendable {
  /// What is wrong.
  @nonexhaustive
  public enum Code: Hashable, Sendable {
    /// The bytes end before the thing does: a torn batch, a varint or a record that reaches beyond its batch.
    case truncated
    /// A length, count or delta that cannot be: below the least possible, or beyond what holds it.
    case invalidLength
    /// `batchLength` or what it claims is beyond `ParsingLimits`.
    case limitExceeded
    /// A message set of magic 0 or 1, or a magic that does not exist; `detail` names it.
    case unsupportedMagic
    /// A magic other than 2 on a batch whose version-2 checksum fits: the magic itself was damaged.
    case damagedMagic
    /// The checksum does not fit the bytes.
    case checksumMismatch
    /// Codec bits that name no codec.
    case unknownCodec
    /// A codec that this build leaves out; `detail` names the package trait that brings it.
    case codecNotBuilt
    /// The codec says that its input is broken.
    case corruptCompression
    /// A varint of more bytes than its type can have.
    case invalidVarint
    /// The records do not add up: their count, their order, or bytes left over.
    case invalidRecords
    /// A control record that is none.
    case invalidControlRecord
    /// The records do not fit into one batch: 2 GiB, or 2³¹ offsets.
    case batchFull
    /// A batch without any record cannot be appended.
    case emptyBatch
  }

  public var code: Code
  /// Where, in bytes from the start of the batch, or of the decompressed records where `inRecords` says so.
  public var position: Int
  /// Whether `position` counts from the start of the batch's decompressed records.
  public var inRecords: Bool
  public var detail: String

  public init(_ code: Code, at position: Int, inRecords: Bool = false, _ detail: String = "") {
    self.code = code
    self.position = position
    self.inRecords = inRecords
    self.detail = detail
  }
}

extension FormatError: CustomStringConvertible {
  public var description: String {
    let place = inRecords ? "byte \(position) of the records" : "byte \(position) of the batch"
    return detail.isEmpty ? "\(code) at \(place)" : "\(code) at \(place): \(detail)"
  }
}
