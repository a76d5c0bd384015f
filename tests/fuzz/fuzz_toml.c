/* Fuzz target: TOML, of the version that the first byte says. Whatever is accepted is a tree in which each member is found
 * by its key, and each value lies in its bounds; 1.1 takes what 1.0 takes. */
#include <stdint.h>
#include <stdlib.h>

#include "signer/base/mem.h"
#include "signer/base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_value(const struct toml_value *v, unsigned depth, size_t *values)
{
    must(depth <= TOML_DEPTH_MAX && ++*values <= TOML_VALUES_MAX);
    must(v->type != TOML_BOOLEAN || v->number == 0 || v->number == 1);
    must(v->type == TOML_TABLE || v->type == TOML_ARRAY || toml_first(v) == NULL);
    for (const struct toml_value *m = toml_first(v); m != NULL; m = toml_next(m)) {
        bool has_path = v->type == TOML_TABLE && memchr(m->key.data, '.', m->key.len) == NULL &&
                        memchr(m->key.data, '\0', m->key.len) == NULL;
        char path[64] = "";

        if (has_path && m->key.len < sizeof path) {
            memcpy(path, m->key.data, m->key.len);
            must(toml_get(v, path) == m);
        }
        check_value(m, depth + 1, values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(toml_freep) struct toml *t = NULL;
    ENS_CLEANUP(toml_freep) struct toml *newer = NULL;
    struct ens_err err = {0};
    size_t values = 0;

    if (size == 0)
        return 0;
    struct view text = view_of(data + 1, size - 1);
    bool ok = toml_parse(text, "a", data[0] % 2 == 0 ? TOML_1_0 : TOML_1_1, &t, &err);

    must(ok == (t != NULL) && (ok || err.code == ENS_DATA));
    must(!ok || toml_parse(text, "a", TOML_1_1, &newer, &err));
    if (ok)
        check_value(toml_root(t), 0, &values);
    return 0;
}
