#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#endif

// Everything of the simulation that touches memory by pointer: copies between spans and pages, the buffer
// behind a mapping, and the thread. The rest of the module is safe code.

/// A page of a file; always `Page.size` bytes. A page that was never written is nil and reads as zeros.
typealias Page = [UInt8]

extension Page {
  /// What reaches a disk as a whole or not at all, as long as no page is torn.
  static var size: Int { 4096 }
  /// What a disk writes atomically: a torn page is torn between sectors.
  static var sectorSize: Int { 512 }
  static var sectorCount: Int { size / sectorSize }

  static var zeros: Page { Page(repeating: 0, count: size) }

  /// Copies `source[range]` to `position`.
  mutating func replace(at position: Int, with source: Span<UInt8>, _ range: Range<Int>) {
    precondition(position >= 0 && position + range.count <= count)
    precondition(range.lowerBound >= 0 && range.upperBound <= source.count)
    guard !range.isEmpty else { return }
    unsafe withUnsafeMutableBytes { to in
      unsafe source.withUnsafeBytes { from in
        // Both ranges were checked above, and a uniquely held array overlaps no span.
        unsafe to.baseAddress!.advanced(by: position)
          .copyMemory(from: from.baseAddress!.advanced(by: range.lowerBound), byteCount: range.count)
      }
    }
  }

  /// Sets everything from `position` on to zero.
  mutating func zero(from position: Int) {
    precondition(position >= 0 && position <= count)
    unsafe withUnsafeMutableBytes { bytes in
      // In bounds: checked above.
      _ = unsafe memset(bytes.baseAddress!.advanced(by: position), 0, bytes.count - position)
    }
  }

  /// Whether both hold the same bytes in `range`.
  func matches(_ other: Page, in range: Range<Int>) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= Swift.min(count, other.count))
    return unsafe withUnsafeBytes { a in
      unsafe other.withUnsafeBytes { b in
        // In bounds: checked above.
        unsafe memcmp(a.baseAddress! + range.lowerBound, b.baseAddress! + range.lowerBound, range.count) == 0
      }
    }
  }
}

extension MutableSpan<UInt8> {
  /// Copies `source[range]`, or zeros where there is no source, to `position`.
  @_lifetime(self: copy self)
  mutating func replace(at position: Int, with source: Page?, _ range: Range<Int>) {
    precondition(position >= 0 && position + range.count <= count)
    precondition(range.lowerBound >= 0 && range.upperBound <= Page.size)
    guard !range.isEmpty else { return }
    unsafe withUnsafeMutableBytes { to in
      // In bounds: checked above; a page is always `Page.size` long.
      let target = unsafe to.baseAddress!.advanced(by: position)
      if let source {
        unsafe source.withUnsafeBytes { from in
          unsafe target.copyMemory(
            from: from.baseAddress!.advanced(by: range.lowerBound), byteCount: range.count)
        }
      } else {
        _ = unsafe memset(target, 0, range.count)
      }
    }
  }
}

/// The memory behind a mapping. It never moves, since spans of it are handed out.
///
/// Bytes behind the file's end hold `poison` instead of raising SIGBUS, so that whoever reads there finds
/// nothing that looks like data; at most `poisonedLength` of them are filled.
@safe final class MappingBuffer: @unchecked Sendable {
  // Unchecked: the disk's lock guards every store; reads follow the promise of `Mapping` that no byte is read
  // while another thread stores it.
  static let poison: UInt8 = 0xDB
  static let poisonedLength = 65536

  let count: Int
  private let base: UnsafeMutableRawPointer

  init(count: Int) {
    precondition(count > 0, "a mapping needs a length")
    self.count = count
    // Freed in deinit alone; large blocks come zeroed and untouched from the system.
    unsafe base = calloc(count, 1)!
  }

  deinit {
    unsafe free(base)
  }

  /// All of the memory, for `owner`, which holds the buffer in a constant.
  @_lifetime(borrow owner)
  func bytes(heldBy owner: borrowing SimulatedMapping) -> Span<UInt8> {
    // The memory is initialised throughout, and lives as long as the buffer, so at least as long as its
    // owner.
    let span = unsafe Span<UInt8>(
      _unsafeStart: UnsafePointer(base.assumingMemoryBound(to: UInt8.self)), count: count)
    return unsafe _overrideLifetime(span, borrowing: owner)
  }

  /// Fills `range`, as far as it is mapped, from the file's pages.
  func load(_ image: FileImage, _ range: Range<Int>) {
    let range = range.clamped(to: 0..<count)
    guard !range.isEmpty else { return }
    // In bounds: clamped above.
    var target = unsafe MutableSpan<UInt8>(
      _unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
    image.forEachPage(in: range) { page, within, position in
      target.replace(at: position, with: page, within)
    }
  }

  /// Makes what lies behind the file's end recognisable.
  func poison(from end: Int) {
    let end = max(0, end)
    guard end < count else { return }
    // In bounds: `end < count`.
    _ = unsafe memset(base + end, Int32(Self.poison), min(count - end, Self.poisonedLength))
  }
}

/// A thread that ends with its last job, so that nobody has to stop it.
enum Thread {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  static func start(_ run: @escaping @Sendable () -> Void) {
    // The thread takes over the reference that is passed here.
    let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
      let code = unsafe pthread_create(&thread, nil, { unsafe Thread.main($0) }, body)
    #else
      var thread = pthread_t()
      let code = unsafe pthread_create(&thread, nil, { unsafe Thread.main($0!) }, body)
    #endif
    precondition(code == 0, "no thread could be started")
  }

  private static func main(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    // Detached: nobody waits for its end.
    pthread_detach(pthread_self())
    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
    return nil
  }
}
