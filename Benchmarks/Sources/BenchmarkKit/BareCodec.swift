internal import CBareCodecs

/// A codec's own library, with nothing around it: the limit of whoever compresses with it.
@safe
public final class BareCodec {
  private let codec: UnsafeMutableRawPointer

  /// The codec of this number in a batch's attributes; nil where there is none.
  public init?(number: UInt8, level: Int) {
    guard let codec = unsafe bare_codec_open(Int32(number), Int32(level)) else { return nil }
    unsafe self.codec = codec
  }

  deinit { unsafe bare_codec_close(codec) }

  /// The compressed form of `bytes`; nil where the library fails.
  public func compressed(_ bytes: Span<UInt8>) -> [UInt8]? {
    let target = Memory(count: unsafe bare_codec_bound(codec, bytes.count))
    let count = compress(bytes, into: target)
    return count == 0 ? nil : target.array(count)
  }

  /// The room that compressing so many bytes may need.
  public func bound(_ count: Int) -> Int { unsafe bare_codec_bound(codec, count) }

  /// Compresses `bytes`. Returns how many bytes that made, 0 where the library failed.
  public func compress(_ bytes: Span<UInt8>, into target: Memory) -> Int {
    unsafe bytes.withUnsafeBytes { source in
      unsafe bare_codec_compress(codec, source.baseAddress, source.count, target.base, target.count)
    }
  }

  /// Decompresses `bytes`. Returns how many bytes that made, 0 where the library failed.
  public func decompress(_ bytes: Span<UInt8>, into target: Memory) -> Int {
    unsafe bytes.withUnsafeBytes { source in
      unsafe bare_codec_decompress(codec, source.baseAddress, source.count, target.base, target.count)
    }
  }
}

extension Memory {
  /// A copy of the first `count` bytes.
  func array(_ count: Int) -> [UInt8] {
    let span = bytes(count)
    return span.indices.map { span[$0] }
  }
}
