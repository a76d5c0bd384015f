/* The memory of the threads of an Intel SDK enclave, as every sgx_sign lays it out: a guard, the stack, a guard, the TCS,
 * the SSA frames, a guard, the thread's data. The CPU saves registers to where the TCS says, and trusted code finds its
 * data there; both know nothing else of where they may lie. A TCS that points elsewhere makes the same code do other
 * things. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>
#include <string.h>

#define SSA_FRAMES UINT64_C(2)

/* Places of a thread's rows, counted from its TCS. */
#define STACK_MIN_BEFORE 2
#define STACK_MAX_BEFORE 3
#define SSA_BEHIND       1
#define TD_BEHIND        3

/* Where a thread's memory lies, from its TCS on. */
struct thread {
    uint64_t stack, limit, ssa, td;
    uint64_t ssa_pages;
    size_t first; /* row of the stack */
};

/* The row of id `id`, or of a thread that is made later; zeros: it is another one. */
static bool row_of(const struct intel_block *b, size_t index, uint16_t id, struct intel_row *ret)
{
    if (index >= intel_rows(b->layout))
        return false;
    *ret = intel_row_at(b, index);
    return !ret->group && (ret->id == id || ret->id == id + INTEL_ID_DYNAMIC);
}

static uint64_t end_of(const struct intel_row *row)
{
    return row->rva + (uint64_t)row->pages * SGXS_PAGE_SIZE;
}

/* The thread whose TCS is row `index`; false: it has not its own memory. */
static bool find_thread(const struct intel_block *b, size_t index, struct thread *ret)
{
    struct intel_row tcs, stack, more, ssa, td;

    if (index < STACK_MAX_BEFORE || !row_of(b, index, INTEL_ID_TCS, &tcs) || tcs.pages != 1 ||
        !row_of(b, index - STACK_MIN_BEFORE, INTEL_ID_STACK_MIN, &stack) ||
        !row_of(b, index + SSA_BEHIND, INTEL_ID_SSA, &ssa) ||
        !row_of(b, index + TD_BEHIND, INTEL_ID_TD, &td) || td.pages == 0)
        return false;
    bool has_more = row_of(b, index - STACK_MAX_BEFORE, INTEL_ID_STACK_MAX, &more);

    *ret = (struct thread){.stack = end_of(&stack) - tcs.rva,
                           .limit = (has_more ? more.rva : stack.rva) - tcs.rva,
                           .ssa = ssa.rva - tcs.rva,
                           .td = end_of(&td) - SGXS_PAGE_SIZE - tcs.rva,
                           .ssa_pages = ssa.pages,
                           .first = index - (has_more ? STACK_MAX_BEFORE : STACK_MIN_BEFORE)};
    return true;
}

/* Trusted code counts from the TCS of each thread as from the first one's. */
static bool is_as_the_first(const struct intel_block *b, const struct thread *t)
{
    struct thread first;
    struct intel_row row;
    size_t i = 0;

    while (!row_of(b, i, INTEL_ID_TCS, &row))
        i++;
    return find_thread(b, i, &first) && first.stack == t->stack && first.limit == t->limit &&
           first.ssa == t->ssa && first.td == t->td && first.ssa_pages == t->ssa_pages;
}

/* A group behind the thread repeats it with its stack, or not at all. */
static bool is_repeated_whole(const struct intel_block *b, size_t index, const struct thread *t)
{
    for (size_t i = index + 1; i < intel_rows(b->layout); i++) {
        const struct intel_row row = intel_row_at(b, i);

        if (row.group && row.times > 0 && row.entries >= i - index && row.entries < i - t->first)
            return false;
    }
    return true;
}

static void judge_field(const struct intel_doubts *d, size_t index, const char *name, uint64_t have,
                        uint64_t want)
{
    if (have != want)
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: its TCS has %s 0x%" PRIx64 ", and the layout makes it 0x%" PRIx64
                      ": registers or data of its threads are elsewhere",
                      index + 1, name, have, want);
}

void intel_judge_thread(const struct intel_doubts *d, size_t index, struct view tcs)
{
    static const struct {
        const char *name;
        size_t at, size;
        uint64_t want;
    } same[] = {{"STATE", 0, 8, 0},
                {"CSSA", 24, 4, 0},
                {"NSSA", 28, 4, SSA_FRAMES},
                {"AEP", 40, 8, 0},
                {"FSLIMIT", 64, 4, UINT32_MAX},
                {"GSLIMIT", 68, 4, UINT32_MAX}};
    uint64_t frame = bytes_get_le(view_slice(d->b->bytes, INTEL_SSAFRAMESIZE, 4));
    struct thread t = {0};

    if (!find_thread(d->b, index, &t) || !is_as_the_first(d->b, &t) || !is_repeated_whole(d->b, index, &t) ||
        t.ssa_pages != SSA_FRAMES * frame) {
        container_odd(d->c, d->site, INTEL_RULE_CODE,
                      "layout row %zu: its thread has not the stack, the SSA frames and the data of its own "
                      "that sgx_sign lays around a TCS",
                      index + 1);
        return;
    }
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        judge_field(d, index, same[i].name, bytes_get_le(view_slice(tcs, same[i].at, same[i].size)),
                    same[i].want);
    judge_field(d, index, "OSSA", bytes_get_le(view_slice(tcs, 16, 8)), t.ssa + d->b->shift);
    judge_field(d, index, "OFSBASE", bytes_get_le(view_slice(tcs, 48, 8)), t.td + d->b->shift);
    judge_field(d, index, "OGSBASE", bytes_get_le(view_slice(tcs, 56, 8)), t.td + d->b->shift);
}
