/// From a codec's name to its code. The only door to the files of this folder.
///
/// Both verbs append to `output` at its `count`, of which they must be handed the sole reference, and leave
/// `count` as it was where they throw. Positions in errors count from the start of `source`.
package enum CodecDispatch {
  /// Appends `source`, compressed in the framing that Kafka gives the codec.
  ///
  /// - Throws: `codecNotBuilt`, with the trait that would bring the codec.
  package static func compress(
    _ source: UnsafeRawBufferPointer, _ compression: Compression, into output: ByteBuffer
  ) throws(FormatError) {
    // Some of the libraries do not take a null pointer, even with a length of zero.
    let source = unsafe source.baseAddress == nil ? emptyBytes(of: output) : source
    switch compression.codec {
    case .none:
      unsafe append(source, to: output)
    case .gzip:
      #if Gzip
        unsafe GzipCodec.compress(source, level: compression.level ?? 6, into: output)
      #else
        throw notBuilt(.gzip)
      #endif
    case .snappy:
      #if Snappy
        unsafe SnappyCodec.compress(source, into: output)
      #else
        throw notBuilt(.snappy)
      #endif
    case .lz4:
      #if LZ4
        unsafe LZ4Codec.compress(source, level: compression.level ?? 1, into: output)
      #else
        throw notBuilt(.lz4)
      #endif
    case .zstd:
      #if Zstd
        unsafe ZstdCodec.compress(source, level: compression.level ?? 3, into: output)
      #else
        throw notBuilt(.zstd)
      #endif
    }
  }

  /// Appends what `source` decompresses to, if that is at most `limit` bytes.
  ///
  /// Memory grows with what really comes out: a size that a frame claims is believed only where the compressed
  /// bytes make it likely, so an input takes at most a small multiple of what it holds, or of `limit`.
  ///
  /// - Throws: `limitExceeded`; `corruptCompression` for bytes that are broken, that end too early or that
  ///   have others behind them, with the library's words; `codecNotBuilt`.
  package static func decompress(
    _ source: UnsafeRawBufferPointer, _ codec: Compression.Codec, into output: ByteBuffer, limit: Int
  ) throws(FormatError) {
    precondition(limit >= 0, "a negative limit of decompressed bytes")
    let start = output.count
    // So that sums with sizes of memory cannot overflow.
    let limit = min(limit, 1 << 48)
    guard let base = source.baseAddress, source.count > 0 else {
      guard codec == .none else {
        throw codec.missingTrait != nil
          ? notBuilt(codec) : FormatError(.corruptCompression, at: 0, "\(codec.name): no bytes at all")
      }
      return
    }
    let source = unsafe UnsafeRawBufferPointer(start: base, count: source.count)
    do throws(FormatError) {
      switch codec {
      case .none:
        guard source.count <= limit else { throw tooLarge(limit, at: 0) }
        unsafe append(source, to: output)
      case .gzip:
        #if Gzip
          try unsafe GzipCodec.decompress(source, into: output, limit: limit)
        #else
          throw notBuilt(.gzip)
        #endif
      case .snappy:
        #if Snappy
          try unsafe SnappyCodec.decompress(source, into: output, limit: limit)
        #else
          throw notBuilt(.snappy)
        #endif
      case .lz4:
        #if LZ4
          try unsafe LZ4Codec.decompress(source, into: output, limit: limit)
        #else
          throw notBuilt(.lz4)
        #endif
      case .zstd:
        #if Zstd
          try unsafe ZstdCodec.decompress(source, into: output, limit: limit)
        #else
          throw notBuilt(.zstd)
        #endif
      }
    } catch {
      output.count = start
      throw error
    }
  }

  /// The error of every codec for bytes that would decompress to more than `limit`.
  static func tooLarge(_ limit: Int, at position: Int) -> FormatError {
    FormatError(.limitExceeded, at: position, "more than \(limit) decompressed bytes")
  }

  private static func notBuilt(_ codec: Compression.Codec) -> FormatError {
    FormatError(
      .codecNotBuilt, at: 0, "\(codec.name) needs the package trait \(codec.missingTrait ?? codec.name)")
  }

  private static func append(_ source: UnsafeRawBufferPointer, to output: ByteBuffer) {
    guard let base = source.baseAddress, source.count > 0 else { return }
    output.reserve(output.count + source.count)
    unsafe (output.base + output.count).copyMemory(from: base, byteCount: source.count)
    output.count += source.count
  }

  private static func emptyBytes(of output: ByteBuffer) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: output.base, count: 0)
  }
}
