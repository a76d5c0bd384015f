/* Secrets (a PIN, a piece of a key): locked pages that are not dumped, wiped when their scope ends. */
#pragma once

#include <stddef.h>

#include "signer/base/bytes.h"

/* Longest secret in bytes; PKCS#11 modules take at most 500 (NSS), so this never limits. */
#define SECRET_MAX 1024

/* `data` is terminated by a zero byte that `len` does not count. Zero-initialise. */
struct secret {
    char *data;
    size_t len;
    size_t room; /* bytes that are mapped for it */
};

/* Room for SECRET_MAX bytes: mlocked, MADV_DONTDUMP. ENS_RESOURCE. */
bool secret_alloc(struct secret *ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same with room for `max` bytes, zeroed. */
bool secret_alloc_size(struct secret *ret, size_t max, struct ens_err *err) ENS_MUST_CHECK;

/* Wipes and releases; for ENS_CLEANUP and for wiping early. Safe on a zero-initialised secret. */
void secret_wipe(struct secret *s);
