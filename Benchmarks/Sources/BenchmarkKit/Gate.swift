internal import CBenchmarkSupport

/// A number that only grows, and that threads wait for. One system call wakes all that wait.
@safe
public final class Gate: @unchecked Sendable {
  // All access to it is atomic.
  private let gate: OpaquePointer

  /// A gate at 0.
  public init() {
    guard let gate = unsafe benchmark_gate_open() else { fatalError("no memory for a gate") }
    unsafe self.gate = gate
  }

  deinit { unsafe benchmark_gate_close(gate) }

  /// The number. Setting it wakes nobody yet.
  public var value: UInt32 {
    get { unsafe benchmark_gate_value(gate) }
    set { unsafe benchmark_gate_set(gate, newValue) }
  }

  /// Wakes all that wait.
  public func wakeAll() { unsafe benchmark_gate_wake(gate) }

  /// Returns once the number is another one than `value`; at once where it is already.
  public func wait(while value: UInt32) { unsafe benchmark_gate_wait(gate, value) }
}
