internal import Glibc

/// Standard output, or another descriptor: bytes are gathered and written a hundred KiB at a time.
///
/// What is written belongs to a unit until `commit()`: `rollBack()` takes the whole unit back, so that a batch
/// that turns out to be broken leaves nothing behind. Only units that were committed ever reach the descriptor.
@safe
struct Output: ~Copyable {
  private let descriptor: Int32
  /// What errors call it.
  private let name: String
  // The memory is this value's alone: `capacity` bytes, of which `count` mean something.
  private var base: UnsafeMutableRawPointer
  private var capacity = Output.threshold + 4096
  private var count = 0
  /// The bytes of whole units.
  private var committed = 0

  /// So many bytes are written at once. Larger pieces get slower on machines that give free memory back.
  private static let threshold = 128 << 10

  init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    unsafe base = .allocate(byteCount: capacity, alignment: 4096)
  }

  deinit { unsafe base.deallocate() }

  /// Adds one byte.
  @inline(__always)
  mutating func write(_ byte: UInt8) {
    if count == capacity { grow(by: 1) }
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }

  /// Adds bytes as they are.
  @inline(__always)
  mutating func write(_ bytes: Span<UInt8>) {
    let size = bytes.count
    guard size > 0 else { return }
    if size > capacity &- count { grow(by: size) }
    unsafe bytes.withUnsafeBufferPointer { source in
      // The room was made above; a span never overlaps memory that is this value's alone.
      unsafe (base + count).copyMemory(from: source.baseAddress!, byteCount: size)
    }
    count &+= size
  }

  /// Adds text in UTF-8.
  mutating func write(_ text: String) {
    write(text.utf8.span)
  }

  /// Adds a literal, without making a string of it.
  @inline(__always)
  mutating func write(_ text: StaticString) {
    let size = text.utf8CodeUnitCount
    if size > capacity &- count { grow(by: size) }
    // A literal's bytes live for ever.
    unsafe (base + count).copyMemory(from: text.utf8Start, byteCount: size)
    count &+= size
  }

  /// Adds a number in decimal digits.
  mutating func write(_ number: Int64) {
    if 20 > capacity &- count { grow(by: 20) }
    var rest = number.magnitude
    var digits = 0
    var scratch = [20 of UInt8](repeating: 0)
    repeat {
      scratch[digits] = UInt8(truncatingIfNeeded: rest % 10) &+ 48
      rest /= 10
      digits &+= 1
    } while rest != 0
    if number < 0 { write(UInt8(ascii: "-")) }
    while digits > 0 {
      digits &-= 1
      write(scratch[digits])
    }
  }

  /// Adds `size` bytes that `fill` sets, all of them.
  @inline(__always)
  mutating func write(count size: Int, _ fill: (inout MutableSpan<UInt8>) -> Void) {
    if size > capacity &- count { grow(by: size) }
    // The room was made above, and is this value's alone.
    var span = unsafe MutableSpan<UInt8>(
      _unsafeStart: (base + count).assumingMemoryBound(to: UInt8.self), count: size)
    fill(&span)
    count &+= size
  }

  @inline(never)
  private mutating func grow(by size: Int) {
    let larger = max(capacity + capacity / 2, count + size)
    let fresh = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 4096)
    unsafe fresh.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity = larger
  }
}

extension Output {
  /// Ends a unit: from now on it is written, sooner or later.
  ///
  /// - Throws: `.closedPipe`, or what the system said.
  @inline(__always)
  mutating func commit() throws(CommandFailure) {
    committed = count
    if count >= Output.threshold { try flush() }
  }

  /// Takes back what was added since the last unit ended.
  mutating func rollBack() {
    count = committed
  }

  /// Writes all whole units now.
  mutating func flush() throws(CommandFailure) {
    var done = 0
    while done < committed {
      let size = min(committed - done, Output.threshold)
      let written = unsafe Glibc.write(descriptor, base + done, size)
      if written >= 0 {
        done += written
        continue
      }
      let code = errno
      switch code {
      case EINTR: continue
      case EAGAIN: waitUntilWritable()
      case EPIPE:
        // Nothing of it will ever be wanted.
        count = 0
        committed = 0
        throw .closedPipe
      default: throw .refused("\(name): \(System.text(of: code)); make room or write elsewhere")
      }
    }
    unsafe base.copyMemory(from: base + done, byteCount: count - done)
    count -= done
    committed = 0
  }

  private func waitUntilWritable() {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    _ = unsafe poll(&request, 1, -1)
  }
}
