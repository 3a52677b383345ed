// Which variant of CRC32C this processor runs.
//
// GB/s of unaligned bytes in the cache, best of seven, on a 3 GHz Sapphire Rapids core, where a memory copy
// of 100 KiB reaches 42 GB/s and the crc32 instruction cannot exceed 24:
//
//                64 B   128 B   1 KiB   16 KiB   100 KiB
//   portable      3.6     3.0     2.1      2.2       2.2
//   sse4.2         20      22      23       24        23
//   avx512         20      34      84       91        70
//
// Running the crc32 instruction beside the folding would add at most a quarter, and only within the
// first-level cache; it was left out for being more code than that is worth.

#include "crc32c_variants.h"
#include "strata_crc32c.h"

typedef uint32_t (*crc32c_function)(uint32_t crc, const void *data, size_t length);

struct variant {
  const char *name;
  crc32c_function function;
};

// Written once, by the constructor below, before `main` and so before any second thread: no lock, no atomic.
static struct variant variants[3];
static int variant_count;

/// Bit by bit, for a call that comes before the constructor, from another one's.
static uint32_t bitwise(uint32_t crc, const void *data, size_t length) {
  const uint8_t *next = data;
  uint32_t value = ~crc;
  for (; length > 0; length--, next++) {
    value ^= *next;
    for (int bit = 0; bit < 8; bit++) {
      value = (value >> 1) ^ (CRC32C_POLYNOMIAL & (0 - (value & 1)));
    }
  }
  return ~value;
}

static struct variant chosen = {"bitwise", bitwise};

static void add_variant(const char *name, crc32c_function function) {
  chosen = (struct variant){name, function};
  variants[variant_count++] = chosen;
}

/// From the slowest to the fastest. The tables and constants are computed here, in about 10 microseconds.
__attribute__((constructor)) static void prepare(void) {
  crc32c_portable_prepare();
  add_variant("portable", crc32c_portable_variant);
#if defined(__x86_64__)
  if (crc32c_sse42_supported()) {
    crc32c_sse42_prepare();
    add_variant("sse4.2", crc32c_sse42_variant);
  }
  if (crc32c_avx512_supported()) {
    crc32c_avx512_prepare();
    add_variant("avx512", crc32c_avx512_variant);
  }
#elif defined(__aarch64__)
  if (crc32c_armv8_supported()) add_variant("armv8", crc32c_armv8_variant);
#endif
}

uint32_t strata_crc32c(uint32_t crc, const void *data, size_t length) {
  return chosen.function(crc, data, length);
}

const char *strata_crc32c_implementation(void) { return chosen.name; }

int strata_crc32c_variant_count(void) { return variant_count; }

const char *strata_crc32c_variant_name(int number) { return variants[number].name; }

uint32_t strata_crc32c_by_variant(int number, uint32_t crc, const void *data, size_t length) {
  return variants[number].function(crc, data, length);
}
