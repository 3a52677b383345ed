internal import StrataLock
internal import Synchronization

/// One at a time replaces or removes segments, or takes records back. A compaction, which may take long, gives way.
extension Log {
  /// Runs `body` while nobody replaces or removes segments. Who is compacting stops at its next batch, and nothing of
  /// what it was making is kept.
  func interruptingCompaction<R: Sendable>(_ body: () throws(LogError) -> R) throws(LogError) -> R {
    interruptions.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { interruptions.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
    return try maintaining.withLock { _ throws(LogError) in try body() }
  }

  /// Whether somebody waits for a compaction to give way.
  var isInterrupted: Bool { interruptions.load(ordering: .sequentiallyConsistent) > 0 }
}
