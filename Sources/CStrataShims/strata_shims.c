#include "strata_shims.h"
