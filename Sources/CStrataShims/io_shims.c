// What StrataIO needs of the system and Swift cannot import: a variadic call, and a function with two
// signatures under one name.

// With _GNU_SOURCE, strerror_r returns a pointer that may or may not be the buffer. The POSIX one is wanted.
#undef _GNU_SOURCE
#define _DEFAULT_SOURCE

#include "strata_io.h"

#include <stdio.h>
#include <string.h>

void strata_error_text(int32_t code, char *buffer, size_t capacity) {
  if (capacity == 0) return;
  buffer[0] = 0;
  (void)strerror_r(code, buffer, capacity);
  buffer[capacity - 1] = 0;
  if (buffer[0] == 0) snprintf(buffer, capacity, "error %d", (int)code);
}

#ifdef __linux__
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int32_t strata_futex_wait(const void *word, uint32_t value, int64_t deadline) {
  struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
  // The BITSET form takes a moment instead of a duration, so an interrupted sleep is simply begun again.
  long result = syscall(
      SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, deadline < 0 ? NULL : &until, NULL,
      FUTEX_BITSET_MATCH_ANY);
  return result == 0 ? 0 : errno;
}

void strata_futex_wake(const void *word, int32_t count) {
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}
#endif
