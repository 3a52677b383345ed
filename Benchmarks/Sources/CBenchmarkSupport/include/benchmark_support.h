#pragma once
#include <stddef.h>
#include <stdint.h>

/// Begins (not 0) or ends (0) counting the allocations of all threads.
void benchmark_count_allocations(int32_t on);

/// The allocations counted since the process began.
uint64_t benchmark_allocations(void);

/// The bytes that are taken from malloc at the moment, those that it has mapped included.
uint64_t benchmark_heap_bytes(void);

/// Sleeps until the monotonic clock shows `nanoseconds`, without the slack that the kernel gives timers otherwise.
void benchmark_sleep_until(int64_t nanoseconds);

/// Sleeps while `*word` is `value`, or until somebody wakes who sleeps there.
void benchmark_futex_wait(const void *word, uint32_t value);

/// Wakes all who sleep on `word`.
void benchmark_futex_wake(const void *word);
