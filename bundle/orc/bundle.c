/* A bundle that is opened or begun, what it says, and the streams of its files. */
#include "bundle/orc/bundle.h"

#include <string.h>

#include "bundle/orc/ahead.h"
#include "bundle/orc/internal.h"
#include "bundle/orc/pipe.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

void bundle_closep(struct bundle **b)
{
    if (*b == NULL)
        return;
    while ((*b)->now != NULL) {
        struct state *previous = (*b)->now->previous;

        state_freep(&(*b)->now);
        (*b)->now = previous;
    }
    archive_closep(&(*b)->archive);
    file_closep(&(*b)->own_fd);
    mem_free((*b)->label);
    mem_free(*b);
    *b = NULL;
}

/* ---- opening ---- */

static bool put_into_buf(void *ctx, struct view piece, struct ens_err *err)
{
    return buf_append(ctx, piece, err);
}

static bool read_manifest(struct bundle *b, struct manifest **ret, struct ens_err *err)
{
    const struct listing_entry *entry = &archive_listing(b->archive)->entries[0];
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (entry->size > BUNDLE_MANIFEST_MAX)
        return ens_fail_own(err, "has %llu bytes, more than the limit of %u: make a smaller bundle",
                            (unsigned long long)entry->size, BUNDLE_MANIFEST_MAX);
    return archive_read(b->archive, entry, &(struct sink){put_into_buf, &text}, err) &&
           manifest_parse(buf_view(&text), ret, err);
}

static bool first_state(struct bundle *b, struct ens_err *err)
{
    ENS_CLEANUP(manifest_freep) struct manifest *m = NULL;

    if (!read_manifest(b, &m, err))
        return ens_wrap(err, "manifest");
    return state_open(archive_listing(b->archive), &m, &b->now, err);
}

/* `own_fd` is taken; -1 if `fd` is the caller's. */
static bool open_bundle(int fd, int own_fd, bool as_core, const char *label, struct bundle **ret,
                        struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int owned = own_fd;
    ENS_CLEANUP(bundle_closep) struct bundle *b = mem_alloc(1, sizeof *b, err);

    if (b == NULL)
        return false;
    b->own_fd = owned;
    owned = -1;
    b->label = mem_strdup(label, err);
    if (b->label == NULL)
        return false;
    if (!(as_core ? archive_open_as_core : archive_open)(fd, &b->archive, err) || !first_state(b, err))
        return ens_wrap(err, "%s", label);
    *ret = ens_take(b);
    return true;
}

bool bundle_open(const char *path, struct bundle **ret, struct ens_err *err)
{
    int fd = -1;

    return file_open(path, &fd, err) && open_bundle(fd, fd, false, path, ret, err);
}

bool bundle_open_fd(int fd, const char *name_for_messages, struct bundle **ret, struct ens_err *err)
{
    return open_bundle(fd, -1, false, name_for_messages, ret, err);
}

bool bundle_open_as_core(int fd, const char *name_for_messages, struct bundle **ret, struct ens_err *err)
{
    return open_bundle(fd, -1, true, name_for_messages, ret, err);
}

int bundle_fd(const struct bundle *b)
{
    return b->own_fd;
}

bool bundle_new(const char *label, const char *name, const uint8_t id[static 32],
                struct bundle_version version, struct bundle **ret, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = mem_alloc(1, sizeof *b, err);
    ENS_CLEANUP(manifest_freep) struct manifest *m = NULL;
    const struct listing only_manifest = {.len = 1};

    if (b == NULL)
        return false;
    b->own_fd = -1;
    b->label = mem_strdup(label, err);
    if (b->label == NULL || !manifest_new(name, id, version, &m, err) ||
        !state_open(&only_manifest, &m, &b->now, err))
        return false;
    *ret = ens_take(b);
    return true;
}

/* ---- what is in it ---- */

const struct bundle_info *bundle_info(const struct bundle *b)
{
    return &b->now->info;
}

const char *bundle_label(const struct bundle *b)
{
    return b->label;
}

size_t bundle_files_len(const struct bundle *b)
{
    return b->now->files_len;
}

struct bundle_file bundle_file_at(const struct bundle *b, size_t index)
{
    const struct state_file *f = &b->now->files[index];
    struct bundle_file ret = {.name = f->name, .size = f->bytes.len, .packed_size = f->bytes.len};

    if (f->entry != NULL) {
        ret.size = f->entry->size;
        ret.packed_size = f->entry->packed;
    } else if (f->input != NULL) {
        ret.size = ret.packed_size = f->input->size;
    }
    memcpy(ret.digest, f->digest, sizeof ret.digest);
    return ret;
}

bool bundle_has_file(const struct bundle *b, const char *name)
{
    return state_find(b->now, name) != NULL;
}

size_t bundle_digests_len(const struct bundle *b)
{
    size_t len = 0;

    (void)manifest_digests(b->now->manifest, &len);
    return len;
}

struct bundle_digest bundle_digest_at(const struct bundle *b, size_t index)
{
    size_t len = 0;
    const struct manifest_digest *d = &manifest_digests(b->now->manifest, &len)[index];
    struct bundle_digest ret = {.name = d->name, .has_file = bundle_has_file(b, d->name)};

    memcpy(ret.digest, d->digest, sizeof ret.digest);
    return ret;
}

uint64_t bundle_size(const struct bundle *b)
{
    return b->archive == NULL ? 0 : archive_size(b->archive);
}

uint64_t bundle_manifest_size(const struct bundle *b)
{
    return b->archive == NULL ? 0 : archive_listing(b->archive)->entries[0].size;
}

bool bundle_manifest_hash(const struct bundle *b, uint8_t ret[static 32], struct ens_err *err)
{
    return manifest_hash(b->now->manifest, ret, err) || ens_wrap(err, "%s", b->label);
}

bool bundle_scheduler_check(const struct bundle *b, const struct bundle_reasons *reasons, struct ens_err *err)
{
    return manifest_scheduler(b->now->manifest, reasons, err);
}

/* The ids of all components that have SGX or, if not `sgx`, of all. */
static bool list_ids(const struct bundle_info *info, bool sgx, struct buf *ret, struct ens_err *err)
{
    for (size_t i = 0; i < info->components_len; i++) {
        const struct bundle_component *c = &info->components[i];

        if (sgx && c->tee != BUNDLE_TEE_SGX)
            continue;
        if (!buf_printf(ret, err, "%s%s", ret->len > 0 ? ", " : "", c->id))
            return false;
    }
    return ret->len > 0 || buf_printf(ret, err, "none");
}

static bool fail_find(const struct bundle *b, const char *id, size_t found, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf ids = {0};

    if (!list_ids(&b->now->info, found > 0, &ids, err))
        return false;
    int len = (int)(ids.len < 256 ? ids.len : 256);
    const char *text = (const char *)ids.data;

    if (id != NULL)
        return ens_fail(err, ENS_DATA, "%s: has no component %s with SGX: name one of its components: %.*s",
                        b->label, id, len, text);
    if (found == 0)
        return ens_fail(err, ENS_DATA, "%s: has no SGX component: name another bundle (components: %.*s)",
                        b->label, len, text);
    return ens_fail(err, ENS_DATA, "%s: has %zu SGX components: name one with --component: %.*s", b->label,
                    found, len, text);
}

bool bundle_find_sgx(const struct bundle *b, const char *id, const struct bundle_component **ret,
                     struct ens_err *err)
{
    const struct bundle_info *info = &b->now->info;
    const struct bundle_component *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < info->components_len; i++) {
        const struct bundle_component *c = &info->components[i];

        if (c->tee != BUNDLE_TEE_SGX || (id != NULL && strcmp(c->id, id) != 0))
            continue;
        found = c;
        count++;
    }
    if (count != 1)
        return fail_find(b, id, count, err);
    *ret = found;
    return true;
}

/* ---- streams ---- */

struct digesting {
    struct digest *digest;
    const struct sink *next; /* NULL: only the digest */
};

static bool put_digesting(void *ctx, struct view piece, struct ens_err *err)
{
    struct digesting *d = ctx;

    return digest_update(d->digest, piece, err) &&
           (d->next == NULL || d->next->put(d->next->ctx, piece, err));
}

static bool put_pieces(struct view v, const struct sink *sink, struct ens_err *err)
{
    for (size_t at = 0; at < v.len; at += FILE_PIECE) {
        size_t len = v.len - at < FILE_PIECE ? v.len - at : FILE_PIECE;

        if (!sink->put(sink->ctx, view_slice(v, at, len), err))
            return false;
    }
    return true;
}

/* One entry of the archive. */
struct reading {
    const struct archive *archive;
    const struct listing_entry *entry;
};

static bool pour_entry(void *ctx, const struct sink *sink, struct ens_err *err)
{
    const struct reading *r = ctx;

    return archive_read(r->archive, r->entry, sink, err);
}

/* The file's bytes, from wherever they are. */
static bool pour_file(const struct bundle *b, const struct state_file *f, const struct sink *sink,
                      struct ens_err *err)
{
    struct reading r = {b->archive, f->entry};

    if (f->entry != NULL)
        return ahead_pour(&(struct ahead_source){pour_entry, &r}, f->entry->size, sink, err);
    if (f->input != NULL)
        return pipe_pour(f->input->fd, f->input->size, sink, err);
    return put_pieces(f->bytes, sink, err);
}

static bool stream_file(const struct bundle *b, const struct state_file *f, const struct sink *sink,
                        struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *digest = NULL;
    uint8_t found[DIGEST_SIZE];

    if (!digest_new(DIGEST_SHA512_256, &digest, err))
        return false;
    struct digesting both = {digest, sink};
    struct sink through = {put_digesting, &both};

    if (!pour_file(b, f, &through, err) || !digest_final(digest, found, err))
        return false;
    if (memcmp(found, f->digest, sizeof found) != 0)
        return ens_fail(err, ENS_DATA,
                        "its SHA-512/256 is not the one in the manifest: get the bundle again, or "
                        "rebuild it");
    return true;
}

bool bundle_stream(const struct bundle *b, const char *name, const struct sink *sink, struct ens_err *err)
{
    const struct state_file *f = state_find(b->now, name);

    if (f == NULL)
        return ens_fail(err, ENS_DATA, "%s: has no file %s: name one that it has", b->label, name);
    if (!stream_file(b, f, sink, err))
        return ens_wrap(err, "%s: file %s", b->label, name);
    return true;
}
