#pragma once
#include <stddef.h>
#include <stdint.h>
#include "strata_io.h"

/// The CRC32C (Castagnoli) of `length` bytes at `data`, going on from `crc`, which is the finished CRC of the
/// bytes before them (0 at the start). The result is finished too.
uint32_t strata_crc32c(uint32_t crc, const void *data, size_t length);
