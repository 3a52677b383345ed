internal import StrataLock

/// Memory for decompressing, used again and again: a few buffers, none of them large, whoever reads.
package enum BufferPool {
  /// At most so many wait here…
  private static let idleLimit = 8
  /// …and none of more bytes than this: 8 buffers of 8 MiB are the most that the pool ever keeps.
  private static let capacityLimit = 8 << 20
  private static let firstCapacity = 64 << 10

  private static let idle = Lock<[ByteBuffer]>([])

  /// An empty buffer, the caller's alone.
  package static func take() -> ByteBuffer {
    let buffer = idle.withLock { $0.popLast() } ?? ByteBuffer(capacity: firstCapacity)
    buffer.count = 0
    return buffer
  }

  /// Takes a buffer back; nobody may use it any more.
  package static func give(_ buffer: ByteBuffer) {
    guard buffer.capacity <= capacityLimit else { return }
    idle.withLock { idle in
      if idle.isEmpty { idle.reserveCapacity(idleLimit) }
      if idle.count < idleLimit { idle.append(buffer) }
    }
  }
}
