/* The settings of an Intel SDK enclave's author, read back from the layout table: for telling why two builds
 * differ. The rows of one thread stand in the table once, and a group repeats them. */
#include "bundle/sdk/elf_intel.h"

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

void intel_settings(struct container *c, const struct intel_block *b)
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
bool intel_same(const struct container *c, size_t a, size_t b)
{
    const struct intel *intel = c->own;
    const struct intel_block *x = &intel->blocks[a];
    const struct intel_block *y = &intel->blocks[b];

    return pads(x) == pads(y) && x->size == y->size && x->range == y->range && x->shift == y->shift &&
           view_equal(view_slice(x->bytes, INTEL_SSAFRAMESIZE, 4),
                      view_slice(y->bytes, INTEL_SSAFRAMESIZE, 4)) &&
           same_patches(x, y) && intel_same_layout(x, y);
}
