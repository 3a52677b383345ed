internal import CBenchmarkSupport

/// Counts what the process takes from malloc.
public enum Allocations {
  /// The allocations of all threads while `body` ran.
  public static func count<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Int {
    let before = benchmark_allocations()
    benchmark_count_allocations(1)
    defer { benchmark_count_allocations(0) }
    try body()
    return Int(benchmark_allocations() - before)
  }

  /// The allocations of each further record: those of a run with twice as many records, less those of a run
  /// with `count`, divided by `count`. What a run costs once cancels out.
  public static func perRecord<E: Error>(_ count: Int, _ run: (Int) throws(E) -> Int) throws(E) -> Double {
    let single = try run(count)
    let double = try run(2 * count)
    return max(0, Double(double - single) / Double(count))
  }
}
