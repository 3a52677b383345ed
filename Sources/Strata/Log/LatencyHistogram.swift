/// Durations in nanoseconds, counted in fixed memory.
///
/// Log-linear: each power of two is cut into `cellsPerOctave` equal cells, and a value is reported as the middle of
/// its cell, which is off by at most 1 / (2 · `cellsPerOctave`) of it. Below twice that number every value has a cell
/// of its own. Values above 2⁴⁰ ns (18 minutes) count as that; the maximum is exact. The memory comes with the first
/// value: about 300 bytes for each cell of an octave.
public struct LatencyHistogram: Hashable, Sendable {
  private static let largest = Int64(1) << 40

  private let cellBits: Int
  private var cells: [UInt64] = []
  /// How many values were recorded.
  public private(set) var count: UInt64 = 0
  /// The largest value recorded, 0 where there is none.
  public private(set) var maximum: Int64 = 0

  /// A histogram without a value. `cellsPerOctave`: a power of two; 16 tell a value within 3.2 %, 128 within 0.4 %.
  public init(cellsPerOctave: Int = 16) {
    precondition(
      cellsPerOctave > 0 && cellsPerOctave.nonzeroBitCount == 1, "cellsPerOctave is no power of two")
    cellBits = cellsPerOctave.trailingZeroBitCount
  }

  private var cellCount: Int { index(of: Self.largest) + 1 }

  /// Counts one duration; a negative one counts as 0.
  @inline(__always)
  public mutating func record(_ nanoseconds: Int64) {
    let value = max(nanoseconds, 0)
    if cells.isEmpty { cells = [UInt64](repeating: 0, count: cellCount) }
    cells[index(of: min(value, Self.largest))] += 1
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

  /// Takes in what another one has counted, which has as many cells to an octave.
  public mutating func merge(_ other: LatencyHistogram) {
    precondition(cellBits == other.cellBits, "the histograms have different cells")
    if other.cells.isEmpty { return }
    if cells.isEmpty { cells = [UInt64](repeating: 0, count: cellCount) }
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
      if seen >= wanted { return min(middle(of: place), maximum) }
    }
    return maximum
  }

  private func index(of value: Int64) -> Int {
    guard value >= 2 << Int64(cellBits) else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let shift = exponent - cellBits
    // The upper bits of the value behind the cells of the octaves below.
    return shift << cellBits + Int(value >> Int64(shift))
  }

  private func middle(of index: Int) -> Int64 {
    guard index >= 2 << cellBits else { return Int64(index) }
    let shift = index >> cellBits - 1
    let low = Int64(index - shift << cellBits) << Int64(shift)
    return low + (Int64(1) << Int64(shift)) / 2
  }
}
