internal import StrataLock
internal import StrataRecords

/// What a log remembers of its batches for looking single records up: where their records lie, and the bytes around
/// those that are asked for again and again. Within a bound.
///
/// A table of places, each of which may hold one thing; a thing has a few places next to one another where it may be.
/// What was not used since the last look at its place gives way. All of it means something only as long as nothing is
/// truncated.
final class RecordCache: Sendable {
  /// An interval of a segment's offset index, or a position in its file.
  struct Key: Hashable {
    var segment: UInt64
    var place: Int64

    /// Multiplied by the golden ratio, as Knuth has it: the upper bits depend on all of them.
    @inline(__always)
    fileprivate var hash: UInt64 {
      let ratio: UInt64 = 0x9E37_79B9_7F4A_7C15
      return (segment &* ratio ^ UInt64(bitPattern: place)) &* ratio
    }
  }

  private enum Thing {
    case interval(KnownInterval)
    case piece(ByteBuffer)

    var bytes: Int {
      switch self {
      case .interval(let interval): interval.memoryBytes
      case .piece(let piece): piece.capacity + RecordCache.pieceOverhead
      }
    }
  }

  private struct Slot {
    var key = Key(segment: 0, place: 0)
    var thing: Thing?
    var wasUsed = false
  }

  private struct State {
    /// None before the first thing is remembered.
    var slots: [Slot] = []
    /// What the things take.
    var bytes = 0
    /// The slot that is looked at next where something has to go.
    var hand = 0
    /// How many truncations there were when this was found.
    var truncations: UInt64 = 0
    /// Which of the last some thousand small batches were met, by a hash of their places: a bit each.
    var met: [UInt64] = []
    var metCount = 0
  }

  private let limit: Int
  private let slotCount: Int
  private let state = Lock(State())

  /// A thing may be in as many slots.
  private static let ways = 4
  /// What a piece takes besides its bytes.
  private static let pieceOverhead = 96

  /// Remembers as much as fits into `bytes`.
  init(bytes: Int) {
    // A thing takes 1 to 2 KiB, as a rule.
    var count = 64
    while count < bytes / 1024, count < 1 << 20 { count *= 2 }
    slotCount = count
    limit = bytes - count * MemoryLayout<Slot>.stride - Self.metBits / 8
  }

  /// Whether anything is remembered at all.
  var isOn: Bool { limit > 0 }

  /// What is known of an interval.
  func interval(_ key: Key, _ truncations: UInt64) -> KnownInterval? {
    state.withLock { state in
      guard state.truncations == truncations, let slot = Self.find(key, &state),
        case .interval(let interval) = state.slots[slot].thing
      else { return nil }
      return interval
    }
  }

  /// The bytes at a place that were remembered.
  func piece(at key: Key, _ truncations: UInt64) -> ByteBuffer? {
    state.withLock { state in
      guard state.truncations == truncations, let slot = Self.find(key.ofPiece, &state),
        case .piece(let piece) = state.slots[slot].thing
      else { return nil }
      return piece
    }
  }

  /// Remembers a batch of an interval, as it was after so many truncations.
  func remember(_ batch: KnownBatch, _ key: Key, _ truncations: UInt64) {
    state.withLock { state in
      guard isCurrent(truncations, &state) else { return }
      var interval = KnownInterval([batch])
      if let slot = Self.find(key, &state), case .interval(let earlier) = state.slots[slot].thing {
        interval = earlier.adding(batch)
      }
      put(.interval(interval), key, &state)
    }
  }

  /// Remembers the bytes at a place.
  func remember(_ piece: ByteBuffer, at key: Key, _ truncations: UInt64) {
    state.withLock { state in
      guard isCurrent(truncations, &state) else { return }
      put(.piece(piece), key.ofPiece, &state)
    }
  }

  /// Forgets everything, and gives the memory back.
  func removeAll() {
    state.withLock { $0 = State(truncations: $0.truncations) }
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
      let bit = Int(key.hash &>> 48)
      if state.met[bit / 64] & 1 << UInt64(bit % 64) != 0 { return true }
      state.met[bit / 64] |= 1 << UInt64(bit % 64)
      state.metCount += 1
      return false
    }
  }
}

// MARK: The table

extension RecordCache {
  /// Whether what was found after so many truncations still holds. What was found before the last one is forgotten.
  private func isCurrent(_ truncations: UInt64, _ state: inout State) -> Bool {
    if truncations > state.truncations { state = State(truncations: truncations) }
    return truncations == state.truncations
  }

  @inline(__always)
  private static func find(_ key: Key, _ state: inout State) -> Int? {
    guard !state.slots.isEmpty else { return nil }
    let first = place(of: key, state.slots.count)
    for slot in first..<first + ways where state.slots[slot].key == key {
      state.slots[slot].wasUsed = true
      return slot
    }
    return nil
  }

  /// The first of the slots that the key's thing may be in.
  @inline(__always)
  private static func place(of key: Key, _ count: Int) -> Int {
    Int(key.hash &>> 32) & (count - 1) & ~(ways - 1)
  }

  private func put(_ thing: Thing, _ key: Key, _ state: inout State) {
    let bytes = thing.bytes
    guard bytes <= limit / 4 else { return }
    if state.slots.isEmpty { state.slots = [Slot](repeating: Slot(), count: slotCount) }
    let first = Self.place(of: key, slotCount)
    let all = first..<first + Self.ways
    var slot = all.first { state.slots[$0].key == key } ?? all.first { state.slots[$0].thing == nil }
    if slot == nil {
      slot = all.first { !state.slots[$0].wasUsed } ?? first
      for other in all { state.slots[other].wasUsed = false }
    }
    clear(slot!, &state)
    while state.bytes + bytes > limit { advance(&state) }
    state.slots[slot!] = Slot(key: key, thing: thing, wasUsed: true)
    state.bytes += bytes
  }

  /// Looks at one more slot: what was used gets another turn, what was not goes.
  private func advance(_ state: inout State) {
    if state.slots[state.hand].wasUsed {
      state.slots[state.hand].wasUsed = false
    } else {
      clear(state.hand, &state)
    }
    state.hand = (state.hand + 1) % slotCount
  }

  private func clear(_ slot: Int, _ state: inout State) {
    state.bytes -= state.slots[slot].thing?.bytes ?? 0
    state.slots[slot] = Slot()
  }
}

extension RecordCache.Key {
  /// Intervals are counted from 0 on; positions are told from them.
  fileprivate var ofPiece: Self { Self(segment: segment, place: ~place) }
}
