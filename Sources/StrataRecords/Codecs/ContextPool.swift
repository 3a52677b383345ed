#if Gzip || LZ4 || Zstd
  internal import StrataLock

  /// The working memory of one C library for one direction. It may wander between threads, since only its owner
  /// can use it, and it is freed with its owner.
  protocol CodecContext: ~Copyable, Sendable {
    /// `key` is what the context cannot change later, such as a level; 0 where there is nothing of that kind.
    init(key: Int)
    var key: Int { get }
    /// Whether its memory is small enough to be kept while nobody uses it.
    var isWorthKeeping: Bool { get }
  }

  /// A few idle contexts, so that a call finds its working memory ready. Taking one and giving it back costs
  /// two short turns of a lock, about 20 ns; making one anew costs its library 1 to 100 microseconds.
  struct ContextPool<Context: CodecContext & ~Copyable>: ~Copyable, Sendable {
    private struct Idle: ~Copyable {
      var slots: InlineArray<8, Context?> = InlineArray { _ in nil }
      /// The slot that makes room next, when all are taken.
      var next = 0
    }

    private let idle = Lock(Idle())

    /// Lends a context with this key to `body`: an idle one, or a new one. Where `body` throws, the context is
    /// freed: not every library starts afresh after broken input, whatever it says.
    func withContext<Result, Failure: Error>(
      key: Int = 0, _ body: (borrowing Context) throws(Failure) -> Result
    ) throws(Failure) -> Result {
      let context = take(key) ?? Context(key: key)
      let result = try body(context)
      giveBack(context)
      return result
    }

    private func take(_ key: Int) -> Context? {
      idle.withLock { idle in
        for slot in idle.slots.indices where idle.slots[slot]?.key == key {
          return idle.slots[slot].take()
        }
        return nil
      }
    }

    private func giveBack(_ context: consuming Context) {
      guard context.isWorthKeeping else { return }
      var moving: Context? = context
      idle.withLock { idle in
        for slot in idle.slots.indices where idle.slots[slot] == nil {
          swap(&idle.slots[slot], &moving)
          return
        }
        swap(&idle.slots[idle.next], &moving)
        idle.next = (idle.next + 1) % idle.slots.count
      }
      // What had to make room is freed here, outside the lock.
    }
  }
#endif
