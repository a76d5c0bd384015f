/* For clang's analyzer only (scripts/lint puts it in front of each file): it reads one file at a time and
 * cannot see that the functions which set an error always return false. */
#pragma once

#include "signer/base/err.h"
#include "signer/base/ossl.h"

#define ens_fail(...)       ((void)(ens_fail)(__VA_ARGS__), false)
#define ens_fail_errno(...) ((void)(ens_fail_errno)(__VA_ARGS__), false)
#define ens_wrap(...)       ((void)(ens_wrap)(__VA_ARGS__), false)
#define ossl_fail(...)      ((void)(ossl_fail)(__VA_ARGS__), false)
