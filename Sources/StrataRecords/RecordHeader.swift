/// A header of a record: a name, which several headers may share, and a value. Their order is kept.
public struct RecordHeader: Hashable, Sendable {
  /// The name; may be empty.
  public var name: String
  public var value: [UInt8]?

  public init(_ name: String, _ value: (any RecordBytes)?) {
    self.name = name
    self.value = value?.recordBytes
  }

  /// Keeps a header beyond the life of its reader. A name that is not UTF-8 is repaired.
  public init(copying view: RecordHeaderView) {
    name = String(copying: view.name)
    if let value = view.value { self.value = [UInt8](copying: value) } else { value = nil }
  }
}
