/* test_hsm_keygen.c on the side that has the module. */
#include "tests/hsm/inside.h"

#include "tests/unit/test_hsm_keygen.c"
