/* What an Intel SDK enclave is told about itself: a patch fills g_global_data, and trusted code takes from it where
 * the enclave ends, where heap and stack lie, and what a new thread is made from. The layout says the same once more,
 * and that is what is measured page by page: both must agree. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#define THREAD_GPR 184 /* bytes of GPRSGX, at the end of an SSA frame (Intel SDM, "GPRSGX") */
#define IDS        (INTEL_ID_RSRV_MAX + 1)

/* global_data_t by its size: where its thread_data_t begins, and the three words of ELRANGE. Of the SDKs 2.0 to 2.26; from
 * 1656 on the SDK's version stands in front. */
static const struct global {
    uint16_t size, thread, elrange;
} globals[] = {
    {1488, 32, 0},    {1632, 48, 0},    {1648, 64, 0},    {1656, 72, 0},    {1680, 72, 1656},
    {1688, 80, 1664}, {1720, 80, 1696}, {1760, 80, 1728}, {1768, 80, 1728},
};

/* From 2.20 on: thread_data_t has four words more, three of them before tls_addr. */
static bool has_long_thread(const struct global *g)
{
    return g->size >= 1760;
}

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

static void judge_word(const struct intel_doubts *d, struct view data, const char *name, size_t at,
                       uint64_t want)
{
    uint64_t have = bytes_get_le(view_slice(data, at, 8));

    if (have != want)
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "a patch tells trusted code that its %s is 0x%" PRIx64
                      ", and the layout makes it 0x%" PRIx64 ": its checks of pointers do not hold",
                      name, have, want);
}

/* Memory that grows is one piece, which begins at the first of three rows. */
static void judge_piece(const struct intel_doubts *d, const struct rows *rows, unsigned first)
{
    uint64_t end = rows->of[first].rva + bytes_of(rows, first);

    for (unsigned id = first + 1; id <= first + 2; id++) {
        if (!rows->has[id])
            continue;
        if (rows->of[id].rva != end)
            container_odd(d->c, d->site, INTEL_RULE_CODE,
                          "the %s is in pieces, and another row lies at 0x%" PRIx64
                          ", which trusted code takes for a part of it",
                          first == INTEL_ID_HEAP_MIN ? "heap" : "reserved memory", end);
        end = rows->of[id].rva + bytes_of(rows, id);
    }
}

static void judge_bounds(const struct intel_doubts *d, const struct global *g, const struct rows *rows,
                         struct view data)
{
    static const char *const elrange[] = {"enclave_image_address", "elrange_start_address", "elrange_size"};
    size_t first = g->thread > 64 ? 8 : 0;
    bool is_executable = (rows->of[INTEL_ID_RSRV_MIN].flags & SECINFO_X) != 0;

    judge_piece(d, rows, INTEL_ID_HEAP_MIN);
    judge_piece(d, rows, INTEL_ID_RSRV_MIN);
    judge_word(d, data, "enclave_size", first, d->b->size);
    judge_word(d, data, "heap_offset", first + 8, rows->of[INTEL_ID_HEAP_MIN].rva);
    judge_word(d, data, "heap_size", first + 16,
               bytes_of(rows, INTEL_ID_HEAP_MIN) + bytes_of(rows, INTEL_ID_HEAP_INIT));
    if (g->thread >= 48) {
        judge_word(d, data, "rsrv_offset", first + 24, rows->of[INTEL_ID_RSRV_MIN].rva);
        judge_word(d, data, "rsrv_size", first + 32,
                   bytes_of(rows, INTEL_ID_RSRV_MIN) + bytes_of(rows, INTEL_ID_RSRV_INIT));
    }
    if (g->thread >= 64)
        judge_word(d, data, "rsrv_executable", first + 40, is_executable);
    for (size_t i = 0; g->elrange != 0 && i < 3; i++) {
        /* Without an ELRANGE the tools up to 2.24 call the enclave's size one. */
        uint64_t none = i == 2 && g->size < 1768 ? d->b->size : 0;

        judge_word(d, data, elrange[i], g->elrange + 8 * i,
                   d->b->elrange.len > 0 ? bytes_get_le(view_slice(d->b->elrange, 8 * i, 8)) : none);
    }
}

/* Bytes of thread-locals, as Intel's loader counts them. */
static uint64_t tls_bytes(const struct elf *e)
{
    uint64_t ret = 0;

    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type == ELF_PT_TLS)
            ret = s->align > 1 ? (s->memsz + s->align - 1) & ~(s->align - 1) : s->memsz;
    }
    return ret;
}

/* Addresses of a thread count from its TCS on. What is not named is zero, but for the size of the CPU's state, which fits
 * a frame. */
static void judge_thread_words(const struct intel_doubts *d, const struct global *g, const struct rows *rows,
                               struct view data)
{
    static const char *const names[] = {"self_addr",     "last_sp",     "stack_base_addr", "stack_limit_addr",
                                        "first_ssa_gpr", "stack_guard", "flags",           "xsave_size"};
    size_t more = has_long_thread(g) ? 3 : 0;
    uint64_t tcs = rows->of[INTEL_ID_TCS].rva;
    uint64_t stack = rows->of[INTEL_ID_STACK_MIN].rva + bytes_of(rows, INTEL_ID_STACK_MIN) - tcs;
    uint64_t ssa = rows->of[INTEL_ID_SSA].rva - tcs;
    uint64_t td = rows->of[INTEL_ID_TD].rva - tcs;
    uint64_t self = td + bytes_of(rows, INTEL_ID_TD) - SGXS_PAGE_SIZE;
    uint64_t frame = bytes_get_le(view_slice(d->b->bytes, INTEL_SSAFRAMESIZE, 4)) * SGXS_PAGE_SIZE;
    uint64_t tls = tls_bytes(d->c->elf);
    uint64_t xsave = bytes_get_le(view_slice(data, g->thread + 56u, 8));
    uint64_t want[24] = {
        self,
        stack,
        stack,
        stack - bytes_of(rows, INTEL_ID_STACK_MIN) - bytes_of(rows, INTEL_ID_STACK_MAX),
        ssa + frame - THREAD_GPR,
        [7] = xsave < frame - THREAD_GPR ? xsave : frame - THREAD_GPR,
    };

    if (more > 0)
        want[11] = ssa;
    want[10 + more] = tls > 0 ? self - tls : td;
    want[11 + more] = self + 8 * (10 + more);
    for (size_t i = 0; i < (more > 0 ? 24 : 20); i++) {
        const char *name = i < sizeof names / sizeof names[0] ? names[i]
                           : i == 10 + more                   ? "tls_addr"
                                                              : "thread_data";

        judge_word(d, data, name, g->thread + 8 * i, want[i]);
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

/* The next row that a layout for SGX1 keeps: up to the first thread's end, and reserved memory. A heap behind that is
 * none of sgx_sign. */
static bool next_folded(struct view table, size_t *at, bool *is_behind, uint8_t ret[INTEL_ROW_SIZE])
{
    while (*at + INTEL_ROW_SIZE <= table.len) {
        const uint8_t *row = table.data + *at;
        uint16_t id = (uint16_t)bytes_get_le(view_of(row, 2));
        bool is_kept = !*is_behind || (id >= INTEL_ID_RSRV_MIN && id <= INTEL_ID_RSRV_MAX) ||
                       (id >= INTEL_ID_HEAP_MIN && id <= INTEL_ID_HEAP_MAX);

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

/* A layout for SGX1 is folded after g_global_data was filled in. */
static bool is_layout(const struct intel_block *b, struct view table)
{
    return view_equal(table, b->layout) || (b->major % 10 == 1 && same_folded(table, b->layout));
}

/* The TCS of a new thread, and the table from which trusted code adds memory. */
static void judge_tables(const struct intel_doubts *d, const struct global *g, const struct rows *rows,
                         struct view data)
{
    size_t at = g->thread + (has_long_thread(g) ? 192u : 160u);
    const struct intel_row *tcs = &rows->of[INTEL_ID_TCS];
    size_t want_len = tcs->content_offset == 0 ? 0 : tcs->content_size;
    struct view want = view_slice(d->b->bytes, tcs->content_offset, want_len);
    uint64_t count = bytes_get_le(view_slice(data, at + INTEL_TCS_SIZE, 4));
    size_t table = at + INTEL_TCS_SIZE + 8;

    if (!view_equal(view_slice(data, at, INTEL_TCS_SIZE), want))
        container_odd(
            d->c, d->site, INTEL_RULE_CODE,
            "the TCS that a patch tells trusted code is not that of the layout: a new thread enters "
            "elsewhere");
    if (count > (data.len - table) / INTEL_ROW_SIZE ||
        !is_layout(d->b, view_slice(data, table, (size_t)count * INTEL_ROW_SIZE)))
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
    const struct rows rows = find_rows(d->b);

    judge_bounds(d, g, &rows, data);
    judge_thread_words(d, g, &rows, data);
    judge_tables(d, g, &rows, data);
}
