/// The simulation's one source of chance: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014; the constants are Vigna's).
///
/// The same seed gives the same numbers on every platform and in every version of this package; the system's
/// generator promises neither. Each use draws from a stream of its own, named by a label, so that one
/// decision more in one place does not change those in another.
public struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
  private var state: UInt64

  public init(seed: UInt64) {
    state = seed
  }

  /// The stream `label` of `seed`.
  public init(seed: UInt64, stream label: UInt64) {
    var mixer = SplitMix64(seed: seed)
    state = mixer.next() ^ (label &* 0xD6E8_FEB8_6659_FD93)
    _ = next()
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in `0..<bound`. The bias is below 2⁻³² for the bounds of a simulation.
  mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// True `numerator` times out of `denominator`.
  mutating func chance(_ numerator: Int, in denominator: Int) -> Bool {
    below(denominator) < numerator
  }
}
