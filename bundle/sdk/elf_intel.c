/* Intel SDK ELF files: the note, the SIGSTRUCTs in it, and what is edited beside them. The loader picks one
 * of the blocks by its own age and by what the CPU can do, so that all must carry the new SIGSTRUCT. A rebuild, which
 * no tool has laid out yet, takes the blocks of the release that it is held against. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/mem.h"

/* Magic of a block, in the order of its bytes. */
static const uint8_t magic[INTEL_MAGIC_SIZE] = {0x4c, 0x0e, 0x5d, 0x63, 0x94, 0x02, 0xa8, 0x86};

static bool recognise_intel(const struct container *c, struct view head)
{
    struct intel_note note;

    (void)head;
    return c->elf != NULL && (c->beside->release.label != NULL || intel_find_note(c->elf, &note));
}

/* `e` has the note: the container's file, or the release. */
static bool read_metadata_note(struct container *c, const struct elf *e, struct intel *intel,
                               struct ens_err *err)
{
    struct intel_note note = {0};
    uint8_t head[INTEL_NOTE_HEAD];
    uint32_t desc = 0;

    if (!intel_find_note(e, &note))
        return ens_fail(err, ENS_DATA,
                        "%s: has no " INTEL_SECTION ", so that it lays nothing out: give a signed file",
                        e->label);
    if (!elf_read(e, note.offset, head, sizeof head, INTEL_SECTION, err))
        return false;
    if (!intel_check_note(c, &note, view_of(head, sizeof head), &desc, err))
        return ens_wrap(err, "%s: " INTEL_SECTION, e->label);
    intel->at = note.offset;
    intel->end = note.offset + note.size;
    intel->desc = view_of(intel->desc_bytes, desc);
    return elf_read(e, note.offset + INTEL_NOTE_HEAD, intel->desc_bytes, desc, INTEL_SECTION, err);
}

static bool begins_block(struct view desc, size_t at)
{
    return view_equal(view_slice(desc, at, sizeof magic), view_of(magic, sizeof magic));
}

/* Of a rebuild the file is not at fault if it does not fit. */
static bool check_image(const struct container *c, const struct intel *intel, struct intel_block *b,
                        struct ens_err *err)
{
    return intel_image_check(c->elf, intel, b, intel->is_foreign ? &b->unfit : err) || intel->is_foreign;
}

static bool add_block(struct container *c, const struct elf *e, struct intel *intel, size_t at,
                      struct ens_err *err)
{
    struct intel_block *b = &intel->blocks[intel->blocks_len];

    if (intel->blocks_len == CONTAINER_SITES_MAX)
        return ens_fail(err, ENS_DATA, "%s: " INTEL_SECTION ": more than %d metadata blocks: " INTEL_REMEDY,
                        e->label, CONTAINER_SITES_MAX);
    if (!intel_block_read(intel, at, e->size, b, err) || !check_image(c, intel, b, err))
        return ens_wrap(err, "%s: " INTEL_SECTION ": metadata block %zu at 0x%" PRIx64, e->label,
                        intel->blocks_len + 1, intel->at + INTEL_NOTE_HEAD + at);
    b->at = intel->at + INTEL_NOTE_HEAD + at;
    intel->blocks_len++;
    return true;
}

/* Reads the blocks, which lie back to back from the start, up to what is none. Intel's loader and tools do
 * not look at the rest, and the tools of 2017 left bytes of earlier files there. */
static bool read_blocks(struct container *c, const struct elf *e, struct intel *intel, struct ens_err *err)
{
    size_t at = 0;

    while (begins_block(intel->desc, at)) {
        if (!add_block(c, e, intel, at, err))
            return false;
        at += intel->blocks[intel->blocks_len - 1].bytes.len;
    }
    struct view rest = view_slice(intel->desc, at, intel->desc.len - at);

    if (intel->blocks_len > 0) {
        if (!view_is_zero(rest))
            container_odd(c, 0, "note-tail",
                          INTEL_SECTION
                          ": 0x%zx bytes behind the last metadata block are not zero: nothing reads "
                          "them, and nothing signs them",
                          rest.len);
        return true;
    }
    if (!view_is_zero(rest))
        return ens_fail(err, ENS_DATA,
                        "%s: " INTEL_SECTION ": no metadata block begins at 0x%" PRIx64
                        " (wrong magic), and it is not empty: " INTEL_REMEDY,
                        e->label, intel->at + INTEL_NOTE_HEAD);
    return ens_fail(err, ENS_DATA,
                    "%s: " INTEL_SECTION
                    " is empty, so that the enclave is not laid out yet: sign it once with "
                    "sgx_sign and any key, then with ensign%s",
                    e->label, intel->is_foreign ? "" : ", or hold it against its release (--layout-from)");
}

/* A block whose magic is damaged is known by its SIGSTRUCT. */
bool intel_is_bare(const struct elf *e)
{
    static const char *const names[] = {"enclave_entry"};
    struct intel_note note = {0};
    struct elf_symbol entry = {0};
    struct ens_err ignored = {0};
    uint8_t bytes[INTEL_NOTE_HEAD + INTEL_CSS + 16] = {0};
    struct view desc = view_of(bytes + INTEL_NOTE_HEAD, INTEL_CSS + 16);

    if (!intel_find_note(e, &note))
        return e->sections_len == 0 ||
               (elf_symbols(e, true, names, 1, &entry, NULL, &ignored) && entry.found);
    return elf_read(e, note.offset, bytes, sizeof bytes, INTEL_SECTION, &ignored) && !begins_block(desc, 0) &&
           !sigstruct_begins(view_slice(desc, INTEL_CSS, 16));
}

/* The blocks of the release, which is read and closed: nothing in it is loaded. */
static bool read_release(struct container *c, struct intel *intel, struct ens_err *err)
{
    const struct container_file *f = &c->beside->release;
    ENS_CLEANUP(elf_freep) struct elf *e = NULL;
    struct stat st;

    if (!intel_is_bare(c->elf))
        return ens_fail(err, ENS_USAGE,
                        "%s: is laid out itself, or no enclave of Intel's SDK: leave out --layout-from",
                        c->label);
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ens_fail(err, ENS_NOINPUT, "%s: is not a regular file: name a signed enclave", f->label);
    intel->is_foreign = true;
    bool ok = elf_open(f->fd, f->label, (uint64_t)st.st_size, false, &e, err) &&
              read_metadata_note(c, e, intel, err) && read_blocks(c, e, intel, err);

    c->oddities_len = 0; /* those of the release's note are told of the release */
    container_tell(c, "layout_from", "Layout from", "%s", f->label);
    return ok;
}

/* ---- what the author chose, read back from the layout table: for telling why two builds differ ---- */

/* The rows of one thread stand in the table once, and a group repeats them. */
struct chosen {
    uint64_t heap, stack, reserved, threads; /* pages, but for threads; `stack` is that of one thread */
};

static void count_chosen(const struct intel_row *row, struct chosen *ret)
{
    uint16_t id = row->id > INTEL_ID_DYNAMIC && row->id < INTEL_ID_RSRV_MIN
                      ? (uint16_t)(row->id - INTEL_ID_DYNAMIC)
                      : row->id;

    if (id >= INTEL_ID_HEAP_MIN && id <= INTEL_ID_HEAP_MAX)
        ret->heap += row->pages;
    else if ((id == INTEL_ID_STACK_MAX || id == INTEL_ID_STACK_MIN) && ret->threads == 0)
        ret->stack += row->pages;
    else if (id >= INTEL_ID_RSRV_MIN && id <= INTEL_ID_RSRV_MAX)
        ret->reserved += row->pages;
    else if (id == INTEL_ID_TCS)
        ret->threads++;
}

/* Threads that a group repeats. */
static uint64_t threads_of(const struct intel_block *b, size_t index, const struct intel_row *group)
{
    struct chosen once = {0};

    for (size_t i = index - group->entries; i < index; i++) {
        const struct intel_row row = intel_row_at(b, i);

        count_chosen(&row, &once);
    }
    return once.threads * group->times;
}

static void tell_settings(struct container *c, const struct intel_block *b)
{
    struct chosen chosen = {0};

    for (size_t i = 0; i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);

        if (row.group)
            chosen.threads += threads_of(b, i, &row);
        else
            count_chosen(&row, &chosen);
    }
    container_set(c, "heap", chosen.heap);
    container_set(c, "stack", chosen.stack);
    container_set(c, "reserved", chosen.reserved);
    container_set(c, "threads", chosen.threads);
}

/* The loader of 1.3 alone pads segments. */
static bool pads(const struct intel_block *b)
{
    return b->major == 1 && b->minor == 3;
}

/* True if the patches put the same bytes to the same places, in the same order. */
static bool same_patches(const struct intel_block *x, const struct intel_block *y)
{
    if (x->patches.len != y->patches.len)
        return false;
    for (size_t i = 0; i < intel_rows(x->patches); i++) {
        struct intel_patch p = intel_patch_at(x, i);
        struct intel_patch q = intel_patch_at(y, i);

        if (p.dst != q.dst || p.size != q.size ||
            !view_equal(view_slice(x->bytes, p.src, p.size), view_slice(y->bytes, q.src, q.size)))
            return false;
    }
    return true;
}

/* The parts of a block that intel_stream reads, and nothing else. */
static bool same_blocks(const struct container *c, size_t a, size_t b)
{
    const struct intel *intel = c->own;
    const struct intel_block *x = &intel->blocks[a];
    const struct intel_block *y = &intel->blocks[b];

    return pads(x) == pads(y) && x->size == y->size && x->range == y->range && x->shift == y->shift &&
           view_equal(view_slice(x->bytes, INTEL_SSAFRAMESIZE, 4),
                      view_slice(y->bytes, INTEL_SSAFRAMESIZE, 4)) &&
           same_patches(x, y) && intel_same_layout(x, y);
}

/* ---- reading ---- */

/* Blocks that lay out the same are poured once. */
static void count_work(struct container *c, const struct intel *intel)
{
    for (size_t i = 0; i < intel->blocks_len; i++) {
        size_t same = 0;

        while (same < i && !same_blocks(c, same, i))
            same++;
        if (same < i || intel->blocks[i].unfit.code != ENS_OK)
            continue;
        container_work_add(&c->work, 1, CONTAINER_WORK_PAGE);
        intel_image_work(c->elf, &intel->blocks[i], &c->work);
        intel_layout_work(&intel->blocks[i], &c->work);
    }
}

static bool fill_site(struct container *c, const struct intel_block *b, bool is_foreign, struct ens_err *err)
{
    struct site *site = NULL;

    if (!container_add_site(c, &site, err))
        return false;
    (void)snprintf(site->name, sizeof site->name, "metadata %" PRIu32 ".%" PRIu32, b->major, b->minor);
    if (is_foreign) {
        site->has_place = false;
        site->is_rebuild = true;
        memcpy(site->release.bytes, b->bytes.data + INTEL_CSS, SIGSTRUCT_SIZE);
        return true;
    }
    site->offset = b->at + INTEL_CSS;
    memcpy(site->css.bytes, b->bytes.data + INTEL_CSS, SIGSTRUCT_SIZE);
    site->has_launch = true;
    site->launch.attributes = bytes_get_le(view_slice(b->bytes, INTEL_ATTRIBUTES, 8));
    site->launch.xfrm = bytes_get_le(view_slice(b->bytes, INTEL_XFRM, 8));
    site->launch.miscselect = (uint32_t)bytes_get_le(view_slice(b->bytes, INTEL_MISCSELECT, 4));
    site->launch.ssaframesize = (uint32_t)bytes_get_le(view_slice(b->bytes, INTEL_SSAFRAMESIZE, 4));
    container_may_edit(c, b->at + INTEL_MISCSELECT, 4);
    container_may_edit(c, b->at + INTEL_ATTRIBUTES, 8);
    container_may_edit(c, b->at + INTEL_XFRM, 8);
    site->has_fips = b->fips != 0;
    if (site->has_fips) {
        memcpy(site->fips, b->bytes.data + b->fips, FIPS_SIZE);
        container_may_edit(c, b->at + b->fips, FIPS_SIZE);
    }
    return true;
}

static bool open_intel(struct container *c, const char *component, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct intel *intel = mem_alloc(1, sizeof *intel, err);

    (void)component;
    if (intel == NULL)
        return false;
    if (c->beside->release.label != NULL
            ? !read_release(c, intel, err)
            : !read_metadata_note(c, c->elf, intel, err) || !read_blocks(c, c->elf, intel, err))
        return false;
    for (size_t i = 0; i < intel->blocks_len; i++) {
        if (!fill_site(c, &intel->blocks[i], intel->is_foreign, err))
            return false;
    }
    c->shift = intel->blocks[0].shift;
    tell_settings(c, &intel->blocks[0]);
    c->own = ens_take(intel);
    count_work(c, c->own);
    return intel_judge(c, err);
}

static void close_intel(struct container *c)
{
    mem_free(c->own);
    c->own = NULL;
}

static bool put_le(const struct container *c, int fd, uint64_t offset, size_t len, uint64_t value,
                   struct ens_err *err)
{
    uint8_t bytes[8];

    bytes_put_le(bytes, len, value);
    return container_put(c, fd, offset, view_of(bytes, len), err);
}

/* Edits fields that are not measured: they follow the SIGSTRUCT, or the loader asks the CPU for something else. */
static bool patch_site(const struct container *c, size_t site, const struct container_edit *edit, int fd,
                       struct ens_err *err)
{
    const struct intel *intel = c->own;
    const struct intel_block *b = &intel->blocks[site];

    const struct launch *now = &c->sites[site].launch;
    const struct launch *next = edit->launch != NULL ? &edit->launch[site] : now;

    if (b->fips != 0 && edit->fips.len != FIPS_SIZE)
        return ens_fail(err, ENS_BUG, "%s: a FIPS signature of %zu bytes", c->label, edit->fips.len);
    return put_le(c, fd, b->at + INTEL_ATTRIBUTES, 8, next->attributes, err) &&
           put_le(c, fd, b->at + INTEL_XFRM, 8, next->xfrm, err) &&
           put_le(c, fd, b->at + INTEL_MISCSELECT, 4, next->miscselect, err) &&
           (b->fips == 0 || container_put(c, fd, b->at + b->fips, edit->fips, err));
}

const struct container_ops elf_intel = {
    .kind = CONTAINER_INTEL,
    .name = "Intel SDK ELF",
    .recognise = recognise_intel,
    .open = open_intel,
    .close = close_intel,
    .stream = intel_stream,
    .same = same_blocks,
    .patch = patch_site,
};
