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
  /// What changes, behind a pointer: so that nobody has to note at run time who is at which property, of which there
  /// would be a dozen for a key.
  @safe
  private struct Table {
    /// `slotCount` of them, a power of two.
    var slots: UnsafeMutablePointer<UInt64>
    var slotCount: Int
    /// `capacity` bytes, of which the first `used` hold entries. Those up to the budget are addressed, and those in use
    /// are touched.
    var entries: UnsafeMutableRawPointer
    var capacity: Int
    var used = 0
    var count = 0

    var mask: Int { slotCount - 1 }
  }

  private let budget: Int
  /// All ones, but in tests that want keys to collide.
  private let hashMask: UInt64
  private let seed: UInt64
  private let table: UnsafeMutablePointer<Table>

  private static let leastSlots = 16
  private static let headBytes = 12
  private static let unit = 8

  /// `budgetBytes`: what slots and entries may take together; at least 512 are taken. `hashBits`: how many bits
  /// of the hashes count.
  package init(budgetBytes: Int, hashBits: Int = 64) {
    // Places are counted in units of 8 bytes, in 32 bits.
    budget = min(max(budgetBytes, 512), Int(UInt32.max) * Self.unit)
    hashMask = hashBits >= 64 ? .max : (1 << UInt64(hashBits)) - 1
    // Another one for each map, so that nobody can choose keys that collide.
    seed = UInt64.random(in: 1 ... .max)
    unsafe table = .allocate(capacity: 1)
    unsafe table.initialize(
      to: Table(
        slots: Self.freeSlots(Self.leastSlots), slotCount: Self.leastSlots,
        entries: .allocate(byteCount: budget, alignment: Self.unit), capacity: budget))
  }

  deinit {
    unsafe table.pointee.slots.deallocate()
    unsafe table.pointee.entries.deallocate()
    unsafe table.deinitialize(count: 1)
    unsafe table.deallocate()
  }

  private static func freeSlots(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    unsafe slots.initialize(repeating: 0, count: count)
    return unsafe slots
  }

  /// How many keys it holds.
  package var count: Int { unsafe table.pointee.count }
  package var isEmpty: Bool { count == 0 }

  /// The bytes in use.
  package var byteCount: Int { unsafe table.pointee.slotCount * 8 + table.pointee.used }

  /// Forgets every key; the memory stays.
  package func removeAll() {
    unsafe table.pointee.slots.update(repeating: 0, count: table.pointee.slotCount)
    unsafe table.pointee.used = 0
    unsafe table.pointee.count = 0
  }

  /// Notes that `key` has a record at `offset`, behind all that were noted. False where there is no room for it.
  package func put(_ key: Span<UInt8>, _ offset: Offset) -> Bool {
    // The key's memory is used while its span lives.
    unsafe key.withUnsafeBytes { unsafe put($0, offset) }
  }

  /// The newest offset of `key`; nil where none was noted.
  package func offset(of key: Span<UInt8>) -> Offset? {
    // As above.
    unsafe key.withUnsafeBytes { key in
      let slot = unsafe table.pointee.slots[find(key, KeyHash.of(key, seed) & hashMask)]
      guard slot != 0 else { return nil }
      // The entry lies within the bytes in use.
      return unsafe Offset(table.pointee.entries.load(fromByteOffset: entryPlace(slot), as: Int64.self))
    }
  }

  private func put(_ key: UnsafeRawBufferPointer, _ offset: Offset) -> Bool {
    let hash = unsafe KeyHash.of(key, seed) & hashMask
    let slot = unsafe table.pointee.slots[find(key, hash)]
    if slot != 0 {
      unsafe table.pointee.entries.storeBytes(
        of: offset.rawValue, toByteOffset: entryPlace(slot), as: Int64.self)
      return true
    }
    let size = (Self.headBytes + key.count + Self.unit - 1) / Self.unit * Self.unit
    guard count == 0 || makeRoom(for: size) else { return false }
    if unsafe size > table.pointee.capacity - table.pointee.used { growForFirstKey(size) }
    let start = unsafe table.pointee.used
    let entry = unsafe table.pointee.entries + start
    unsafe entry.storeBytes(of: offset.rawValue, as: Int64.self)
    unsafe entry.storeBytes(of: UInt32(key.count), toByteOffset: 8, as: UInt32.self)
    if let bytes = key.baseAddress {
      unsafe (entry + Self.headBytes).copyMemory(from: bytes, byteCount: key.count)
    }
    // After the slots were doubled the key belongs elsewhere.
    unsafe table.pointee.slots[find(key, hash)] =
      hash & 0xFFFF_FFFF_0000_0000 | UInt64(start / Self.unit + 1)
    unsafe table.pointee.used += size
    unsafe table.pointee.count += 1
    return true
  }

  private func entryPlace(_ slot: UInt64) -> Int { (Int(slot & 0xFFFF_FFFF) - 1) * Self.unit }

  /// The slot that holds `key`, or the free one where it belongs. There is always a free one.
  private func find(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
    let (slots, mask) = unsafe (table.pointee.slots, table.pointee.mask)
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = unsafe slots[place]
      if slot == 0 { return place }
      if (slot ^ hash) >> 32 == 0, unsafe isKey(key, ofEntryAt: entryPlace(slot)) { return place }
      place = (place + 1) & mask
    }
  }

  private func isKey(_ key: UnsafeRawBufferPointer, ofEntryAt place: Int) -> Bool {
    let there = unsafe keyBytes(ofEntryAt: place)
    guard there.count == key.count else { return false }
    return unsafe key.elementsEqualByWords(there)
  }

  /// The entry, its key included, lies within the bytes in use.
  private func keyBytes(ofEntryAt place: Int) -> UnsafeRawBufferPointer {
    let entry = unsafe table.pointee.entries + place
    return unsafe UnsafeRawBufferPointer(
      start: entry + Self.headBytes, count: Int(entry.load(fromByteOffset: 8, as: UInt32.self)))
  }

  /// The first key of an empty map may be larger than all the memory.
  private func growForFirstKey(_ size: Int) {
    precondition(count == 0, "only an empty map grows beyond its budget")
    unsafe table.pointee.entries.deallocate()
    unsafe table.pointee.entries = .allocate(byteCount: size, alignment: Self.unit)
    unsafe table.pointee.capacity = size
  }

  /// Sees to it that an entry of `size` bytes and its slot have room: three quarters of the slots are used at most,
  /// or seven eighths where there is no room for more of them.
  private func makeRoom(for size: Int) -> Bool {
    let (used, slotCount) = unsafe (table.pointee.used + size, table.pointee.slotCount)
    guard used + slotCount * 8 <= budget else { return false }
    if (count + 1) * 4 <= slotCount * 3 { return true }
    guard used + slotCount * 8 * 3 <= budget else { return (count + 1) * 8 <= slotCount * 7 }
    let earlier = unsafe table.pointee.slots
    let slots = unsafe Self.freeSlots(slotCount * 2)
    let mask = slotCount * 2 - 1
    for number in 0..<slotCount {
      let slot = unsafe earlier[number]
      guard slot != 0 else { continue }
      let key = unsafe keyBytes(ofEntryAt: entryPlace(slot))
      var place = unsafe Int(truncatingIfNeeded: KeyHash.of(key, seed) & hashMask) & mask
      while unsafe slots[place] != 0 { place = (place + 1) & mask }
      unsafe slots[place] = slot
    }
    unsafe earlier.deallocate()
    unsafe table.pointee.slots = slots
    unsafe table.pointee.slotCount = slotCount * 2
    return true
  }
}
