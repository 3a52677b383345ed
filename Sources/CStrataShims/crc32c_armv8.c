// CRC32C by the instruction that ARMv8.1 requires and most ARMv8.0 processors have.

#include "crc32c_variants.h"

#if defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

#if defined(__clang__)
#define ARM_CRC __attribute__((target("crc")))
#else
#define ARM_CRC __attribute__((target("+crc")))
#endif

#include <arm_acle.h>

bool crc32c_armv8_supported(void) {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
  return false;
#endif
}

ARM_CRC uint32_t crc32c_armv8_variant(uint32_t crc, const void *data, size_t length) {
  const uint8_t *next = data;
  uint32_t value = ~crc;
  for (; length >= 8; length -= 8, next += 8) {
    uint64_t word = crc32c_load64(next);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    value = __crc32cd(value, word);
  }
  for (; length > 0; length--, next++) {
    value = __crc32cb(value, *next);
  }
  return ~value;
}

#endif
