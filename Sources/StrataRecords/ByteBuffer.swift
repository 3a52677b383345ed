#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A block of memory that is filled once, handed around, and used again when nobody holds it any more.
///
/// Batches that were built or read are ranges of one of these. The rule that makes sharing it between threads
/// sound: **bytes are written only by who holds the one reference** (a builder, a cursor, a codec's scratch
/// memory); from the moment a second reference exists, they are only read. Owners ask
/// `isKnownUniquelyReferenced` before they write again, and take a fresh buffer otherwise.
@safe
package final class ByteBuffer: @unchecked Sendable {
  /// Whose the memory is, where it is not this buffer's own; such a buffer is only read.
  private let owner: AnyObject?
  /// The memory. Valid from 0 to `capacity`; the bytes up to `count` mean something.
  package private(set) var base: UnsafeMutableRawPointer
  package private(set) var capacity: Int
  /// How many bytes mean something.
  package var count: Int {
    didSet { precondition(count >= 0 && count <= capacity, "a buffer's count is beyond its capacity") }
  }

  /// Takes `capacity` bytes of memory (at least 64), not initialised.
  package init(capacity: Int) {
    self.capacity = max(capacity, 64)
    unsafe base = malloc(self.capacity)!
    count = 0
    owner = nil
  }

  /// The bytes of somebody else's memory, which `owner` keeps as it is for as long as it lives. They are never
  /// written.
  package init(reading bytes: UnsafeRawBufferPointer, of owner: AnyObject) {
    capacity = bytes.count
    // Written by the methods for the sole owner alone, and those refuse.
    unsafe base = UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
    count = bytes.count
    self.owner = owner
  }

  deinit {
    if owner == nil { unsafe free(base) }
  }

  /// Makes room for at least `needed` bytes in all, keeping the first `count`. Only for the sole owner.
  package func reserve(_ needed: Int) {
    precondition(owner == nil, "memory that is only read")
    guard needed > capacity else { return }
    capacity = max(needed, capacity + capacity / 2)
    unsafe base = realloc(base, capacity)!
  }

  /// The bytes that mean something.
  package var bytes: Span<UInt8> {
    @_lifetime(borrow self) get {
      let span = unsafe Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
      // The memory lives as long as this object, and is not written while a second reference exists.
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// `count` bytes of the memory from `start` on, to be filled by the sole owner.
  package func withMutableBytes<R: ~Copyable, E: Error>(
    from start: Int, count: Int, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(start >= 0 && count >= 0 && count <= capacity - start, "beyond the buffer's capacity")
    precondition(owner == nil, "memory that is only read")
    var span = unsafe MutableSpan<UInt8>(
      _unsafeStart: (base + start).assumingMemoryBound(to: UInt8.self), count: count)
    return try body(&span)
  }

  /// The whole memory, to be filled by the sole owner, who sets `count` afterwards.
  package func withMutableBytes<R: ~Copyable, E: Error>(
    _ body: (inout MutableSpan<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(owner == nil, "memory that is only read")
    // Reading bytes that were never written is no trap: any bit pattern is a byte.
    var span = unsafe MutableSpan<UInt8>(
      _unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: capacity)
    return try body(&span)
  }
}

extension ByteBuffer {
  /// Moves the bytes of `range` to the front, and forgets all others. Only for the sole owner.
  package func moveToFront(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    precondition(owner == nil, "memory that is only read")
    unsafe memmove(base, base + range.lowerBound, range.count)
    count = range.count
  }

  /// Adds `bytes` at the end. Only for the sole owner.
  package func append(_ bytes: Span<UInt8>) {
    guard !bytes.isEmpty else { return }
    reserve(count + bytes.count)
    unsafe bytes.withUnsafeBufferPointer { source in
      // The room was made above, and a span never overlaps memory that it does not belong to.
      _ = unsafe memcpy(base + count, source.baseAddress!, source.count)
    }
    count += bytes.count
  }
}
