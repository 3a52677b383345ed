/// Random numbers that a seed brings back (SplitMix64).
struct CodecRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Bytes that no codec can make smaller.
func incompressibleBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = CodecRandom(seed: seed)
  var bytes = [UInt8]()
  bytes.reserveCapacity(count)
  while bytes.count < count {
    let word = random.next()
    for shift in stride(from: 0, to: min(8, count - bytes.count) * 8, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
    }
  }
  return bytes
}
