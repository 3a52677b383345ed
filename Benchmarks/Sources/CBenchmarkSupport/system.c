// What the instrument needs of the system and Swift cannot import: variadic calls, and a structure that is
// returned by value.
#define _GNU_SOURCE
#include "benchmark_support.h"

#include <linux/futex.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t benchmark_heap_bytes(void) {
  struct mallinfo2 info = mallinfo2();
  return (uint64_t)info.uordblks + (uint64_t)info.hblkhd;
}

void benchmark_sleep_until(int64_t nanoseconds) {
  // Of this thread alone; the kernel's own 50 microseconds would be part of every latency.
  static _Thread_local int is_exact;
  if (!is_exact) {
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    is_exact = 1;
  }
  struct timespec until = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
  }
}

void benchmark_futex_wait(const void *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void benchmark_futex_wake(const void *word) {
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL, NULL, 0);
}
