#pragma once

// CRC32C (Castagnoli), the checksum of Kafka's record batches: polynomial 0x1EDC6F41, reflected, register and
// result inverted. RFC 3720, appendix B.4, has test vectors.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The checksum of `length` bytes that follow on bytes whose checksum is `crc`; 0 where there are none
/// before. So calls chain: crc32c(crc32c(0, "1234", 4), "56789", 5) == crc32c(0, "123456789", 9) ==
/// 0xE3069283. Takes the fastest variant that this processor has. May be called from any thread; `data` may
/// be null where `length` is 0.
uint32_t strata_crc32c(uint32_t crc, const void *data, size_t length);

/// The name of the variant that `strata_crc32c` takes.
const char *strata_crc32c_implementation(void);

/// How many variants this processor can run: at least the portable one, which is number 0; the one that
/// `strata_crc32c` takes is the last. For tests and benchmarks, which compare them.
int strata_crc32c_variant_count(void);

/// The name of variant `number`: "portable", "sse4.2", "avx512", "armv8".
const char *strata_crc32c_variant_name(int number);

/// As `strata_crc32c`, by variant `number`.
uint32_t strata_crc32c_by_variant(int number, uint32_t crc, const void *data, size_t length);

#ifdef __cplusplus
}
#endif
