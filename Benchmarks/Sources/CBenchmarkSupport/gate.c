// A gate: the futex's word, and nothing else.
#define _GNU_SOURCE
#include "benchmark_gate.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct benchmark_gate {
  // Alone on its line of the cache.
  _Alignas(64) atomic_uint value;
};

benchmark_gate *benchmark_gate_open(void) {
  benchmark_gate *gate = aligned_alloc(64, sizeof(benchmark_gate));
  if (gate != NULL) atomic_init(&gate->value, 0);
  return gate;
}

void benchmark_gate_close(benchmark_gate *gate) { free(gate); }

uint32_t benchmark_gate_value(const benchmark_gate *gate) {
  return atomic_load_explicit(&gate->value, memory_order_acquire);
}

void benchmark_gate_set(benchmark_gate *gate, uint32_t value) {
  atomic_store_explicit(&gate->value, value, memory_order_release);
}

void benchmark_gate_wake(benchmark_gate *gate) {
  syscall(SYS_futex, &gate->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void benchmark_gate_wait(benchmark_gate *gate, uint32_t value) {
  // Comes back early by a signal or for no reason: the number decides.
  while (atomic_load_explicit(&gate->value, memory_order_acquire) == value)
    syscall(SYS_futex, &gate->value, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
