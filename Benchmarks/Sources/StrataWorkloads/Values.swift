internal import BenchmarkKit
internal import Strata

/// The values that are written: 1,000 different JSON objects of one size, which compress 2 to 4 times.
///
/// Each begins with its number, so that whoever reads one back knows what it has to be.
struct Values: Sendable {
  /// The sizes that can be made.
  static let sizes = 32...(1 << 20)
  static let count = 1000
  /// Where the number begins, and its digits.
  private static let prefix = Array(#"{"id":"#.utf8)
  private static let digits = 4

  /// The bytes of each.
  let size: Int
  private let bytes: [UInt8]

  init(size: Int) {
    precondition(Values.sizes.contains(size), "values of \(size) bytes")
    self.size = size
    var random = SplitMix(state: UInt64(size))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size * Values.count)
    for number in 0..<Values.count {
      let digits = String(10_000 + number).dropFirst()
      var text = #"{"id":"# + digits + #","user":""#
      text += "u-\(random.next() % 90_000 + 10_000)\""
      while text.utf8.count < size - 2 {
        let name = Values.words[Int(random.next() % UInt64(Values.words.count))]
        let word = Values.words[Int(random.next() % UInt64(Values.words.count))]
        text += ",\"\(name)\":\"\(word)-\(random.next() % 10_000)\""
      }
      bytes += Array(text.utf8.prefix(size - 2)) + Array("\"}".utf8)
    }
    self.bytes = bytes
  }

  private static let words = [
    "order", "total", "price", "city", "status", "amount", "region", "created", "source", "channel",
    "warehouse", "customer", "quantity", "currency", "delivered", "reference",
  ]

  /// The value of the record with this number, which may be any from 0 to 999.
  @inline(__always)
  @_lifetime(borrow self)
  func value(_ number: Int) -> Span<UInt8> {
    let span = bytes.span.extracting(number &* size..<(number &+ 1) &* size)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The number of the record behind one of this number.
  @inline(__always)
  static func next(_ number: Int) -> Int { number == count - 1 ? 0 : number + 1 }

  /// The number of the value, if it is one of these, byte for byte; else nil.
  func number(of value: Span<UInt8>) -> Int? {
    guard value.count == size else { return nil }
    var number = 0
    for place in Values.prefix.count..<Values.prefix.count + Values.digits {
      let digit = Int(value[place]) - 48
      guard digit >= 0, digit <= 9 else { return nil }
      number = number * 10 + digit
    }
    guard number < Values.count else { return nil }
    let expected = self.value(number)
    var difference: UInt8 = 0
    for place in expected.indices { difference |= expected[place] ^ value[place] }
    return difference == 0 ? number : nil
  }

  /// Whether `value` is as long as these are and begins with this number: enough to know which one it is, where its
  /// checksum was compared before.
  @inline(__always)
  func begins(_ value: Span<UInt8>, with number: Int) -> Bool {
    guard value.count == size else { return false }
    let expected = self.value(number)
    var difference: UInt8 = 0
    for place in 0..<Values.prefix.count + Values.digits { difference |= expected[place] ^ value[place] }
    return difference == 0
  }

  /// One of each as a record that owns its bytes.
  var records: [Record] {
    (0..<Values.count).map { Record(value: [UInt8](copying: value($0))) }
  }

  /// The time of a record: a millisecond for 16 of them, so that a time is found in few.
  @inline(__always)
  static func timestamp(of record: Int) -> Timestamp {
    Timestamp(milliseconds: 1_700_000_000_000 + Int64(record) / 16)
  }

  /// Builds one batch of `count` records, the first of which has this number.
  @inline(__always)
  func build(
    _ builder: inout RecordBatchBuilder, count: Int, from first: Int
  ) throws(FormatError) -> RecordBatch {
    var number = first % Values.count
    let time = Values.timestamp(of: first)
    for _ in 0..<count {
      try builder.append(key: nil, value: value(number), timestamp: time)
      number = Values.next(number)
    }
    return try builder.finish()
  }
}

/// Touches a value: adds up its first byte and each 64th behind it, one of every line of the cache.
@inline(__always)
func touch(_ value: Span<UInt8>) -> UInt64 {
  var sum: UInt64 = 0
  var place = 0
  while place < value.count {
    sum &+= UInt64(value[place])
    place &+= 64
  }
  return sum
}

/// The same random numbers for the same start.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Values {
  /// Reads the log back: whether it has `count` records, each of them one of these values, each value as
  /// often as numbering the records one after another, `writers` times from 0, gives it.
  func fill(_ log: Log, count: Int, writers: Int = 1) throws -> Bool {
    var seen = [Int](repeating: 0, count: Values.count)
    var next = 0
    var cursor = log.fetch(from: 0, isolation: .logEnd)
    while let batch = try cursor.next() {
      var records = try batch.records()
      while let record = try records.next() {
        guard record.offset.rawValue == Int64(next), let value = record.value, let number = number(of: value)
        else { return false }
        seen[number] += 1
        next += 1
      }
    }
    guard next == count else { return false }
    let each = count / writers
    return seen.enumerated().allSatisfy { number, times in
      times == writers * (each / Values.count + (number < each % Values.count ? 1 : 0))
    }
  }
}

extension Values {
  /// What touching the values of `count` records in a row adds up to.
  func expectedSum(_ count: Int) -> UInt64 {
    (0..<Values.count).reduce(0) { sum, number in
      let times = count / Values.count + (number < count % Values.count ? 1 : 0)
      return sum &+ touch(value(number)) &* UInt64(times)
    }
  }
}
