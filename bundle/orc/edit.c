/* Edits of a bundle: each makes a new state of the one before, and one that fails leaves
 * everything as it was. */
#include "bundle/orc/bundle.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle/orc/internal.h"
#include "bundle/orc/pipe.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

/* Makes the edited manifest, and the files that come with it, the newest state. */
static bool edit(struct bundle *b, struct manifest **m, struct state_added *added, size_t len,
                 struct ens_err *err)
{
    struct state *s = NULL;

    if (!state_edit(b->now, m, added, len, &s, err))
        return ens_wrap(err, "%s", b->label);
    s->previous = b->now;
    b->now = s;
    return true;
}

bool bundle_set_signature(struct bundle *b, const char *id, struct view sigstruct, struct ens_err *err)
{
    ENS_CLEANUP(manifest_freep) struct manifest *m = NULL;
    ENS_CLEANUP(state_added_free) struct state_added file = {0};
    const struct bundle_component *c = NULL;
    uint8_t digest[DIGEST_SIZE];

    if (!bundle_find_sgx(b, id, &c, err) || !buf_append(&file.bytes, sigstruct, err) ||
        !digest_of(DIGEST_SHA512_256, sigstruct, digest, err))
        return false;
    size_t index = (size_t)(c - b->now->info.components);

    if (!state_signature_name(b->now, c, &file.name, err) ||
        !manifest_set_signature(b->now->manifest, index, file.name, digest, &m, err))
        return ens_wrap(err, "%s", b->label);
    return edit(b, &m, &file, 1, err);
}

bool bundle_edit_identities(struct bundle *b, const char *id, const enum bundle_identity_edit *edits,
                            const uint8_t enclave[static 64], struct ens_err *err)
{
    ENS_CLEANUP(manifest_freep) struct manifest *m = NULL;
    const struct bundle_component *c = NULL;

    if (!bundle_find_sgx(b, id, &c, err))
        return false;
    if (c->identities_len == 0)
        return true;
    size_t index = (size_t)(c - b->now->info.components);

    if (!manifest_edit_identities(b->now->manifest, index, edits, enclave, &m, err))
        return ens_wrap(err, "%s", b->label);
    return edit(b, &m, NULL, 0, err);
}

/* ---- a component more ---- */

static bool put_into_digest(void *ctx, struct view piece, struct ens_err *err)
{
    return digest_update(ctx, piece, err);
}

/* The file's size; it must be one that can be read twice. */
static bool examine(const struct bundle_input *in, struct archive_input *ret, struct ens_err *err)
{
    struct stat st;

    if (fstat(in->fd, &st) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "cannot be examined");
    if (!S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT, "is not a regular file, and it is read twice: name a file");
    if (st.st_size == 0)
        return ens_fail(err, ENS_DATA, "is empty: name the file that was built");
    if ((uint64_t)st.st_size > BUNDLE_ENTRY_MAX)
        return ens_fail(err, ENS_DATA, "has %llu bytes, more than the limit of %llu: make a smaller file",
                        (unsigned long long)st.st_size, BUNDLE_ENTRY_MAX);
    *ret = (struct archive_input){.path = in->path, .fd = in->fd, .size = (uint64_t)st.st_size};
    return true;
}

/* The files of a component that is to be added, and their digests, in the same order. */
struct gathering {
    struct state_added files[STATE_ADDED_MAX];
    struct manifest_digest digests[STATE_ADDED_MAX];
    size_t len;
};

static void gathering_free(struct gathering *g)
{
    for (size_t i = 0; i < g->len; i++)
        state_added_free(&g->files[i]);
}

/* Begins the next file, "<id><suffix>"; nothing in the bundle has that name. */
static bool name_file(const struct bundle *b, struct gathering *g, const char *id, const char *suffix,
                      struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *name = mem_printf(err, "%s%s", id, suffix);

    if (name == NULL)
        return false;
    if (state_find(b->now, name) != NULL)
        return ens_fail(
            err, ENS_DATA,
            "%s: has a file %s already, which the new component would replace: rebuild the bundle "
            "without it",
            b->label, name);
    g->digests[g->len].name = name;
    g->files[g->len++].name = ens_take(name);
    return true;
}

static bool gather_input(const struct bundle *b, struct gathering *g, const char *id, const char *suffix,
                         const struct bundle_input *in, struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *digest = NULL;

    if (!name_file(b, g, id, suffix, err) || !digest_new(DIGEST_SHA512_256, &digest, err))
        return false;
    struct archive_input *input = &g->files[g->len - 1].input;
    const struct sink sink = {put_into_digest, digest};

    if (!examine(in, input, err) || !pipe_pour(in->fd, input->size, &sink, err))
        return ens_wrap(err, "%s", in->path);
    return digest_final(digest, g->digests[g->len - 1].digest, err);
}

static bool gather_bytes(const struct bundle *b, struct gathering *g, const char *id, const char *suffix,
                         struct view bytes, struct ens_err *err)
{
    return name_file(b, g, id, suffix, err) && buf_append(&g->files[g->len - 1].bytes, bytes, err) &&
           digest_of(DIGEST_SHA512_256, bytes, g->digests[g->len - 1].digest, err);
}

static bool check_free(const struct bundle *b, const char *id, struct ens_err *err)
{
    for (size_t i = 0; i < b->now->info.components_len; i++) {
        const struct bundle_component *c = &b->now->info.components[i];

        if (strcmp(c->id, id) != 0)
            continue;
        return ens_fail(err, ENS_DATA, "%s: has a component %s already%s: name another, or make a new bundle",
                        b->label, id,
                        c->legacy ? ", the older executable or sgx at the top level of its manifest" : "");
    }
    return true;
}

bool bundle_add_component(struct bundle *b, const struct bundle_addition *add, struct ens_err *err)
{
    ENS_CLEANUP(manifest_freep) struct manifest *m = NULL;
    ENS_CLEANUP(gathering_free) struct gathering g = {0};
    bool rofl = strncmp(add->id, "rofl.", 5) == 0;
    struct manifest_addition entry = {.kind = rofl ? "rofl" : "ronl", .elf_metadata = add->elf_metadata};

    if (!bundle_check_component_id(add->id, err) || !check_free(b, add->id, err) ||
        !gather_input(b, &g, add->id, ".elf", &add->elf, err) ||
        (add->sgxs != NULL && !gather_input(b, &g, add->id, ".sgx", add->sgxs, err)) ||
        (add->sigstruct.len > 0 && !gather_bytes(b, &g, add->id, ".sgx.sig", add->sigstruct, err)))
        return false;
    entry.name = rofl ? add->id + 5 : NULL;
    entry.executable = g.files[0].name;
    entry.sgx_executable = g.len > 1 ? g.files[1].name : NULL;
    entry.sgx_signature = g.len > 2 ? g.files[2].name : NULL;
    entry.digests = g.digests;
    entry.digests_len = g.len;
    if (!manifest_add_component(b->now->manifest, &entry, &m, err))
        return ens_wrap(err, "%s", b->label);
    return edit(b, &m, g.files, g.len, err);
}
