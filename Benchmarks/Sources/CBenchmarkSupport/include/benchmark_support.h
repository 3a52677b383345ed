#pragma once
#include <stdint.h>

/// Begins (not 0) or ends (0) counting the allocations of all threads.
void benchmark_count_allocations(int32_t on);

/// The allocations counted since the process began.
uint64_t benchmark_allocations(void);
