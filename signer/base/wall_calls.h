/* The part of the wall that is made of system calls: wall.c raises it last. */
#pragma once

#include "signer/base/wall.h"

/* Allows this process the calls that its role needs, and no others: one that is made all the same ends the process
 * with ENS_BUG and a line with its number, as the limit on processor time does with ENS_RESOURCE. `*ret_stands` false if the kernel refuses filters. ENS_RESOURCE. */
bool wall_calls_raise(enum wall_role role, bool *ret_stands, struct ens_err *err) ENS_MUST_CHECK;
