// CRC32C eight bytes a step by tables ("slicing by 8": M. E. Kounavis and F. L. Berry, A Systematic Approach
// to Building High Performance Software-based CRC Generators, ISCC 2005), for processors without an
// instruction for it.

#include "crc32c_variants.h"

uint32_t crc32c_tables[8][256];

void crc32c_portable_prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) {
      value = (value >> 1) ^ (CRC32C_POLYNOMIAL & (0 - (value & 1)));
    }
    crc32c_tables[0][byte] = value;
  }
  for (int row = 1; row < 8; row++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t before = crc32c_tables[row - 1][byte];
      crc32c_tables[row][byte] = crc32c_tables[0][before & 0xFF] ^ (before >> 8);
    }
  }
}

uint32_t crc32c_portable_variant(uint32_t crc, const void *data, size_t length) {
  const uint8_t *next = data;
  uint32_t value = ~crc;
  for (; length >= 8; length -= 8, next += 8) {
    uint64_t word = crc32c_load64(next);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    // The upper half does not wait for the step before.
    uint32_t upper = (crc32c_tables[3][(word >> 32) & 0xFF] ^ crc32c_tables[2][(word >> 40) & 0xFF]) ^
                     (crc32c_tables[1][(word >> 48) & 0xFF] ^ crc32c_tables[0][word >> 56]);
    value ^= (uint32_t)word;
    value = ((crc32c_tables[7][value & 0xFF] ^ crc32c_tables[6][(value >> 8) & 0xFF]) ^
             (crc32c_tables[5][(value >> 16) & 0xFF] ^ crc32c_tables[4][value >> 24])) ^
            upper;
  }
  for (; length > 0; length--, next++) {
    value = crc32c_tables[0][(value ^ *next) & 0xFF] ^ (value >> 8);
  }
  return ~value;
}
