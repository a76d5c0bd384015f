/* Writing a bundle: manifest first, files by name, the same content to the same bytes. */
#include "bundle/orc/bundle.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle/orc/internal.h"
#include "signer/base/mem.h"

static bool write_manifest(const struct state *s, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) const char **names = mem_alloc(s->files_len, sizeof *names, err);

    if (names == NULL)
        return false;
    for (size_t i = 0; i < s->files_len; i++)
        names[i] = s->files[i].name;
    if (!manifest_write(s->manifest, names, s->files_len, ret, err))
        return false;
    if (ret->len > BUNDLE_MANIFEST_MAX)
        return ens_fail(err, ENS_DATA,
                        "manifest: would have %zu bytes, more than the limit of %u: make a smaller bundle",
                        ret->len, BUNDLE_MANIFEST_MAX);
    return true;
}

/* Plans the entries of the new archive: the manifest, then the files; says if one of them comes from a file. */
static bool list_items(const struct state *s, struct view manifest, struct archive_item *ret)
{
    bool any = false;

    ret[0] = (struct archive_item){.name = LISTING_MANIFEST, .bytes = manifest};
    for (size_t i = 0; i < s->files_len; i++) {
        const struct state_file *f = &s->files[i];

        ret[i + 1] =
            (struct archive_item){.name = f->name, .entry = f->entry, .input = f->input, .bytes = f->bytes};
        any = any || f->input != NULL;
    }
    return any;
}

/* ---- files that deflate too well ---- */

struct packing {
    struct archive_item *items;
    bool again;
};

/* No reader takes an entry that grows beyond the limit; such a file is stored. */
static bool judge_packing(void *ctx, const struct directory_entry *e, struct ens_err *err)
{
    struct packing *p = ctx;
    struct archive_item *item = &p->items[e->index];

    (void)err;
    if (item->input != NULL && !item->store && !listing_ratio_fits(e->size, e->packed))
        p->again = item->store = true;
    return true;
}

static bool check_packing(int fd, struct archive_item *items, bool *ret_again, struct ens_err *err)
{
    struct packing p = {.items = items};
    struct directory d = {0};
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "cannot be examined");
    if (!directory_find(fd, (uint64_t)st.st_size, &d, err) ||
        !directory_walk(fd, &d, (struct directory_visitor){judge_packing, &p}, err))
        return false;
    if (p.again && ftruncate(fd, 0) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "cannot be emptied");
    *ret_again = p.again;
    return true;
}

bool bundle_write(struct bundle *b, struct file_out *out, struct ens_err *err)
{
    const struct state *s = b->now;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(mem_freep) struct archive_item *items = mem_alloc(s->files_len + 1, sizeof *items, err);
    bool again = false;

    if (items == NULL || !write_manifest(s, &text, err))
        return false;
    bool any = list_items(s, buf_view(&text), items);

    if (!file_out_create(out, err))
        return false;
    do {
        if (!archive_write(b->archive, file_out_fd(out), items, s->files_len + 1, err) ||
            (any && !check_packing(file_out_fd(out), items, &again, err)))
            return ens_wrap(err, "%s", b->label);
    } while (again);
    return true;
}
