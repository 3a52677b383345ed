internal import Glibc

/// Page-aligned memory of a fixed size, filled with bytes that are no zeros.
@safe
public final class Memory: @unchecked Sendable {
  // Shared between threads only to be read.
  let base: UnsafeMutableRawPointer
  /// The size in bytes.
  public let count: Int

  public init(count: Int) {
    var memory: UnsafeMutableRawPointer?
    let failure = unsafe posix_memalign(&memory, 4096, max(count, 1))
    guard failure == 0, let memory = unsafe memory else { fatalError("no memory for \(count) bytes") }
    unsafe base = memory
    self.count = count
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for place in 0..<count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      // Digits and letters: as compressible as text, should a disk compress.
      unsafe memory.storeBytes(of: UInt8(48 + state % 64), toByteOffset: place, as: UInt8.self)
    }
  }

  deinit { unsafe free(base) }

  /// The first `count` bytes.
  @_lifetime(borrow self)
  public func bytes(_ count: Int) -> Span<UInt8> {
    precondition(count >= 0 && count <= self.count, "beyond the memory")
    let span = unsafe Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Copies the first `count` bytes of `source` here.
  public func copy(_ source: Memory, _ count: Int) {
    precondition(count >= 0 && count <= self.count && count <= source.count, "beyond the memory")
    unsafe memcpy(base, source.base, count)
  }
}
