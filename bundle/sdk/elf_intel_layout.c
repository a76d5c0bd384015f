/* The layout table of an Intel SDK enclave: heap, stacks, thread control structures and the guards between
 * them, behind the image. And the whole stream, as the loader would build it. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"

/* Fields of a TCS that are offsets in the enclave; the template has them from its own page on (Intel SDM,
 * "TCS": OSSA, OFSBASE, OGSBASE). */
static const size_t tcs_offsets[] = {16, 48, 56};

/* The same page, as often as the row has pages. */
static bool add_pages(struct intel_build *s, const struct intel_row *row, uint64_t rva, const uint8_t *page,
                      struct ens_err *err)
{
    const uint8_t *measured = (row->attributes & INTEL_ATTR_EEXTEND) != 0 ? page : NULL;

    for (uint32_t i = 0; i < row->pages; i++) {
        if (!intel_page(s, rva + (uint64_t)i * SGXS_PAGE_SIZE, row->flags, measured, err))
            return false;
    }
    return true;
}

static bool add_tcs(struct intel_build *s, const struct intel_row *row, uint64_t rva, struct ens_err *err)
{
    uint8_t page[SGXS_PAGE_SIZE] = {0};

    memcpy(page, s->b->bytes.data + row->content_offset, row->content_size);
    for (size_t i = 0; i < sizeof tcs_offsets / sizeof tcs_offsets[0]; i++) {
        uint8_t *field = page + tcs_offsets[i];

        /* Without the shift of ELRANGE, which only moves the page: sgx_sign measures it so. */
        bytes_put_le(field, 8, bytes_get_le(view_of(field, 8)) + rva);
    }
    return add_pages(s, row, rva, page, err);
}

/* Content fills the pages from the first on, zeros follow; measured in any case. */
static bool add_content(struct intel_build *s, const struct intel_row *row, uint64_t rva, struct ens_err *err)
{
    for (uint32_t i = 0; i < row->pages; i++) {
        uint64_t done = (uint64_t)i * SGXS_PAGE_SIZE;
        uint64_t left = row->content_size > done ? row->content_size - done : 0;
        uint8_t page[SGXS_PAGE_SIZE] = {0};

        if (left > 0)
            memcpy(page, s->b->bytes.data + row->content_offset + done,
                   left < SGXS_PAGE_SIZE ? (size_t)left : SGXS_PAGE_SIZE);
        if (!intel_page(s, rva + done, row->flags, page, err))
            return false;
    }
    return true;
}

static bool add_filled(struct intel_build *s, const struct intel_row *row, uint64_t rva, struct ens_err *err)
{
    uint8_t page[SGXS_PAGE_SIZE];

    for (size_t i = 0; i < SGXS_PAGE_SIZE; i += 4)
        bytes_put_le(page + i, 4, row->content_size);
    return add_pages(s, row, rva, page, err);
}

/* ---- the table as it takes effect: groups unrolled, rows that add nothing left out ---- */

/* A row that adds pages, and where. */
struct intel_step {
    struct intel_row row;
    uint64_t rva;
};

/* A place in a layout table. A group repeats the rows before it. */
struct layout_walk {
    const struct intel_block *b;
    size_t index;    /* of the row that comes next */
    uint32_t time;   /* of the group at `index`; 0: not in a group */
    size_t in_group; /* the row that the group repeats next */
};

static bool has_pages(const struct intel_row *row)
{
    return !row->group && row->pages > 0 && (row->attributes & INTEL_ATTR_EADD) != 0 &&
           (row->content_offset != 0 || row->flags != 0);
}

/* The next row of `group`, which stands at `w->index`; false: the group has ended. */
static bool next_in_group(struct layout_walk *w, const struct intel_row *group, struct intel_step *ret)
{
    if (w->time == 0 || w->in_group == w->index) {
        w->in_group = w->index - group->entries;
        w->time++;
    }
    if (group->entries == 0 || w->time > group->times) {
        w->time = 0;
        return false;
    }
    ret->row = intel_row_at(w->b, w->in_group++);
    ret->rva = ret->row.rva + group->step * w->time;
    return true;
}

/* The next row that adds pages; false: there is none left. */
static bool next_step(struct layout_walk *w, struct intel_step *ret)
{
    while (w->index < intel_rows(w->b->layout)) {
        const struct intel_row row = intel_row_at(w->b, w->index);

        if (!row.group) {
            *ret = (struct intel_step){row, row.rva};
            w->index++;
        } else if (!next_in_group(w, &row, ret)) {
            w->index++;
            continue;
        }
        if (has_pages(&ret->row))
            return true;
    }
    return false;
}

static struct view content_of(const struct intel_block *b, const struct intel_row *row)
{
    return view_slice(b->bytes, row->content_offset, row->content_size);
}

static bool same_step(const struct intel_block *x, const struct intel_step *a, const struct intel_block *y,
                      const struct intel_step *b)
{
    uint16_t differ = a->row.attributes ^ b->row.attributes;

    if (a->rva != b->rva || a->row.pages != b->row.pages || a->row.flags != b->row.flags ||
        (differ & INTEL_ATTR_EEXTEND) != 0 || a->row.content_size != b->row.content_size ||
        (a->row.content_offset == 0) != (b->row.content_offset == 0))
        return false;
    return a->row.content_offset == 0 || view_equal(content_of(x, &a->row), content_of(y, &b->row));
}

bool intel_same_layout(const struct intel_block *x, const struct intel_block *y)
{
    struct layout_walk wx = {.b = x};
    struct layout_walk wy = {.b = y};
    struct intel_step a;
    struct intel_step b;
    bool more;

    while ((more = next_step(&wx, &a)) == next_step(&wy, &b)) {
        if (!more)
            return true;
        if (!same_step(x, &a, y, &b))
            return false;
    }
    return false;
}

static bool add_step(struct intel_build *s, const struct intel_step *at, struct ens_err *err)
{
    const struct intel_row *row = &at->row;

    if (row->content_offset != 0)
        return row->flags == SECINFO_TCS ? add_tcs(s, row, at->rva, err) : add_content(s, row, at->rva, err);
    return add_filled(s, row, at->rva, err);
}

static bool add_layout(struct intel_build *s, struct ens_err *err)
{
    struct layout_walk w = {.b = s->b};
    struct intel_step step;

    while (next_step(&w, &step)) {
        if (!interrupt_check(err) || !add_step(s, &step, err))
            return false;
    }
    return true;
}

/* The work of add_row; a repeated row costs something even if it pours nothing. */
static uint64_t row_work(const struct intel_row *row)
{
    uint64_t work = CONTAINER_WORK_PAGE;
    bool content = row->content_offset != 0;
    bool measured = (row->attributes & INTEL_ATTR_EEXTEND) != 0 || (content && row->flags != SECINFO_TCS);

    if ((row->attributes & INTEL_ATTR_EADD) != 0 && (content || row->flags != 0))
        container_work_add(&work, row->pages, measured ? CONTAINER_WORK_MEASURED : CONTAINER_WORK_PAGE);
    return work;
}

void intel_layout_work(const struct intel_block *b, uint64_t *work)
{
    for (size_t i = 0; i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);

        if (!row.group) {
            container_work_add(work, 1, row_work(&row));
            continue;
        }
        for (size_t n = i - row.entries; row.times > 0 && n < i; n++) {
            const struct intel_row repeated = intel_row_at(b, n);

            container_work_add(work, row.times, row_work(&repeated));
        }
    }
}

static bool pour_stream(struct intel_build *s, struct ens_err *err)
{
    uint32_t ssaframesize = (uint32_t)bytes_get_le(view_slice(s->b->bytes, INTEL_SSAFRAMESIZE, 4));

    return sgxs_write_ecreate(s->sink, ssaframesize, s->b->range, err) && intel_image(s, err) &&
           add_layout(s, err);
}

bool intel_stream(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    const struct intel *intel = c->own;
    struct intel_build s = {.c = c, .b = &intel->blocks[index], .sink = sink};
    ENS_CLEANUP(mem_freep) uint8_t *piece = mem_alloc(FILE_PIECE, 1, err);

    if (piece == NULL)
        return false;
    if (s.b->unfit.code != ENS_OK) {
        *err = s.b->unfit;
        return ens_wrap(err, "%s", c->label);
    }
    s.piece = piece;
    bool ok = pour_stream(&s, err);

    mem_free(s.relocated);
    return ok;
}
