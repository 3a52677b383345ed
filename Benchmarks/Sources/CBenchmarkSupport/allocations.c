// Takes malloc's place in the executable: every allocation of the process, the Swift runtime's included,
// comes through here, and goes on to the C library. Only calls that take memory are counted; free stays as
// it is.
#include "benchmark_support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static atomic_uint_fast64_t allocations;
static atomic_int counting;

void benchmark_count_allocations(int32_t on) {
  atomic_store_explicit(&counting, on != 0, memory_order_seq_cst);
}

uint64_t benchmark_allocations(void) {
  return atomic_load_explicit(&allocations, memory_order_seq_cst);
}

#if defined(__linux__) && defined(__GLIBC__)
#define WITH_COUNTER 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
// They have a malloc of their own.
#undef WITH_COUNTER
#endif
#endif

#ifdef WITH_COUNTER
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static inline void count(void) {
  if (__builtin_expect(atomic_load_explicit(&counting, memory_order_relaxed), 0))
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  count();
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *result = __libc_memalign(alignment, size);
  if (result == NULL) return ENOMEM;
  *memory = result;
  return 0;
}
#endif
