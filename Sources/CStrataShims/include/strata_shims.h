#pragma once
#include <stddef.h>
#include <stdint.h>
#include "strata_io.h"
