/// Which codec does the work. A batch without a codec never gets here.
enum CodecDispatch {
  /// Appends the compressed form of `source` to `output`.
  static func compress(
    _ source: UnsafeRawBufferPointer, _ compression: Compression, into output: ByteBuffer
  ) throws(FormatError) {
    throw FormatError(.codecNotBuilt, at: 0, compression.codec.name)
  }

  /// Appends what `source` decompresses to to `output`; at most `limit` bytes.
  static func decompress(
    _ source: UnsafeRawBufferPointer, _ codec: Compression.Codec, into output: ByteBuffer, limit: Int
  ) throws(FormatError) {
    throw FormatError(.codecNotBuilt, at: 0, codec.name)
  }
}
