#if Zstd
  internal import CZstd

  /// zstd frames (RFC 8878): one written, with its content size; any number read, skippable ones among them.
  ///
  /// Frames are decompressed in one call each, not as a stream: a stream would take a window of up to 128 MiB
  /// because a frame claims it. Where a frame does not give its size, as those of Java's clients, a guess is
  /// made, and a frame that fills it is started anew with four times the room.
  enum ZstdCodec {
    private static let compressors = ContextPool<Compressor>()
    private static let decompressors = ContextPool<Decompressor>()

    static func compress(_ source: UnsafeRawBufferPointer, level: Int, into output: ByteBuffer) {
      let bound = ZSTD_compressBound(source.count)
      output.reserve(output.count + bound)
      let written = compressors.withContext { compressor in
        unsafe ZSTD_compressCCtx(
          compressor.pointer, output.base + output.count, bound, source.baseAddress, source.count, CInt(level)
        )
      }
      precondition(ZSTD_isError(written) == 0, "zstd cannot compress: \(words(written))")
      output.count += written
    }

    static func decompress(
      _ source: UnsafeRawBufferPointer, into output: ByteBuffer, limit: Int
    ) throws(FormatError) {
      let end = output.count + limit
      var position = 0
      while position < source.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: source[position...])
        let length = unsafe ZSTD_findFrameCompressedSize(rest.baseAddress, rest.count)
        guard ZSTD_isError(length) == 0, let kind = unsafe kind(of: rest) else {
          let words = ZSTD_isError(length) == 0 ? "no frame of zstd" : words(length)
          throw FormatError(.corruptCompression, at: position, "zstd: \(words)")
        }
        if kind == .data {
          let frame = unsafe UnsafeRawBufferPointer(rebasing: rest[..<length])
          guard try unsafe decompress(frame: frame, at: position, into: output, end: end) else {
            throw CodecDispatch.tooLarge(limit, at: position)
          }
        }
        position += length
      }
    }

    /// Appends what one whole frame holds; false where that would go beyond `end`.
    private static func decompress(
      frame: UnsafeRawBufferPointer, at position: Int, into output: ByteBuffer, end: Int
    ) throws(FormatError) -> Bool {
      // Two values that are no sizes: unknown, and broken, which the call below will find as well.
      let claim = unsafe ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
      let isKnown = claim < UInt64.max - 1
      if isKnown, claim > UInt64(end - output.count) { return false }
      let likely = isKnown && claim <= UInt64(frame.count) * 64 ? Int(claim) : frame.count * 8
      var room = min(end - output.count, likely)
      while true {
        output.reserve(output.count + room)
        room = min(output.capacity - output.count, end - output.count)
        let written = decompressors.withContext { decompressor in
          unsafe ZSTD_decompressDCtx(
            decompressor.pointer, output.base + output.count, room, frame.baseAddress, frame.count)
        }
        if ZSTD_isError(written) == 0 {
          output.count += written
          return true
        }
        guard ZSTD_getErrorCode(written) == ZSTD_error_dstSize_tooSmall else {
          throw FormatError(.corruptCompression, at: position, "zstd: \(words(written))")
        }
        guard output.count + room < end else { return false }
        // A frame may claim to be empty, and is not.
        room = min(end - output.count, max(room, 16) * 4)
      }
    }

    private enum FrameKind { case data, skippable }

    /// By the magic number. The formats of zstd before 0.8, which the library may know, are none of Kafka's.
    private static func kind(of frame: UnsafeRawBufferPointer) -> FrameKind? {
      guard frame.count >= 4 else { return nil }
      let magic = UInt32(littleEndian: unsafe frame.loadUnaligned(as: UInt32.self))
      if magic == 0xFD2F_B528 { return .data }
      return magic & 0xFFFF_FFF0 == 0x184D_2A50 ? .skippable : nil
    }

    private static func words(_ code: Int) -> String { unsafe String(cString: ZSTD_getErrorName(code)) }

    @safe
    private struct Compressor: ~Copyable, CodecContext, @unchecked Sendable {
      let pointer: OpaquePointer

      init(key: Int) {
        guard let pointer = unsafe ZSTD_createCCtx() else {
          preconditionFailure("no memory for a zstd compressor")
        }
        unsafe self.pointer = pointer
      }

      deinit { unsafe ZSTD_freeCCtx(pointer) }

      var key: Int { 0 }
      // A context keeps the memory of its largest task: hundreds of MB at level 22 for large batches.
      var isWorthKeeping: Bool { unsafe ZSTD_sizeof_CCtx(pointer) <= 8 << 20 }
    }

    @safe
    private struct Decompressor: ~Copyable, CodecContext, @unchecked Sendable {
      let pointer: OpaquePointer

      init(key: Int) {
        guard let pointer = unsafe ZSTD_createDCtx() else {
          preconditionFailure("no memory for a zstd decompressor")
        }
        unsafe self.pointer = pointer
      }

      deinit { unsafe ZSTD_freeDCtx(pointer) }

      var key: Int { 0 }
      var isWorthKeeping: Bool { true }
    }
  }
#endif
