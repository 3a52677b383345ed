// CRC32C by the crc32 instruction of SSE4.2, on three lanes at once, because the instruction takes three
// cycles but one can start every cycle. The lanes are put together by carry-less multiplication: V. Gopal and
// others, Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction, Intel 2011; Mark Adler's
// crc32c.c showed the way of three lanes in C. Written anew from the mathematics below.
//
// A checksum register A moved over n further zero bits is A * x^n modulo the polynomial. In the reflected
// order of bits a carry-less product carries an extra factor of x, and the crc32 instruction that reduces its
// 64 bits multiplies by x^32; so the constant for n bits is x^(n - 33).

#include "crc32c_variants.h"

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

/// The longest lane, in words of eight bytes. Longer ones gain nothing, and the table below grows with it.
enum { longest_lane = 128 };

/// Below this many bytes the lanes cost more than they gain.
enum { shortest_split = 192 };

/// Element n: the constant that moves a register over n words, x^(64 n - 33).
static uint32_t shift_by_words[2 * longest_lane + 1];

bool crc32c_sse42_supported(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

void crc32c_sse42_prepare(void) {
  uint32_t power = crc32c_power_of_x(64 - 33);
  for (int words = 1; words <= 2 * longest_lane; words++) {
    shift_by_words[words] = power;
    for (int byte = 0; byte < 8; byte++) {
      power = crc32c_tables[0][power & 0xFF] ^ (power >> 8);
    }
  }
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t multiply(uint64_t crc, uint32_t constant) {
  __m128i value = _mm_cvtsi64_si128((int64_t)crc);
  __m128i product = _mm_clmulepi64_si128(value, _mm_cvtsi32_si128((int)constant), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("sse4.2,pclmul")))
uint32_t crc32c_sse42_variant(uint32_t crc, const void *data, size_t length) {
  const uint8_t *next = data;
  uint64_t value = (uint32_t)~crc;
  while (length >= shortest_split) {
    size_t words = length / 24;
    if (words > longest_lane) words = longest_lane;
    const uint8_t *second = next + 8 * words, *third = second + 8 * words;
    const uint8_t *end = second - 8;
    uint64_t b = 0, c = 0;
    for (; next < end; next += 8, second += 8, third += 8) {
      value = _mm_crc32_u64(value, crc32c_load64(next));
      b = _mm_crc32_u64(b, crc32c_load64(second));
      c = _mm_crc32_u64(c, crc32c_load64(third));
    }
    value = _mm_crc32_u64(value, crc32c_load64(next));
    b = _mm_crc32_u64(b, crc32c_load64(second));
    // The two products are reduced by the instruction that the third lane's last word needs anyway.
    uint64_t last = crc32c_load64(third) ^ multiply(value, shift_by_words[2 * words]) ^
                    multiply(b, shift_by_words[words]);
    value = _mm_crc32_u64(c, last);
    next = third + 8;
    length -= 24 * words;
  }
  for (; length >= 8; length -= 8, next += 8) {
    value = _mm_crc32_u64(value, crc32c_load64(next));
  }
  uint32_t rest = (uint32_t)value;
  if (length & 4) {
    uint32_t word;
    memcpy(&word, next, sizeof word);
    rest = _mm_crc32_u32(rest, word);
    next += 4;
  }
  if (length & 2) {
    uint16_t word;
    memcpy(&word, next, sizeof word);
    rest = _mm_crc32_u16(rest, word);
    next += 2;
  }
  if (length & 1) rest = _mm_crc32_u8(rest, *next);
  return ~rest;
}

#endif
