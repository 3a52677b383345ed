/// One open file. Reads and writes name their position, so any number of threads may use one at once.
///
/// The descriptor lives until `close()` or the end of the last reference, whichever comes first. Using a file
/// after `close()` is a programming error and traps.
public protocol File: AnyObject, Sendable {
  /// The path by which it was opened. A later rename does not change it.
  var path: String { get }

  /// What the file system knows of the file.
  func metadata() throws(IOError) -> FileMetadata

  /// Reads into all of `buffer`, from `position` on. Returns the number of bytes read, which is less than
  /// `buffer.count` only where the file ends.
  func read(into buffer: inout MutableSpan<UInt8>, at position: Int64) throws(IOError) -> Int

  /// Writes all of `bytes` at `position`, growing the file where it has to. When it throws, any part of the
  /// bytes may have been written.
  func write(_ bytes: Span<UInt8>, at position: Int64) throws(IOError)

  /// Writes `head`, `body` right behind it, and `padding` zeros behind both, in one call.
  ///
  /// `padding` is 0 to `maximumPadding`. Zeros up to a boundary of several pages let the next write begin inside
  /// memory that is there, and the kernel take larger pieces of it.
  func write(_ head: Span<UInt8>, _ body: Span<UInt8>, padding: Int, at position: Int64) throws(IOError)

  /// Sets the size: cuts what is behind it, and gives allocated blocks behind it back, or grows with zeros.
  func resize(to size: Int64) throws(IOError)

  /// Reserves blocks for `range`, so that writing there needs no allocation. With `keepingSize` the size stays
  /// as it is; without, the file grows to the range's end, with zeros. Throws `.unsupported` where the file
  /// system cannot.
  func preallocate(_ range: Range<Int64>, keepingSize: Bool) throws(IOError)

  /// Returns once all bytes written so far, and the size, survive the loss of power (`fdatasync`). After it
  /// has thrown, nothing is known of any byte that was not durable before.
  func synchronize() throws(IOError)

  /// Maps `[0, length)` of the file. `length` may be larger than the file, which may grow into it later;
  /// touching bytes behind the file's end kills the process.
  func map(length: Int, _ access: MappingAccess) throws(IOError) -> any Mapping

  /// Closes the descriptor. Idempotent. Mappings and locks of the file stay.
  func close()
}

extension File {
  /// The most zeros that one write adds, in bytes.
  public static var maximumPadding: Int { 16 << 10 }
}

/// What a mapping may do.
@nonexhaustive
public enum MappingAccess: Hashable, Sendable {
  case read
  /// Stores reach the file, and may reach the disk at any time, before any synchronisation.
  case readWrite
}

/// Bytes of a file in memory.
///
/// Stores go through `store(_:at:)` alone, so that a simulated disk sees each of them. The mapping lives until
/// its last reference goes.
///
/// Whoever calls keeps two promises: nothing behind the end of the file is touched, and no byte is read while
/// another thread stores it.
public protocol Mapping: AnyObject, Sendable {
  /// The length that was asked for.
  var count: Int { get }

  /// All of the mapping.
  var bytes: Span<UInt8> { @_lifetime(borrow self) get }

  /// Stores `bytes` at `position`. Only for mappings made with `.readWrite`; traps outside of `[0, count)`.
  func store(_ bytes: Span<UInt8>, at position: Int)

  /// Returns once everything stored in `range` so far survives the loss of power (`msync`).
  func synchronize(_ range: Range<Int>) throws(IOError)
}
