#pragma once

// What the files of the checksum share. Every `_variant` takes and returns finalised checksums, as
// `strata_crc32c` does; every `_supported` says whether this processor can run it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRC32C_HIDDEN __attribute__((visibility("hidden")))

/// The polynomial with its bits reflected: bit 31 - i is the coefficient of x^i.
#define CRC32C_POLYNOMIAL UINT32_C(0x82F63B78)

/// Row 0 is the checksum register after one byte; row k the same with k zero bytes behind it.
CRC32C_HIDDEN extern uint32_t crc32c_tables[8][256];

CRC32C_HIDDEN void crc32c_portable_prepare(void);
CRC32C_HIDDEN uint32_t crc32c_portable_variant(uint32_t crc, const void *data, size_t length);

#if defined(__x86_64__)
CRC32C_HIDDEN bool crc32c_sse42_supported(void);
CRC32C_HIDDEN void crc32c_sse42_prepare(void);
CRC32C_HIDDEN uint32_t crc32c_sse42_variant(uint32_t crc, const void *data, size_t length);

CRC32C_HIDDEN bool crc32c_avx512_supported(void);
CRC32C_HIDDEN void crc32c_avx512_prepare(void);
CRC32C_HIDDEN uint32_t crc32c_avx512_variant(uint32_t crc, const void *data, size_t length);
#endif

#if defined(__aarch64__)
CRC32C_HIDDEN bool crc32c_armv8_supported(void);
CRC32C_HIDDEN uint32_t crc32c_armv8_variant(uint32_t crc, const void *data, size_t length);
#endif

/// x^n modulo the polynomial, reflected. With n counted in whole bytes and a rest.
static inline uint32_t crc32c_power_of_x(uint64_t n) {
  uint32_t power = UINT32_C(1) << 31;  // x^0
  for (uint64_t bytes = n / 8; bytes > 0; bytes--) {
    power = crc32c_tables[0][power & 0xFF] ^ (power >> 8);
  }
  for (uint64_t bits = n % 8; bits > 0; bits--) {
    power = (power >> 1) ^ (CRC32C_POLYNOMIAL & (0 - (power & 1)));
  }
  return power;
}

static inline uint64_t crc32c_load64(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}
