#if LZ4
  internal import CLZ4

  /// One frame of lz4 (LZ4 Frame Format 1.6), as Kafka reads it: what lies behind its end is no part of it, and
  /// refused here. Written with independent blocks of 64 KiB, without checksums or content size; read in any
  /// legal form.
  enum LZ4Codec {
    private static let compressors = ContextPool<Compressor>()
    private static let decompressors = ContextPool<Decompressor>()

    /// What output gets beyond its limit at most. With a block's room at the end, blocks of 64 KiB are
    /// decompressed in place and not in the context's memory.
    private static let slack = 64 << 10

    static func compress(_ source: UnsafeRawBufferPointer, level: Int, into output: ByteBuffer) {
      var preferences = LZ4F_preferences_t()
      preferences.frameInfo.blockSizeID = LZ4F_max64KB
      preferences.frameInfo.blockMode = LZ4F_blockIndependent
      preferences.compressionLevel = CInt(level)
      // Blocks are compressed where they lie, since all bytes are there.
      preferences.autoFlush = 1
      let bound = unsafe LZ4F_compressBound(source.count, &preferences) + Int(LZ4F_HEADER_SIZE_MAX)
      output.reserve(output.count + bound)
      compressors.withContext { compressor in
        var end = unsafe output.base + output.count
        var left = bound
        func advance(_ written: Int) {
          precondition(LZ4F_isError(written) == 0, "lz4 cannot compress: \(words(written))")
          unsafe end += written
          left -= written
        }
        unsafe advance(LZ4F_compressBegin(compressor.pointer, end, left, &preferences))
        unsafe advance(
          LZ4F_compressUpdate(compressor.pointer, end, left, source.baseAddress, source.count, nil))
        unsafe advance(LZ4F_compressEnd(compressor.pointer, end, left, nil))
        output.count += bound - left
      }
    }

    static func decompress(
      _ source: UnsafeRawBufferPointer, into output: ByteBuffer, limit: Int
    ) throws(FormatError) {
      // The library also skips what it calls skippable frames; Kafka does not know them.
      guard source.count >= 4,
        UInt32(littleEndian: unsafe source.loadUnaligned(as: UInt32.self)) == 0x184D_2204
      else { throw FormatError(.corruptCompression, at: 0, "lz4: no frame") }
      let end = output.count + limit
      output.reserve(output.count + min(limit, source.count * 4) + slack)
      try decompressors.withContext { decompressor throws(FormatError) in
        var position = 0
        while true {
          var written = min(output.capacity - output.count, end - output.count + slack)
          var read = source.count - position
          let status = unsafe LZ4F_decompress(
            decompressor.pointer, output.base + output.count, &written, source.baseAddress! + position, &read,
            nil)
          guard LZ4F_isError(status) == 0 else {
            throw FormatError(.corruptCompression, at: position, "lz4: \(words(status))")
          }
          guard output.count + written <= end else { throw CodecDispatch.tooLarge(limit, at: position) }
          output.count += written
          position += read
          if status == 0 { break }
          guard read > 0 || written > 0 else {
            throw FormatError(.corruptCompression, at: position, "lz4: the frame ends too early")
          }
          if output.capacity - output.count < slack {
            let grown = min(end, output.count + output.count / 2)
            output.reserve(grown + slack)
          }
        }
        guard position == source.count else {
          throw FormatError(.corruptCompression, at: position, "lz4: bytes behind the frame")
        }
      }
    }

    private static func words(_ code: Int) -> String { unsafe String(cString: LZ4F_getErrorName(code)) }

    @safe
    private struct Compressor: ~Copyable, CodecContext, @unchecked Sendable {
      let pointer: OpaquePointer

      init(key: Int) {
        var pointer: OpaquePointer?
        _ = unsafe LZ4F_createCompressionContext(&pointer, CUnsignedInt(LZ4F_VERSION))
        guard let pointer = unsafe pointer else { preconditionFailure("no memory for an lz4 compressor") }
        unsafe self.pointer = pointer
      }

      deinit { _ = unsafe LZ4F_freeCompressionContext(pointer) }

      var key: Int { 0 }
      // At most 256 KiB, from level 3 upwards.
      var isWorthKeeping: Bool { true }
    }

    @safe
    private struct Decompressor: ~Copyable, CodecContext, @unchecked Sendable {
      let pointer: OpaquePointer

      init(key: Int) {
        var pointer: OpaquePointer?
        _ = unsafe LZ4F_createDecompressionContext(&pointer, CUnsignedInt(LZ4F_VERSION))
        guard let pointer = unsafe pointer else { preconditionFailure("no memory for an lz4 decompressor") }
        unsafe self.pointer = pointer
      }

      deinit { _ = unsafe LZ4F_freeDecompressionContext(pointer) }

      var key: Int { 0 }
      // Twice the largest block that a frame announced, which is 4 MiB at most.
      var isWorthKeeping: Bool { true }
    }
  }
#endif
