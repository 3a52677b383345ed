#if Snappy
  internal import CSnappy

  /// snappy in the stream framing of xerial's snappy-java, which Kafka's Java client writes, and without any
  /// framing, as librdkafka writes it.
  ///
  ///     0x82 'S' 'N' 'A' 'P' 'P' 'Y' 0x00 | version int32 (1) | compatible version int32 (1)
  ///     ( length int32 | that many bytes of raw snappy ) …      each of up to 32 KiB of input; big endian
  ///
  /// Where the length of a block should be, a second header may stand: streams may lie one behind the other.
  /// Raw snappy cannot begin with the magic: it would open with a reference to bytes before the first.
  enum SnappyCodec {
    private static let magic: [UInt8] = [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0x00]
    private static let headerSize = 16
    private static let blockSize = 32 << 10

    /// More than raw snappy can make of one byte: a copy of 64 bytes takes three.
    private static let largestRatio = 22

    static func compress(_ source: UnsafeRawBufferPointer, into output: ByteBuffer) {
      let blocks = (source.count + blockSize - 1) / blockSize
      let bound = 4 + snappy_max_compressed_length(min(source.count, blockSize))
      output.reserve(output.count + headerSize + blocks * bound)
      unsafe (output.base + output.count).copyMemory(from: magic, byteCount: magic.count)
      output.count += magic.count
      append(1, to: output)
      append(1, to: output)
      var start = 0
      while start < source.count {
        let block = unsafe UnsafeRawBufferPointer(
          rebasing: source[start..<min(start + blockSize, source.count)])
        let lengthPosition = output.count
        output.count += 4
        var written = bound - 4
        let status = unsafe snappy_compress(
          block.baseAddress!.assumingMemoryBound(to: CChar.self), block.count,
          (output.base + output.count).assumingMemoryBound(to: CChar.self), &written)
        precondition(status == SNAPPY_OK, "snappy needs more room than it said")
        unsafe output.base.storeBytes(
          of: UInt32(written).bigEndian, toByteOffset: lengthPosition, as: UInt32.self)
        output.count += written
        start += block.count
      }
    }

    static func decompress(
      _ source: UnsafeRawBufferPointer, into output: ByteBuffer, limit: Int
    ) throws(FormatError) {
      let end = output.count + limit
      guard unsafe startsWithMagic(source, at: 0) else {
        guard try unsafe block(source, at: 0, into: output, end: end) else {
          throw CodecDispatch.tooLarge(limit, at: 0)
        }
        return
      }
      var position = 0
      while position < source.count {
        if unsafe startsWithMagic(source, at: position) {
          try unsafe checkHeader(source, at: position)
          position += headerSize
          continue
        }
        guard source.count - position >= 4 else {
          throw FormatError(.corruptCompression, at: position, "snappy: the stream ends in a block's length")
        }
        let length = Int(unsafe bigEndian(source, at: position))
        position += 4
        guard length <= source.count - position else {
          throw FormatError(
            .corruptCompression, at: position - 4, "snappy: a block of \(length) bytes reaches beyond the end"
          )
        }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: source[position..<position + length])
        guard try unsafe block(bytes, at: position, into: output, end: end) else {
          throw CodecDispatch.tooLarge(limit, at: position)
        }
        position += length
      }
    }

    /// Appends what one block of raw snappy holds; false where that would go beyond `end`.
    private static func block(
      _ bytes: UnsafeRawBufferPointer, at position: Int, into output: ByteBuffer, end: Int
    ) throws(FormatError) -> Bool {
      guard let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else {
        throw FormatError(.corruptCompression, at: position, "snappy: an empty block")
      }
      var size = 0
      guard unsafe snappy_uncompressed_length(base, bytes.count, &size) == SNAPPY_OK,
        size <= bytes.count * largestRatio
      else {
        throw FormatError(.corruptCompression, at: position, "snappy: a block's decompressed size cannot be")
      }
      guard size <= end - output.count else { return false }
      output.reserve(output.count + size)
      let status = unsafe snappy_uncompress(
        base, bytes.count, (output.base + output.count).assumingMemoryBound(to: CChar.self), &size)
      guard status == SNAPPY_OK else {
        throw FormatError(.corruptCompression, at: position, "snappy: libsnappy says invalid input")
      }
      output.count += size
      return true
    }

    private static func startsWithMagic(_ source: UnsafeRawBufferPointer, at position: Int) -> Bool {
      guard source.count - position >= magic.count else { return false }
      for index in magic.indices where unsafe source[position + index] != magic[index] { return false }
      return true
    }

    private static func checkHeader(
      _ source: UnsafeRawBufferPointer, at position: Int
    ) throws(FormatError) {
      guard source.count - position >= headerSize else {
        throw FormatError(.corruptCompression, at: position, "snappy: the stream ends in its header")
      }
      // As Java's reader: the version must be 1 or later; the compatible version is not looked at.
      let version = Int32(bitPattern: unsafe bigEndian(source, at: position + 8))
      guard version >= 1 else {
        throw FormatError(.corruptCompression, at: position, "snappy: version \(version) of the stream")
      }
    }

    private static func bigEndian(_ source: UnsafeRawBufferPointer, at position: Int) -> UInt32 {
      UInt32(bigEndian: unsafe source.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    private static func append(_ value: UInt32, to output: ByteBuffer) {
      unsafe output.base.storeBytes(of: value.bigEndian, toByteOffset: output.count, as: UInt32.self)
      output.count += 4
    }
  }
#endif
