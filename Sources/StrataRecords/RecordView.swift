/// A record where it lies in its batch: nothing is copied, and it lives until its reader moves on.
///
/// `Record(copying:)` keeps it for longer.
@safe
public struct RecordView: ~Escapable {
  public let offset: Offset
  /// The record's time, or that of the append where the batch says so; −1: none.
  public let timestamp: Timestamp
  /// How many headers there are.
  public let headerCount: Int
  // All of these lie in the reader's memory, which the view's lifetime depends on.
  @usableFromInline
  let keyStart: UnsafeRawPointer
  @usableFromInline
  let keyCount: Int
  @usableFromInline
  let valueStart: UnsafeRawPointer
  @usableFromInline
  let valueCount: Int
  @usableFromInline
  let headersStart: UnsafeRawPointer
  @usableFromInline
  let end: UnsafeRawPointer

  /// The counts are −1 for null; the caller gives the view its lifetime.
  @unsafe
  @inlinable @inline(__always)
  @_lifetime(immortal)
  init(
    offset: Offset, timestamp: Timestamp, key: UnsafeRawPointer, _ keyCount: Int,
    value: UnsafeRawPointer, _ valueCount: Int, headers: UnsafeRawPointer, _ end: UnsafeRawPointer,
    _ headerCount: Int
  ) {
    self.offset = offset
    self.timestamp = timestamp
    unsafe keyStart = key
    self.keyCount = keyCount
    unsafe valueStart = value
    self.valueCount = valueCount
    unsafe headersStart = headers
    unsafe self.end = end
    self.headerCount = headerCount
  }

  /// The key; nil where the record has none.
  @inlinable
  public var key: Span<UInt8>? {
    @_lifetime(copy self) get {
      guard keyCount >= 0 else { return nil }
      let span = unsafe Span<UInt8>(
        _unsafeStart: keyStart.assumingMemoryBound(to: UInt8.self), count: keyCount)
      return unsafe _overrideLifetime(span, copying: self)
    }
  }

  /// The value; nil in a tombstone, which takes back the records of its key.
  @inlinable
  public var value: Span<UInt8>? {
    @_lifetime(copy self) get {
      guard valueCount >= 0 else { return nil }
      let span = unsafe Span<UInt8>(
        _unsafeStart: valueStart.assumingMemoryBound(to: UInt8.self), count: valueCount)
      return unsafe _overrideLifetime(span, copying: self)
    }
  }

  /// A cursor over the headers. Write it to a variable: `var headers = record.headers()`.
  @_lifetime(copy self)
  public func headers() -> RecordHeaderCursor {
    let cursor = unsafe RecordHeaderCursor(from: headersStart, to: end, count: headerCount)
    return unsafe _overrideLifetime(cursor, copying: self)
  }

  /// The headers as they lie in the record, for a copy of it.
  var headerBytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: headersStart, count: end - headersStart)
  }
}

/// A cursor over the headers of one record.
@safe
public struct RecordHeaderCursor: ~Escapable {
  private var cursor: ByteCursor
  /// The headers still to come.
  public private(set) var remaining: Int

  /// The caller gives the cursor its lifetime.
  @unsafe
  @_lifetime(immortal)
  init(from start: UnsafeRawPointer, to end: UnsafeRawPointer, count: Int) {
    unsafe cursor = ByteCursor(from: start, to: end)
    remaining = count
  }

  /// The next header, or nil behind the last one. The reader has checked them all.
  @_lifetime(copy self)
  public mutating func next() -> RecordHeaderView? {
    guard remaining > 0 else { return nil }
    remaining -= 1
    let nameCount = cursor.readVarint()
    let name = unsafe cursor.position
    guard nameCount >= 0, nameCount <= cursor.remaining else { return nil }
    cursor.skip(nameCount)
    let valueCount = cursor.readVarint()
    let value = unsafe cursor.position
    guard valueCount >= -1, valueCount <= cursor.remaining, cursor.failure == .none else { return nil }
    cursor.skip(max(valueCount, 0))
    let view = unsafe RecordHeaderView(name: name, nameCount, value: value, valueCount)
    return unsafe _overrideLifetime(view, copying: self)
  }
}

/// A header where it lies in its record.
@safe
public struct RecordHeaderView: ~Escapable {
  private let nameStart: UnsafeRawPointer
  private let nameCount: Int
  private let valueStart: UnsafeRawPointer
  private let valueCount: Int

  /// The value's count is −1 for null; the caller gives the view its lifetime.
  @unsafe
  @_lifetime(immortal)
  init(name: UnsafeRawPointer, _ nameCount: Int, value: UnsafeRawPointer, _ valueCount: Int) {
    unsafe nameStart = name
    self.nameCount = nameCount
    unsafe valueStart = value
    self.valueCount = valueCount
  }

  /// The name: UTF-8 by agreement, though nothing checks it.
  public var name: Span<UInt8> {
    @_lifetime(copy self) get {
      let span = unsafe Span<UInt8>(
        _unsafeStart: nameStart.assumingMemoryBound(to: UInt8.self), count: nameCount)
      return unsafe _overrideLifetime(span, copying: self)
    }
  }

  /// The value; nil where the header has none.
  public var value: Span<UInt8>? {
    @_lifetime(copy self) get {
      guard valueCount >= 0 else { return nil }
      let span = unsafe Span<UInt8>(
        _unsafeStart: valueStart.assumingMemoryBound(to: UInt8.self), count: valueCount)
      return unsafe _overrideLifetime(span, copying: self)
    }
  }
}
