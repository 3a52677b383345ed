internal import Strata
internal import StrataRecords

/// Mending what stands between a mutated input and the code behind the checks.
enum Repair {
  /// Makes batches of what lies in `range`, one behind the other: magic, length and checksum fit. With an even
  /// `choice` the offsets go on from batch to batch as well.
  static func batches(_ bytes: inout [UInt8], _ range: Range<Int>, choice: UInt32) {
    var place = range.lowerBound
    var expected: Int64?
    while range.upperBound - place >= RecordBatchHeader.byteCount {
      bytes[place + RecordBatchHeader.Position.magic] = UInt8(RecordBatchHeader.supportedMagic)
      let room = range.upperBound - place - RecordBatchHeader.uncountedBytes
      var length = Int(integer(bytes, place + RecordBatchHeader.Position.batchLength, 4))
      if length < Int(RecordBatchHeader.leastBatchLength) || length > room {
        length = room
        store(UInt64(length), 4, &bytes, place + RecordBatchHeader.Position.batchLength)
      }
      let end = place + RecordBatchHeader.uncountedBytes + length
      if let expected, choice & 1 == 0 { store(UInt64(bitPattern: expected), 8, &bytes, place) }
      let checksum = checksum(bytes, place + RecordBatchHeader.Position.attributes..<end)
      store(checksum, 4, &bytes, place + RecordBatchHeader.Position.crc)
      let base = Int64(bitPattern: integer(bytes, place, 8))
      let delta = Int32(
        truncatingIfNeeded: integer(bytes, place + RecordBatchHeader.Position.lastOffsetDelta, 4))
      expected = base &+ Int64(delta) &+ 1
      place = end
    }
  }

  /// The checksum of an LZ4 frame's descriptor: the second byte of its XXH32.
  static func lz4Header(_ bytes: inout [UInt8]) {
    guard bytes.count >= 7, Array(bytes[..<4]) == [0x04, 0x22, 0x4D, 0x18] else { return }
    let hasSize = bytes[4] & 0x08 != 0
    let hasDictionary = bytes[4] & 0x01 != 0
    let end = 6 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0)
    guard end < bytes.count else { return }
    bytes[end] = UInt8(truncatingIfNeeded: shortXXH32(Array(bytes[4..<end])) >> 8)
  }

  /// XXH32 of fewer than sixteen bytes, with seed 0.
  private static func shortXXH32(_ bytes: [UInt8]) -> UInt32 {
    let primes: [UInt32] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393]
    func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
    var hash = primes[4] &+ UInt32(bytes.count)
    var place = 0
    while place + 4 <= bytes.count {
      let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
      hash = rotated(hash &+ word &* primes[2], 17) &* primes[3]
      place += 4
    }
    while place < bytes.count {
      hash = rotated(hash &+ UInt32(bytes[place]) &* primes[4], 11) &* primes[0]
      place += 1
    }
    hash = (hash ^ hash >> 15) &* primes[1]
    hash = (hash ^ hash >> 13) &* primes[2]
    return hash ^ hash >> 16
  }

  /// The checksums of both slots of a durable point, with what marks them as such.
  static func durablePoint(_ bytes: inout [UInt8], _ range: Range<Int>) {
    let size = DurablePoint.slotBytes
    for slot in 0..<2 where range.count >= (slot + 1) * size {
      let start = range.lowerBound + slot * size
      store(0x5354_4450, 4, &bytes, start)
      store(1, 2, &bytes, start + 4)
      let place = start + DurablePoint.checksumPlace
      store(checksum(bytes, start..<place), 4, &bytes, place)
    }
  }

  /// Stores the checksum of a range.
  static func checksum(_ bytes: inout [UInt8], _ range: Range<Int>, at place: Int) {
    store(checksum(bytes, range), 4, &bytes, place)
  }

  private static func checksum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
    UInt64(CRC32C.checksum(bytes.span.extracting(range)))
  }

  static func integer(_ bytes: [UInt8], _ place: Int, _ width: Int) -> UInt64 {
    bytes[place..<place + width].reduce(0) { $0 << 8 | UInt64($1) }
  }

  static func store(_ value: UInt64, _ width: Int, _ bytes: inout [UInt8], _ place: Int) {
    for index in 0..<width {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - 1 - index)))
    }
  }
}
