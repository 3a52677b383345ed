// CRC32C by folding 64 bytes with two carry-less multiplications of AVX-512 (VPCLMULQDQ): V. Gopal and
// others, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel 2009, with four
// 128-bit values in each register and several registers in flight.
//
// A 128-bit value V = low * x^64 + high (the order of bits is reflected, so the low half has the higher
// powers) moved over n bits is low * x^(n + 64) + high * x^n. A carry-less product of reflected values has an
// extra factor of x, so the constants are x^(n + 63) and x^(n - 1), each in the upper half of 64 bits.

#include "crc32c_variants.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,avx512bw,vpclmulqdq")))

/// Below this many bytes the crc32 instruction alone is faster.
enum { shortest_fold = 128 };

/// The pairs of constants that move each 128-bit value: over four registers, over one, and each of the four
/// values of one register to the place of the last.
static uint64_t fold_by_256_bytes[8] __attribute__((aligned(64)));
static uint64_t fold_by_64_bytes[8] __attribute__((aligned(64)));
static uint64_t fold_to_last[8] __attribute__((aligned(64)));

bool crc32c_avx512_supported(void) {
  __builtin_cpu_init();
  return crc32c_sse42_supported() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("vpclmulqdq");
}

static void set_constants(uint64_t pair[2], uint64_t bits) {
  pair[0] = (uint64_t)crc32c_power_of_x(bits + 63) << 32;
  pair[1] = (uint64_t)crc32c_power_of_x(bits - 1) << 32;
}

void crc32c_avx512_prepare(void) {
  for (int lane = 0; lane < 4; lane++) {
    set_constants(fold_by_256_bytes + 2 * lane, 8 * 256);
    set_constants(fold_by_64_bytes + 2 * lane, 8 * 64);
    if (lane < 3) set_constants(fold_to_last + 2 * lane, 8 * 16 * (3 - (uint64_t)lane));
  }
}

AVX512 static inline __m512i fold(__m512i value, __m512i constants, __m512i onto) {
  __m512i low = _mm512_clmulepi64_epi128(value, constants, 0x00);
  __m512i high = _mm512_clmulepi64_epi128(value, constants, 0x11);
  return _mm512_ternarylogic_epi64(low, high, onto, 0x96);  // the exclusive or of all three
}

AVX512 uint32_t crc32c_avx512_variant(uint32_t crc, const void *data, size_t length) {
  if (length < shortest_fold) return crc32c_sse42_variant(crc, data, length);
  const uint8_t *next = data;
  __m512i start = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc));
  __m512i a = _mm512_xor_si512(_mm512_loadu_si512(next), start);
  const __m512i by64 = _mm512_load_si512(fold_by_64_bytes);
  if (length >= 256) {
    __m512i b = _mm512_loadu_si512(next + 64);
    __m512i c = _mm512_loadu_si512(next + 128);
    __m512i d = _mm512_loadu_si512(next + 192);
    next += 256;
    length -= 256;
    const __m512i by256 = _mm512_load_si512(fold_by_256_bytes);
    for (; length >= 256; length -= 256, next += 256) {
      a = fold(a, by256, _mm512_loadu_si512(next));
      b = fold(b, by256, _mm512_loadu_si512(next + 64));
      c = fold(c, by256, _mm512_loadu_si512(next + 128));
      d = fold(d, by256, _mm512_loadu_si512(next + 192));
    }
    a = fold(fold(fold(a, by64, b), by64, c), by64, d);
  } else {
    next += 64;
    length -= 64;
  }
  for (; length >= 64; length -= 64, next += 64) {
    a = fold(a, by64, _mm512_loadu_si512(next));
  }
  // The last of the four values stays where it is: its constants are zero.
  const __m512i to_last = _mm512_load_si512(fold_to_last);
  __m512i last = _mm512_maskz_mov_epi64(0xC0, a);
  __m512i four = fold(a, to_last, last);
  __m256i two = _mm256_xor_si256(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64(four, 1));
  __m128i one = _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
  uint64_t value = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(one));
  value = _mm_crc32_u64(value, (uint64_t)_mm_extract_epi64(one, 1));
  uint32_t result = ~(uint32_t)value;
  return length == 0 ? result : crc32c_sse42_variant(result, next, length);
}

#endif
