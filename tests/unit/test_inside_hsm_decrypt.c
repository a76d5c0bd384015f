/* test_hsm_decrypt.c on the side that has the module. */
#include "tests/hsm/inside.h"

#include "tests/unit/test_hsm_decrypt.c"
