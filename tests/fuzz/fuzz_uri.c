/* Fuzz target: RFC 7512 URIs. Whatever is accepted must be one that ensign can write again and read back
 * with the same values, and no error may hold more than one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/uri.h"
#include "signer/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the path attributes of `uri` that have a text, in the order of the table. */
static char *write_again(const struct hsm_uri *uri)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct ens_err err = {0};
    bool ok = buf_append(&b, view_of_string("pkcs11:"), &err);

    for (size_t i = 0; ok && i <= URI_TYPE; i++) {
        struct view v;

        if (uri_get(uri, (enum uri_attr)i, &v))
            ok = uri_put(&b, (enum uri_attr)i, v, &err);
    }
    return ok ? mem_strndup((const char *)b.data, b.len, &err) : NULL;
}

static void check(const struct hsm_uri *uri)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *again = NULL;
    ENS_CLEANUP(mem_freep) char *text = write_again(uri);
    struct ens_err err = {0};

    /* What was short in a lenient encoding may be too long when all of it is percent-encoded. */
    if (text == NULL || strlen(text) > URI_MAX)
        return;
    if (!hsm_uri_parse(text, &again, &err))
        abort();
    for (size_t i = 0; i <= URI_TYPE; i++) {
        struct view first = {0};
        struct view second = {0};

        if (uri_get(uri, (enum uri_attr)i, &first) != uri_get(again, (enum uri_attr)i, &second) ||
            !view_equal(first, second) || !uri_matches(again, (enum uri_attr)i, first))
            abort();
    }
    if (hsm_uri_module_path(uri) != NULL && hsm_uri_module_path(uri)[0] != '/')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    ENS_CLEANUP(mem_freep) char *text = NULL;
    struct ens_err err = {0};

    text = mem_strndup((const char *)data, size, &err);
    if (text == NULL)
        return 0;
    if (hsm_uri_parse(text, &uri, &err))
        check(uri);
    else if (uri != NULL || err.code != ENS_USAGE || strchr(err.msg, '\n') != NULL)
        abort();
    return 0;
}
