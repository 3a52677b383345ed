/// The hash of a key, 16 bytes at a time by one multiplication: the scheme of wyhash (Wang Yi, public domain), whose
/// quality does for a table that compares the keys anyway. Swift's own hasher takes five times as long for short keys.
enum KeyHash {
  /// Constants with as many ones as zeros, as wyhash has them.
  private static let first: UInt64 = 0xA076_1D64_78BD_642F
  private static let second: UInt64 = 0xE703_7ED1_A0B4_28DB

  /// `seed`: a secret number.
  static func of(_ key: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
    let count = key.count
    var state = seed ^ first
    var (low, high): (UInt64, UInt64) = (0, 0)
    if count >= 16 {
      var place = 0
      while count - place > 16 {
        state = mix(unsafe word(key, place) ^ second, unsafe word(key, place + 8) ^ state)
        place += 16
      }
      // The last 16 bytes, some of which may have been taken in already.
      low = unsafe word(key, count - 16)
      high = unsafe word(key, count - 8)
    } else if count >= 8 {
      low = unsafe word(key, 0)
      high = unsafe word(key, count - 8)
    } else if count >= 4 {
      low = UInt64(unsafe key.loadUnaligned(as: UInt32.self))
      high = UInt64(unsafe key.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
    } else if count > 0 {
      low = unsafe UInt64(key[0]) << 16 | UInt64(key[count / 2]) << 8 | UInt64(key[count - 1])
    }
    return mix(second ^ UInt64(count), mix(low ^ second, high ^ state))
  }

  @inline(__always)
  private static func word(_ key: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
    unsafe key.loadUnaligned(fromByteOffset: place, as: UInt64.self)
  }

  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}

extension UnsafeRawBufferPointer {
  /// Whether both hold the same bytes, given that they hold as many.
  func elementsEqualByWords(_ other: UnsafeRawBufferPointer) -> Bool {
    var place = 0
    while count - place >= 8 {
      let (one, two) = unsafe (
        loadUnaligned(fromByteOffset: place, as: UInt64.self),
        other.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      )
      if one != two { return false }
      place += 8
    }
    while place < count {
      if unsafe self[place] != other[place] { return false }
      place += 1
    }
    return true
  }
}
