#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A mapping of no file: zeroed memory of its own, for indexes that live in memory alone.
@safe
package final class HeapMapping: Mapping {
  package let count: Int
  /// All bytes, for as long as the object lives; shared by the rules of `Mapping`.
  private nonisolated(unsafe) let start: UnsafeMutablePointer<UInt8>

  /// Takes memory for `count` bytes, all zero. What is never touched costs nothing.
  package init(count: Int) {
    precondition(count >= 0, "a mapping of \(count) bytes")
    guard let memory = unsafe calloc(max(count, 1), 1) else { fatalError("no memory for \(count) bytes") }
    self.count = count
    unsafe self.start = memory.bindMemory(to: UInt8.self, capacity: count)
  }

  deinit {
    unsafe free(start)
  }

  package var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // The memory lasts as long as self.
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  package func store(_ bytes: Span<UInt8>, at position: Int) {
    precondition(position >= 0 && position <= count - bytes.count, "a store outside of the mapping")
    guard !bytes.isEmpty else { return }
    unsafe bytes.withUnsafeBufferPointer { source in
      unsafe UnsafeMutableRawPointer(start + position).copyMemory(
        from: source.baseAddress!, byteCount: source.count)
    }
  }

  /// Nothing is behind the memory.
  package func synchronize(_ range: Range<Int>) throws(IOError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside of the mapping")
  }
}
