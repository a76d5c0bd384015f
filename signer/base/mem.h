/* Memory: the only file that calls the malloc family, so that running out of memory has one shape. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "signer/base/err.h"

/* Runs `release` on the variable when it leaves scope. Releases accept NULL and half-built objects. */
#define ENS_CLEANUP(release) __attribute__((cleanup(release)))

/* Hands an owning pointer over: yields its value and leaves NULL behind. */
#define ens_take(pointer)                                                                                    \
    __extension__({                                                                                          \
        __auto_type taken_ = (pointer);                                                                      \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

/* `count` * `size` zeroed bytes, or NULL with ENS_RESOURCE. The caller owns them: mem_free. */
void *mem_alloc(size_t count, size_t size, struct ens_err *err) ENS_MUST_CHECK;

/* `size` bytes with no content, for whoever writes before reading: large pieces are not zeroed for nothing.
 * NULL with ENS_RESOURCE. The caller owns them: mem_free. */
void *mem_room(size_t size, struct ens_err *err) ENS_MUST_CHECK;

/* Grows `*block` to `count` * `size` bytes; the old content is kept, the new part is not zeroed.
 * On failure `*block` is as it was. */
bool mem_grow(void **block, size_t count, size_t size, struct ens_err *err) ENS_MUST_CHECK;

/* A terminated copy of `len` bytes of `text`; NULL with ENS_RESOURCE. */
char *mem_strndup(const char *text, size_t len, struct ens_err *err) ENS_MUST_CHECK;
char *mem_strdup(const char *text, struct ens_err *err) ENS_MUST_CHECK;

/* A formatted, allocated string; NULL with ENS_RESOURCE. */
char *mem_printf(struct ens_err *err, const char *fmt, ...) ENS_PRINTF(2, 3) ENS_MUST_CHECK;

/* Releases what the functions above gave; NULL is fine. */
void mem_free(void *block);

/* For ENS_CLEANUP on a char * or uint8_t * or any other object pointer. */
void mem_freep(void *pointer_to_pointer);
