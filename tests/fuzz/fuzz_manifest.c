/* Any bytes as a manifest. What is accepted is written, must be accepted again, and then be written the
 * same; the same after a signature was set. */
#include <stdint.h>
#include <stdlib.h>

#include "bundle/orc/manifest.h"
#include "signer/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The text of a manifest with all its digests. */
static struct buf text_of(const struct manifest *m)
{
    struct ens_err err = {0};
    struct buf text = {0};
    size_t len = 0;
    const struct manifest_digest *digests = manifest_digests(m, &len);
    const char **names = calloc(len + 1, sizeof *names);

    must(names != NULL);
    for (size_t i = 0; i < len; i++)
        names[i] = digests[i].name;
    must(manifest_write(m, names, len, &text, &err));
    free(names);
    return text;
}

/* Writes `m`, reads that, and writes it again. */
static void check_round_trip(const struct manifest *m)
{
    struct ens_err err = {0};
    struct manifest *again = NULL;
    struct buf one = text_of(m);

    if (one.len <= BUNDLE_MANIFEST_MAX) {
        must(manifest_parse(buf_view(&one), &again, &err));
        struct buf two = text_of(again);

        must(view_equal(buf_view(&one), buf_view(&two)));
        must(manifest_info(again)->components_len == manifest_info(m)->components_len);
        buf_free(&two);
    }
    manifest_freep(&again);
    buf_free(&one);
}

static void check_edits(const struct manifest *m)
{
    static const uint8_t zeros[64];
    struct ens_err err = {0};
    const struct bundle_info *info = manifest_info(m);

    for (size_t i = 0; i < info->components_len; i++) {
        struct manifest *edited = NULL;

        if (info->components[i].tee == BUNDLE_TEE_SGX) {
            must(manifest_set_signature(m, i, "a.sig", zeros, &edited, &err));
            check_round_trip(edited);
            manifest_freep(&edited);
        }
        if (info->components[i].identities_len > 0) {
            size_t len = info->components[i].identities_len;
            enum bundle_identity_edit *edits = calloc(len, sizeof *edits);

            must(edits != NULL);
            for (size_t j = 0; j < len; j++)
                edits[j] = (enum bundle_identity_edit)((i + j) % 3);
            must(manifest_edit_identities(m, i, edits, zeros, &edited, &err));
            free(edits);
            check_round_trip(edited);
            manifest_freep(&edited);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ens_err err = {0};
    struct manifest *m = NULL;

    if (!manifest_parse(view_of(data, size), &m, &err)) {
        must(err.code == ENS_DATA && m == NULL);
        return 0;
    }
    check_round_trip(m);
    check_edits(m);
    manifest_freep(&m);
    return 0;
}
