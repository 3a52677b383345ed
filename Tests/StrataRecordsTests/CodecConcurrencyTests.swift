import Foundation
import StrataRecords
import Testing

/// Contexts wander between threads, and are never used by two at once. To be run under a thread sanitizer, too.
@Suite struct CodecConcurrencyTests {
  /// More threads than a pool keeps contexts, so that some are made anew and some have to make room.
  @Test func `many threads, many codecs and levels`() async {
    let progress = Progress(threads: 20)
    await withCheckedContinuation { done in
      for number in 0..<20 {
        Thread.detachNewThread {
          let failures = Self.work(number)
          if progress.finish(failures) { done.resume() }
        }
      }
    }
    #expect(progress.failures == [])
  }

  /// Round trips of its own bytes, with damaged input between them.
  private static func work(_ number: Int) -> [String] {
    var failures = [String]()
    let output = ByteBuffer(capacity: 0)
    for round in 0..<12 {
      let bytes = jsonLines(1_000 + 700 * number, seed: UInt64(number * 100 + round))
      for compression in compressionsAtAllLevels {
        do throws(FormatError) {
          let packed = try compressed(bytes, compression)
          output.count = 0
          try decompress(packed, compression.codec, into: output, limit: bytes.count)
          if copy(of: output) != bytes { failures.append("\(compression) of thread \(number): other bytes") }
          _ = try? decompressed(Array(packed.prefix(packed.count / 2)), compression.codec)
        } catch {
          failures.append("\(compression) of thread \(number): \(error)")
        }
      }
    }
    return failures
  }

  /// With Foundation's lock, because ThreadSanitizer understands it.
  private final class Progress: @unchecked Sendable {
    private let lock = NSLock()
    private var running: Int
    private var found = [String]()

    init(threads: Int) { running = threads }

    /// True for the last thread.
    func finish(_ failures: [String]) -> Bool {
      lock.withLock {
        running -= 1
        found += failures
        return running == 0
      }
    }

    var failures: [String] { lock.withLock { found } }
  }
}
