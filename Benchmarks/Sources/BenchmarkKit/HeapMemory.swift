internal import CBenchmarkSupport

/// What the process holds of malloc's memory.
public enum HeapMemory {
  /// Bytes in use at the moment, by all threads.
  public static var bytesInUse: Int { Int(benchmark_heap_bytes()) }
}
