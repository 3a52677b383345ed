#pragma once
#include <stdint.h>

/// A number that only grows, and that threads wait for, by futex: one call wakes all of them.
typedef struct benchmark_gate benchmark_gate;

/// A gate at 0; NULL without memory.
benchmark_gate *benchmark_gate_open(void);
void benchmark_gate_close(benchmark_gate *gate);

uint32_t benchmark_gate_value(const benchmark_gate *gate);

/// Sets the number, and wakes nobody.
void benchmark_gate_set(benchmark_gate *gate, uint32_t value);

/// Wakes all that wait.
void benchmark_gate_wake(benchmark_gate *gate);

/// Returns once the number is not `value`; at once where it is not.
void benchmark_gate_wait(benchmark_gate *gate, uint32_t value);
