/// What can be a key or a value: anything that has bytes.
///
/// A type of yours that is a `Sequence` of bytes becomes one in a line: `extension Data: @retroactive RecordBytes {}`.
public protocol RecordBytes {
  /// The bytes as they go into the record.
  var recordBytes: [UInt8] { get }
}

extension RecordBytes where Self: Sequence, Element == UInt8 {
  public var recordBytes: [UInt8] { Array(self) }
}

extension [UInt8]: RecordBytes {
  public var recordBytes: [UInt8] { self }
}

extension ArraySlice<UInt8>: RecordBytes {}

extension String: RecordBytes {
  /// The string in UTF-8.
  public var recordBytes: [UInt8] { Array(utf8) }
}

extension Substring: RecordBytes {
  /// The string in UTF-8.
  public var recordBytes: [UInt8] { Array(utf8) }
}

/// A record that owns its bytes. It gets its offset from the log.
public struct Record: Hashable, Sendable {
  /// What compaction goes by; nil: no key.
  public var key: [UInt8]?
  /// nil makes it a tombstone, which takes back the earlier records of its key.
  public var value: [UInt8]?
  public var headers: [RecordHeader]
  /// nil: the log's time at the append.
  public var timestamp: Timestamp?

  public init(
    key: (any RecordBytes)? = nil, value: (any RecordBytes)?, timestamp: Timestamp? = nil,
    headers: [RecordHeader] = []
  ) {
    self.key = key?.recordBytes
    self.value = value?.recordBytes
    self.timestamp = timestamp
    self.headers = headers
  }

  /// Keeps a record beyond the life of its reader, all but its offset. Header names that are not UTF-8 are repaired.
  public init(copying view: RecordView) {
    if let key = view.key { self.key = [UInt8](copying: key) } else { key = nil }
    if let value = view.value { self.value = [UInt8](copying: value) } else { value = nil }
    timestamp = view.timestamp == .none ? nil : view.timestamp
    headers = []
    headers.reserveCapacity(view.headerCount)
    var cursor = view.headers()
    while let header = cursor.next() { headers.append(RecordHeader(copying: header)) }
  }
}

extension [UInt8] {
  /// A copy of the bytes.
  public init(copying bytes: Span<UInt8>) {
    // The pointer is used inside the call only.
    self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
  }
}

extension String {
  /// The bytes as UTF-8; what is none is replaced by U+FFFD.
  public init(copying bytes: Span<UInt8>) {
    // The pointer is used inside the call only.
    self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
