#pragma once
#include <stddef.h>
#include <stdint.h>

/// The system's words for `code`, zero-terminated and cut to `capacity` bytes. Safe from any thread.
void strata_error_text(int32_t code, char *buffer, size_t capacity);

#ifdef __linux__
/// Sleeps while `*word` is `value`, until a wake-up on `word`. `deadline` is in nanoseconds of
/// CLOCK_MONOTONIC; a negative one is never. Returns 0 or an errno: EAGAIN where the word differed already,
/// EINTR, ETIMEDOUT.
int32_t strata_futex_wait(const void *word, uint32_t value, int64_t deadline);

/// Wakes at most `count` of those who sleep on `word`.
void strata_futex_wake(const void *word, int32_t count);
#endif
