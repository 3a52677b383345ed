package import StrataRecords

/// The newest offset of each key, as far as fits into a given number of bytes.
///
/// It is exact: it holds the keys themselves, and a hash only says where to look. Kafka holds 16 bytes of MD5 instead,
/// so that two keys with one digest become one; here nothing rests on luck, no key has to be read again from the
/// disk, and the keys of most logs are shorter than a digest.
///
///     slots:    a power of two; each holds 32 bits of a key's hash, and its entry's place (0: nothing there)
///     entries:  offset 8 bytes | key length 4 | key, padded to a multiple of 8
///
/// The memory counts as it is taken: the entries, and the slots, twice while they double. When a key does not fit any
/// more, `put` says so and changes nothing; the first key of an empty map always fits, so that whoever fills
/// it gets on. Written by one thread; when that is done any number may ask.
@safe
package final class KeyOffsetMap: @unchecked Sendable {
  private let budget: Int
  /// All ones, but in tests that want keys to collide.
  private let hashMask: UInt64
  private var slots: [UInt64]
  /// Bytes up to `budget` are addressed, and those in use are touched.
  private let entries: ByteBuffer
  /// How many keys it holds.
  package private(set) var count = 0

  private static let leastSlots = 64
  private static let headBytes = 12
  private static let unit = 8

  /// `budgetBytes`: what slots and entries may take together; at least a few KiB are taken. `hashBits`: how many bits
  /// of the hashes count.
  package init(budgetBytes: Int, hashBits: Int = 64) {
    // Places are counted in units of 8 bytes, in 32 bits.
    budget = min(max(budgetBytes, 4 << 10), Int(UInt32.max) * Self.unit)
    hashMask = hashBits >= 64 ? .max : (1 << UInt64(hashBits)) - 1
    slots = [UInt64](repeating: 0, count: Self.leastSlots)
    entries = ByteBuffer(capacity: budget)
  }

  package var isEmpty: Bool { count == 0 }

  /// The bytes in use.
  package var byteCount: Int { slots.count * 8 + entries.count }

  /// Forgets every key; the memory stays.
  package func removeAll() {
    for place in slots.indices { slots[place] = 0 }
    entries.count = 0
    count = 0
  }

  /// Notes that `key` has a record at `offset`, behind all that were noted. False where there is no room for it.
  package func put(_ key: Span<UInt8>, _ offset: Offset) -> Bool {
    let hash = hash(key)
    let place = find(key, hash)
    if slots[place] != 0 {
      setOffset(offset, at: entryPlace(slots[place]))
      return true
    }
    let size = (Self.headBytes + key.count + Self.unit - 1) / Self.unit * Self.unit
    guard count == 0 || makeRoom(for: size) else { return false }
    // After the slots were doubled the key belongs elsewhere.
    let free = find(key, hash)
    let start = entries.count
    if count == 0 { entries.reserve(size) }
    store(key, offset, at: start, size)
    slots[free] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(start / Self.unit + 1)
    count += 1
    return true
  }

  /// The newest offset of `key`; nil where none was noted.
  package func offset(of key: Span<UInt8>) -> Offset? {
    let slot = slots[find(key, hash(key))]
    guard slot != 0 else { return nil }
    let place = entryPlace(slot)
    // The entry lies within the bytes in use.
    return unsafe Offset(entries.base.loadUnaligned(fromByteOffset: place, as: Int64.self))
  }

  /// Another one in each process, so that nobody can choose keys that collide.
  private func hash(_ key: Span<UInt8>) -> UInt64 {
    var hasher = Hasher()
    unsafe key.withUnsafeBytes { bytes in unsafe hasher.combine(bytes: bytes) }
    return UInt64(bitPattern: Int64(hasher.finalize())) & hashMask
  }

  private func entryPlace(_ slot: UInt64) -> Int { (Int(slot & 0xFFFF_FFFF) - 1) * Self.unit }

  /// The slot that holds `key`, or the free one where it belongs. There is always a free one.
  private func find(_ key: Span<UInt8>, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[place]
      if slot == 0 || (slot ^ hash) >> 32 == 0 && isKey(key, ofEntryAt: entryPlace(slot)) { return place }
      place = (place + 1) & mask
    }
  }

  private func isKey(_ key: Span<UInt8>, ofEntryAt place: Int) -> Bool {
    // The entry, its key included, lies within the bytes in use.
    let count = unsafe Int(entries.base.loadUnaligned(fromByteOffset: place + 8, as: UInt32.self))
    guard count == key.count else { return false }
    let start = place + Self.headBytes
    let buffer = entries
    let bytes = buffer.bytes
    for index in 0..<count where bytes[start &+ index] != key[index] { return false }
    return true
  }

  private func store(_ key: Span<UInt8>, _ offset: Offset, at place: Int, _ size: Int) {
    entries.count = place + size
    setOffset(offset, at: place)
    // The entry's bytes were just made part of those in use.
    unsafe (entries.base + place).storeBytes(of: UInt32(key.count), toByteOffset: 8, as: UInt32.self)
    entries.withMutableBytes(from: place + Self.headBytes, count: key.count) { target in
      for index in key.indices { target[index] = key[index] }
    }
  }

  private func setOffset(_ offset: Offset, at place: Int) {
    unsafe entries.base.storeBytes(of: offset.rawValue, toByteOffset: place, as: Int64.self)
  }

  /// Sees to it that an entry of `size` bytes and its slot have room: three quarters of the slots are used at most,
  /// or seven eighths where there is no room for more of them.
  private func makeRoom(for size: Int) -> Bool {
    let used = entries.count + size
    guard used + slots.count * 8 <= budget else { return false }
    if (count + 1) * 4 <= slots.count * 3 { return true }
    guard used + slots.count * 8 * 3 <= budget else { return (count + 1) * 8 <= slots.count * 7 }
    let earlier = slots
    slots = [UInt64](repeating: 0, count: earlier.count * 2)
    let mask = slots.count - 1
    for slot in earlier where slot != 0 {
      var place = Int(truncatingIfNeeded: hash(ofEntryAt: entryPlace(slot))) & mask
      while slots[place] != 0 { place = (place + 1) & mask }
      slots[place] = slot
    }
    return true
  }

  private func hash(ofEntryAt place: Int) -> UInt64 {
    let count = unsafe Int(entries.base.loadUnaligned(fromByteOffset: place + 8, as: UInt32.self))
    let start = place + Self.headBytes
    let buffer = entries
    return hash(buffer.bytes.extracting(start..<start + count))
  }
}
