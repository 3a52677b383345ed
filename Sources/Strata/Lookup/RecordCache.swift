internal import StrataLock
internal import StrataRecords

/// What a log remembers of its batches for looking single records up: where their records lie, and the bytes around
/// those that are asked for again and again. Within a bound.
///
/// Two generations: what is used goes into the young one; when that is full it becomes the old one, and what was the old
/// one goes. All of it means something only as long as nothing is truncated.
final class RecordCache: Sendable {
  /// An interval of a segment's offset index, or a position in its file.
  struct Key: Hashable {
    var segment: UInt64
    var place: Int64
  }

  private struct Generation {
    var intervals: [Key: KnownInterval] = [:]
    var pieces: [Key: ByteBuffer] = [:]
    var bytes = 0
  }

  private struct State {
    var young = Generation()
    var old = Generation()
    /// How many truncations there were when this was found.
    var truncations: UInt64 = 0
    /// Which of the last some thousand small batches were met, by a hash of their places: a bit each.
    var met: [UInt64] = []
    var metCount = 0
  }

  /// The most bytes of one generation.
  private let limit: Int
  private let state = Lock(State())

  init(bytes: Int) { limit = bytes / 2 }

  /// Whether anything is remembered at all.
  var isOn: Bool { limit > 0 }

  /// What is known of an interval.
  func interval(_ key: Key, _ truncations: UInt64) -> KnownInterval? {
    state.withLock { state in
      guard state.truncations == truncations else { return nil }
      if let found = state.young.intervals[key] { return found }
      guard let found = state.old.intervals.removeValue(forKey: key) else { return nil }
      put(found, key, &state)
      return found
    }
  }

  private static let metBits = 1 << 16

  /// Notes that a batch is met. Whether it probably was before, not long ago.
  func notesAgain(_ key: Key) -> Bool {
    state.withLock { state in
      // So that at most every fourth is taken for another one.
      if state.met.isEmpty || state.metCount >= Self.metBits / 4 {
        state.met = [UInt64](repeating: 0, count: Self.metBits / 64)
        state.metCount = 0
      }
      let bit = Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue)) & (Self.metBits - 1)
      if state.met[bit / 64] & 1 << UInt64(bit % 64) != 0 { return true }
      state.met[bit / 64] |= 1 << UInt64(bit % 64)
      state.metCount += 1
      return false
    }
  }

  /// Remembers a batch of an interval, as it was after so many truncations.
  func remember(_ batch: KnownBatch, _ key: Key, _ truncations: UInt64) {
    state.withLock { state in
      renew(&state, truncations)
      guard state.truncations == truncations else { return }
      let before = state.young.intervals.removeValue(forKey: key)
      if let before { state.young.bytes -= before.memoryBytes }
      let earlier = before ?? state.old.intervals.removeValue(forKey: key)
      put(earlier?.adding(batch) ?? KnownInterval([batch]), key, &state)
    }
  }

  /// The bytes at a place that were remembered.
  func piece(_ key: Key, _ truncations: UInt64) -> ByteBuffer? {
    state.withLock { state in
      guard state.truncations == truncations else { return nil }
      if let found = state.young.pieces[key] { return found }
      guard let found = state.old.pieces.removeValue(forKey: key) else { return nil }
      put(found, key, &state)
      return found
    }
  }

  /// Remembers the bytes at a place.
  func remember(_ piece: ByteBuffer, _ key: Key, _ truncations: UInt64) {
    state.withLock { state in
      guard state.truncations == truncations, state.young.pieces[key] == nil else { return }
      put(piece, key, &state)
    }
  }

  /// Forgets everything.
  func removeAll() {
    state.withLock { state in
      state.young = Generation()
      state.old = Generation()
    }
  }

  /// Forgets what was found before a truncation.
  private func renew(_ state: inout State, _ truncations: UInt64) {
    guard truncations > state.truncations else { return }
    state = State(truncations: truncations, met: state.met, metCount: state.metCount)
  }

  private func put(_ interval: KnownInterval, _ key: Key, _ state: inout State) {
    makeRoom(for: interval.memoryBytes, &state)
    state.young.intervals[key] = interval
  }

  private func put(_ piece: ByteBuffer, _ key: Key, _ state: inout State) {
    makeRoom(for: piece.capacity + Self.pieceOverhead, &state)
    state.young.pieces[key] = piece
  }

  /// What a piece takes besides its bytes.
  private static let pieceOverhead = 128

  private func makeRoom(for bytes: Int, _ state: inout State) {
    if state.young.bytes + bytes > limit {
      state.old = state.young
      state.young = Generation()
    }
    state.young.bytes += bytes
  }
}
