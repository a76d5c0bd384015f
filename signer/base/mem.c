/* Memory: the only file that calls the malloc family. */
#include "signer/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* This file is the one that may (banned.h). */
#undef malloc
#undef calloc
#undef free

static bool out_of_memory(struct ens_err *err, size_t count, size_t size)
{
    return ens_fail(err, ENS_RESOURCE, "out of memory: %zu x %zu bytes: give ensign more memory and repeat",
                    count, size);
}

void *mem_alloc(size_t count, size_t size, struct ens_err *err)
{
    void *block = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

    if (block == NULL)
        (void)out_of_memory(err, count, size);
    return block;
}

void *mem_room(size_t size, struct ens_err *err)
{
    void *block = malloc(size > 0 ? size : 1);

    if (block == NULL)
        (void)out_of_memory(err, size, 1);
    return block;
}

bool mem_grow(void **block, size_t count, size_t size, struct ens_err *err)
{
    void *grown = reallocarray(*block, count > 0 ? count : 1, size > 0 ? size : 1);

    if (grown == NULL)
        return out_of_memory(err, count, size);
    *block = grown;
    return true;
}

char *mem_strndup(const char *text, size_t len, struct ens_err *err)
{
    if (len == SIZE_MAX) {
        (void)out_of_memory(err, len, 1);
        return NULL;
    }
    char *copy = mem_alloc(len + 1, 1, err);

    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *mem_strdup(const char *text, struct ens_err *err)
{
    return mem_strndup(text, strlen(text), err);
}

void mem_free(void *block)
{
    free(block);
}

void mem_freep(void *pointer_to_pointer)
{
    void *block = NULL;

    memcpy(&block, pointer_to_pointer, sizeof block);
    free(block);
}
