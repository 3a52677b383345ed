/// Durations in nanoseconds, counted in fixed memory, with a relative error of at most 0.4 %.
///
/// Log-linear: each power of two above 128 is cut into 128 equal cells, and a value is reported as the
/// middle of its cell. Below 256 every number has a cell of its own. Values above 2⁴⁰ ns (18 minutes) count
/// as that; the maximum is exact.
public struct Histogram: Sendable {
  private static let cellsPerOctave = 128
  private static let cellBits = 7
  private static let largest = Int64(1) << 40
  private static let cellCount = index(of: largest) + 1

  private var cells = [UInt64](repeating: 0, count: Histogram.cellCount)
  /// How many values were recorded.
  public private(set) var count: UInt64 = 0
  /// The largest value recorded, 0 where there is none.
  public private(set) var maximum: Int64 = 0

  public init() {}

  /// Counts one duration; a negative one counts as 0.
  @inline(__always)
  public mutating func record(_ nanoseconds: Int64) {
    let value = max(nanoseconds, 0)
    cells[Histogram.index(of: min(value, Histogram.largest))] += 1
    count += 1
    if value > maximum { maximum = value }
  }

  /// Counts one duration of a run that was to begin an operation every `interval` nanoseconds: the operations
  /// that could not begin because this one took longer are counted with the time that they would have waited
  /// (the correction of coordinated omission). Closed loops, which begin an operation when the last one
  /// ends, have no such interval and use `record(_:)`.
  public mutating func record(_ nanoseconds: Int64, every interval: Int64) {
    record(nanoseconds)
    precondition(interval > 0, "a paced run has an interval")
    var missed = nanoseconds - interval
    while missed >= interval {
      record(missed)
      missed -= interval
    }
  }

  /// Takes in what another one has counted.
  public mutating func merge(_ other: Histogram) {
    for place in cells.indices { cells[place] += other.cells[place] }
    count += other.count
    maximum = max(maximum, other.maximum)
  }

  /// The least duration that `fraction` of all (0…1) do not exceed; 0 where nothing was recorded.
  public func percentile(_ fraction: Double) -> Int64 {
    guard count > 0 else { return 0 }
    let wanted = max(1, UInt64((Double(count) * fraction).rounded(.up)))
    var seen: UInt64 = 0
    for place in cells.indices {
      seen += cells[place]
      if seen >= wanted { return min(Histogram.middle(of: place), maximum) }
    }
    return maximum
  }

  private static func index(of value: Int64) -> Int {
    guard value >= 2 * Int64(cellsPerOctave) else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let shift = exponent - cellBits
    // The upper bits of the value, 128…255, behind the cells of the octaves below.
    return shift * cellsPerOctave + Int(value >> Int64(shift))
  }

  private static func middle(of index: Int) -> Int64 {
    guard index >= 2 * cellsPerOctave else { return Int64(index) }
    let shift = index / cellsPerOctave - 1
    let low = Int64(index - shift * cellsPerOctave) << Int64(shift)
    return low + (Int64(1) << Int64(shift)) / 2
  }
}

/// What is told of a histogram.
public struct Latency: Sendable, Equatable {
  public var p50: Int64
  public var p99: Int64
  public var p999: Int64
  public var maximum: Int64

  public init(_ histogram: Histogram) {
    p50 = histogram.percentile(0.5)
    p99 = histogram.percentile(0.99)
    p999 = histogram.percentile(0.999)
    maximum = histogram.maximum
  }
}
