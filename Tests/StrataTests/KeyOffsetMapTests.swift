import Strata
import StrataRecords
import Testing

/// The newest offset of each key, in bounded memory, whatever the hashes are.
@Suite struct KeyOffsetMapTests {
  /// With 64 bits of hash, with a few, and with none: every key collides with every other.
  @Test(arguments: [64, 7, 0]) func itKnowsWhatADictionaryKnows(hashBits: Int) {
    let seed = seed()
    var random = Random(seed: seed)
    let map = KeyOffsetMap(budgetBytes: 1 << 20, hashBits: hashBits)
    var known: [[UInt8]: Int64] = [:]
    for offset in 0..<(hashBits == 64 ? 20_000 : 1500) {
      let key = random.bytes(random.below(4))
      let isPut = map.put(key.span, Offset(Int64(offset)))
      #expect(isPut)
      known[key] = Int64(offset)
    }
    #expect(map.count == known.count, "STRATA_SEED=\(seed)")
    for (key, offset) in known { #expect(map.offset(of: key.span)?.rawValue == offset) }
    for _ in 0..<200 {
      let key = random.bytes(5)
      #expect(map.offset(of: key.span) == nil)
    }
  }

  /// Every byte counts, in keys of every length, also where all hashes are one.
  @Test(arguments: [64, 0]) func everyByteOfAKeyCounts(hashBits: Int) {
    let map = KeyOffsetMap(budgetBytes: 1 << 20, hashBits: hashBits)
    var keys: [[UInt8]] = []
    for length in 0...41 {
      let key = [UInt8](repeating: 5, count: length)
      keys.append(key)
      for place in key.indices {
        var other = key
        other[place] ^= 1
        keys.append(other)
      }
    }
    for (offset, key) in keys.enumerated() {
      let isPut = map.put(key.span, Offset(Int64(offset)))
      #expect(isPut)
    }
    #expect(map.count == keys.count)
    for (offset, key) in keys.enumerated() { #expect(map.offset(of: key.span) == Offset(Int64(offset))) }
  }

  @Test func whatDoesNotFitIsRefusedAndNothingElseChanged() {
    for budget in [4 << 10, 10_000, 100_000] {
      let map = KeyOffsetMap(budgetBytes: budget)
      var offset: Int64 = 0
      while map.put("key \(offset)".utf8.span, Offset(offset)) { offset += 1 }
      #expect(map.byteCount <= budget && map.byteCount > budget / 2, "\(map.byteCount) of \(budget)")
      #expect(map.count == Int(offset) && map.offset(of: "key \(offset)".utf8.span) == nil)
      // Known keys can still be moved on.
      let isMoved = map.put("key 7".utf8.span, 1_000_000)
      #expect(isMoved && map.offset(of: "key 7".utf8.span) == 1_000_000)
      for number in 0..<offset where number != 7 {
        #expect(map.offset(of: "key \(number)".utf8.span) == Offset(number))
      }
      map.removeAll()
      #expect(map.isEmpty && map.offset(of: "key 1".utf8.span) == nil)
    }
  }

  @Test func oneKeyThatIsLargerThanTheMemoryFitsAlone() {
    let map = KeyOffsetMap(budgetBytes: 4 << 10)
    let large = [UInt8](repeating: 7, count: 100_000)
    for _ in 0..<2 {
      let isPut = map.put(large.span, 1)
      let isOtherPut = map.put([1].span, 2)
      #expect(isPut && !isOtherPut)
      let isPutAgain = map.put(large.span, 3)
      #expect(isPutAgain && map.offset(of: large.span) == 3 && map.offset(of: [1].span) == nil)
      map.removeAll()
    }
  }
}
