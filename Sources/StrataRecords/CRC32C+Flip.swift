extension CRC32C {
  /// Which single bit of a message, turned over, changes its checksum by `difference` (the exclusive or of the two);
  /// nil where none of the last `count` bits does. Bits count from the message's end: 0 is the topmost bit of the
  /// last byte, 8 that of the byte before.
  ///
  /// The checksum is linear: what a turned bit does depends on its distance from the end alone. Every step back
  /// multiplies that by x once more, and no two of 2³¹ − 1 bits do the same.
  package static func flippedBit(for difference: UInt32, among count: Int) -> Int? {
    let polynomial: UInt32 = 0x82F6_3B78
    var effect = polynomial
    for bit in 0..<count {
      if effect == difference { return bit }
      effect = effect &>> 1 ^ (effect & 1 == 0 ? 0 : polynomial)
    }
    return nil
  }
}
