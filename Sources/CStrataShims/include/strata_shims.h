#pragma once
#include <stddef.h>
#include <stdint.h>
#include "strata_crc32c.h"
#include "strata_io.h"
