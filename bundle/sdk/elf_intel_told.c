/* What an Intel SDK enclave is told about itself: a patch fills g_global_data, and trusted code takes from it where
 * the enclave ends, where heap and stack lie, and what a new thread is made from. The layout says the same once more,
 * and that is what is measured page by page: both must agree. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#define THREAD_GPR 184 /* bytes of GPRSGX, at the end of an SSA frame (Intel SDM, "GPRSGX") */
#define IDS        (INTEL_ID_STACK_MIN + 1)

/* global_data_t by its size: where its thread_data_t begins. Of the SDKs 2.0 to 2.26; from 1656 on the SDK's version
 * stands in front. */
static const struct global {
    uint16_t size, thread;
} globals[] = {
    {1488, 32}, {1632, 48}, {1648, 64}, {1656, 72}, {1680, 72},
    {1688, 80}, {1720, 80}, {1760, 80}, {1768, 80},
};

static const struct global *find_global(size_t size)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        if (globals[i].size == size)
            return &globals[i];
    }
    return NULL;
}

/* The first row of each id that heap and threads have; zeros: there is none. */
struct rows {
    struct intel_row of[IDS];
    bool has[IDS];
};

static struct rows find_rows(const struct intel_block *b)
{
    struct rows ret = {0};

    for (size_t i = 0; i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);

        if (row.group || row.id >= IDS || ret.has[row.id])
            continue;
        ret.of[row.id] = row;
        ret.has[row.id] = true;
    }
    return ret;
}

static uint64_t bytes_of(const struct rows *rows, unsigned id)
{
    return (uint64_t)rows->of[id].pages * SGXS_PAGE_SIZE;
}

/* ---- the words ---- */

struct word {
    const char *name;
    size_t at;
    uint64_t want;
};

/* Addresses of a thread count from its TCS on. */
static void judge_words(const struct intel_doubts *d, const struct global *g, struct view data)
{
    const struct rows rows = find_rows(d->b);
    size_t first = g->thread > 64 ? 8 : 0;
    uint64_t tcs = rows.of[INTEL_ID_TCS].rva;
    uint64_t stack = rows.of[INTEL_ID_STACK_MIN].rva + bytes_of(&rows, INTEL_ID_STACK_MIN) - tcs;
    uint64_t limit = stack - bytes_of(&rows, INTEL_ID_STACK_MIN) - bytes_of(&rows, INTEL_ID_STACK_MAX);
    uint64_t frame = bytes_get_le(view_slice(d->b->bytes, INTEL_SSAFRAMESIZE, 4)) * SGXS_PAGE_SIZE;
    const struct word words[] = {
        {"enclave_size", first, d->b->size},
        {"heap_offset", first + 8, rows.of[INTEL_ID_HEAP_MIN].rva},
        {"heap_size", first + 16, bytes_of(&rows, INTEL_ID_HEAP_MIN) + bytes_of(&rows, INTEL_ID_HEAP_INIT)},
        {"self_addr", g->thread,
         rows.of[INTEL_ID_TD].rva + bytes_of(&rows, INTEL_ID_TD) - SGXS_PAGE_SIZE - tcs},
        {"last_sp", g->thread + 8u, stack},
        {"stack_base", g->thread + 16u, stack},
        {"stack_limit", g->thread + 24u, limit},
        {"first_ssa_gpr", g->thread + 32u, rows.of[INTEL_ID_SSA].rva - tcs + frame - THREAD_GPR},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        uint64_t have = bytes_get_le(view_slice(data, words[i].at, 8));

        if (have != words[i].want)
            container_odd(d->c, d->site, INTEL_RULE_CODE,
                          "a patch tells trusted code that its %s is 0x%" PRIx64
                          ", and the layout makes it 0x%" PRIx64 ": its checks of pointers do not hold",
                          words[i].name, have, words[i].want);
    }
}

/* ---- the tables ---- */

/* A row of a full layout, as sgx_sign leaves it in the layout for SGX1: nothing comes later there. */
static void fold_row(uint8_t row[INTEL_ROW_SIZE])
{
    uint16_t id = (uint16_t)bytes_get_le(view_of(row, 2));
    bool is_last = id == INTEL_ID_HEAP_MAX || id == INTEL_ID_RSRV_MAX;

    if (is_last)
        memset(row + 24, 0, 8);
    if (is_last || id == INTEL_ID_HEAP_INIT || id == INTEL_ID_RSRV_INIT || id == INTEL_ID_STACK_MAX)
        row[2] &= (uint8_t)~INTEL_ATTR_POST_ADD;
}

/* The next row that a layout for SGX1 keeps: up to the first thread's end, and reserved memory. */
static bool next_folded(struct view table, size_t *at, bool *is_behind, uint8_t ret[INTEL_ROW_SIZE])
{
    while (*at + INTEL_ROW_SIZE <= table.len) {
        const uint8_t *row = table.data + *at;
        uint16_t id = (uint16_t)bytes_get_le(view_of(row, 2));
        bool is_kept = !*is_behind || (id >= INTEL_ID_RSRV_MIN && id <= INTEL_ID_RSRV_MAX);

        *at += INTEL_ROW_SIZE;
        *is_behind = *is_behind || id == INTEL_ID_TD;
        if (!is_kept)
            continue;
        memcpy(ret, row, INTEL_ROW_SIZE);
        fold_row(ret);
        return true;
    }
    return false;
}

static bool same_folded(struct view a, struct view b)
{
    uint8_t row_a[INTEL_ROW_SIZE];
    uint8_t row_b[INTEL_ROW_SIZE];
    size_t at_a = 0, at_b = 0;
    bool behind_a = false, behind_b = false, more;

    while ((more = next_folded(a, &at_a, &behind_a, row_a)) == next_folded(b, &at_b, &behind_b, row_b)) {
        if (!more)
            return true;
        if (memcmp(row_a, row_b, INTEL_ROW_SIZE) != 0)
            return false;
    }
    return false;
}

/* It may be the table of any block of the file: the tools that fold one block leave g_global_data as it was. */
static bool is_layout(const struct intel_doubts *d, struct view table)
{
    for (size_t i = 0; i < d->intel->blocks_len; i++) {
        if (view_equal(table, d->intel->blocks[i].layout))
            return true;
    }
    return same_folded(table, d->b->layout);
}

/* The TCS of a new thread, and the table from which trusted code adds memory. */
static void judge_tables(const struct intel_doubts *d, const struct global *g, struct view data)
{
    size_t at = g->thread + (g->size >= 1760 ? 192u : 160u);
    const struct rows rows = find_rows(d->b);
    const struct intel_row *tcs = &rows.of[INTEL_ID_TCS];
    struct view want = tcs->content_offset == 0
                           ? (struct view){0}
                           : view_slice(d->b->bytes, tcs->content_offset, tcs->content_size);
    uint64_t count = bytes_get_le(view_slice(data, at + INTEL_TCS_SIZE, 4));
    size_t table = at + INTEL_TCS_SIZE + 8;

    if (!view_equal(view_slice(data, at, INTEL_TCS_SIZE), want))
        container_odd(
            d->c, d->site, INTEL_RULE_CODE,
            "the TCS that a patch tells trusted code is not that of the layout: a new thread enters "
            "elsewhere");
    if (count > (data.len - table) / INTEL_ROW_SIZE ||
        !is_layout(d, view_slice(data, table, (size_t)count * INTEL_ROW_SIZE)))
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "the layout that a patch tells trusted code is not the one that is loaded");
}

void intel_judge_told(const struct intel_doubts *d, struct view data)
{
    const struct global *g = find_global(data.len);

    if (g == NULL) {
        container_odd(
            d->c, d->site, INTEL_RULE_TABLES,
            "g_global_data has 0x%zx bytes, as in no SDK from 2.0 to 2.26: what trusted code is told "
            "cannot be checked",
            data.len);
        return;
    }
    judge_words(d, g, data);
    judge_tables(d, g, data);
}
