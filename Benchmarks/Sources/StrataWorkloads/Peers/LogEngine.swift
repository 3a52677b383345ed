internal import BenchmarkKit
internal import Strata

/// An engine that keeps values by their number, as far as a comparison needs it.
///
/// Numbers begin with 0 and have no gaps; the number is the offset, the row, or the key. An engine is used by
/// one thread at a time, but for `append(one:of:)`.
protocol LogEngine: AnyObject, Sendable {
  /// Opens what lies in the folder `path`, which is there, or makes it.
  init(path: String, setting: EngineSetting) throws

  /// Appends the next `count` values, whose first one is that of the next number, as one batch: all of them
  /// or none.
  func append(_ values: Values, count: Int) throws

  /// Called before `append(one:of:)`, with the values that will be appended.
  func prepare(_ values: Values)

  /// Appends one value, the one that has this number among the thousand. May be called by many threads at
  /// once, each of which waits for its own.
  func append(one number: Int, of values: Values) throws

  /// Hands all values over, from number 0 on, each with its number.
  func forEach(_ body: (Int, Span<UInt8>) -> Void) throws

  /// Hands the value of this number over. Returns whether there is one.
  func read(_ number: Int, _ body: (Span<UInt8>) -> Void) throws -> Bool

  /// Gets what was filled ready to be read, where the engine's documentation advises that.
  func settle() throws

  /// Closes it in order.
  func close() throws
}

/// What an engine is set up for.
struct EngineSetting: Sendable {
  /// Whether an append returns only when it is on the disk. If not: when it survives the end of the process.
  var isSynced: Bool
  /// About how many bytes of values will be in it.
  var bytes: Int
  /// Whether Strata reads and stores through mappings.
  var isInPlace = false
  /// Whether it is filled to be read: Strata reads in place what is sealed, and has to have sealed something.
  var isForReading = false
}

extension LogEngine {
  func prepare(_ values: Values) {}

  /// What one pass over everything found: how many values, and what touching them added up to.
  @inline(__always)
  func scan() throws -> (count: Int, sum: UInt64) {
    var count = 0
    var sum: UInt64 = 0
    try forEach { _, value in
      count &+= 1
      sum &+= touch(value)
    }
    return (count, sum)
  }

  /// Reads everything back: whether there are `count` values, numbered without a gap, each one of the
  /// thousand byte for byte, and as often as `writers` writers have appended it who each began with the
  /// first.
  func holds(_ values: Values, count: Int, writers: Int) throws -> Bool {
    var tally = ValueTally(values)
    try forEach { number, value in tally.add(number, value) }
    return tally.isComplete(count: count, writers: writers)
  }
}

/// Counts what is read back, and compares it with what it has to be.
struct ValueTally {
  private let values: Values
  private var seen = [Int](repeating: 0, count: Values.count)
  private var next = 0
  private var isIntact = true

  init(_ values: Values) { self.values = values }

  mutating func add(_ number: Int, _ value: Span<UInt8>) {
    guard number == next, let found = values.number(of: value) else {
      isIntact = false
      return
    }
    seen[found] += 1
    next += 1
  }

  func isComplete(count: Int, writers: Int) -> Bool {
    guard isIntact, next == count else { return false }
    let each = count / writers
    return seen.enumerated().allSatisfy { number, times in
      times == writers * (each / Values.count + (number < each % Values.count ? 1 : 0))
    }
  }
}
