/* What of a stream's pages is not measured, and which pages come twice. The pages are kept as runs, of which
 * a stream in the order of addresses has few; they are sorted once, at the end. */
#include "bundle/stream/cover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bundle/stream/sgxs_read.h"
#include "signer/base/mem.h"

#define PAGE_SHIFT 12

/* Page numbers, both included. */
struct cover_run {
    uint64_t first, last;
};

void cover_free(struct cover *c)
{
    mem_free(c->runs);
    *c = (struct cover){0};
}

static void count_cover_page(struct cover_pages *p, const struct cover *c)
{
    if (p->count++ > 0)
        return;
    p->first = c->page;
    p->chunks = (unsigned)__builtin_popcount(c->measured);
}

/* The page is complete. Of a TCS the first chunk alone can be anything but zero: EADD refuses the rest. A
 * page that can be written to and is not measured at all is heap; EMODPE makes it executable only if
 * measured code asks for it. */
static void close_page(struct cover *c)
{
    unsigned chunks = c->measured == 0 ? 0 : (unsigned)__builtin_popcount(c->measured);

    if (!c->open)
        return;
    c->left_out += SGXS_PAGE_CHUNKS - chunks;
    if (SECINFO_TYPE(c->flags) == SECINFO_TCS) {
        if ((c->measured & 1) == 0)
            count_cover_page(&c->tcs, c);
    } else if ((c->flags & SECINFO_X) != 0) {
        if (chunks < SGXS_PAGE_CHUNKS)
            count_cover_page(&c->code, c);
    } else if ((c->flags & SECINFO_R) != 0 && c->given != 0xffff &&
               ((c->flags & SECINFO_W) == 0 || chunks > 0)) {
        count_cover_page(&c->data, c);
    }
}

static bool add_run(struct cover *c, uint64_t number, struct ens_err *err)
{
    void *grown = c->runs;

    if (c->runs_len == COVER_RUNS_MAX)
        return ens_fail(err, ENS_DATA,
                        "page 0x%" PRIx64 ": the pages come in more than %u pieces: build the stream in the "
                        "order of addresses",
                        c->page, COVER_RUNS_MAX);
    if (c->runs_len == c->runs_cap) {
        size_t cap = c->runs_cap == 0 ? 64 : 2 * c->runs_cap;

        if (!mem_grow(&grown, cap, sizeof *c->runs, err))
            return false;
        c->runs = grown;
        c->runs_cap = cap;
    }
    c->runs[c->runs_len++] = (struct cover_run){.first = number, .last = number};
    return true;
}

bool cover_page(struct cover *c, uint64_t offset, uint64_t flags, struct ens_err *err)
{
    uint64_t number = offset >> PAGE_SHIFT;

    close_page(c);
    c->open = true;
    c->page = offset;
    c->flags = flags;
    c->measured = 0;
    c->given = 0;
    /* One that is not aligned is an error by itself. */
    if (number << PAGE_SHIFT != offset)
        return true;
    if (c->runs_len > 0 && number == c->runs[c->runs_len - 1].last + 1) {
        c->runs[c->runs_len - 1].last = number;
        return true;
    }
    return add_run(c, number, err);
}

bool cover_chunk(struct cover *c, unsigned n, bool measured)
{
    uint32_t bit = 1u << n;
    bool had = (c->given & bit) != 0;

    c->given |= bit;
    if (measured)
        c->measured |= bit;
    return had;
}

static int by_first(const void *a, const void *b)
{
    const struct cover_run *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/* Pages that lie in more than one run, each counted once for every time too many. */
static void find_twice(struct cover *c, struct findings *ret)
{
    uint64_t first = 0, found = 0;
    uint64_t last = 0; /* the highest page so far */

    if (c->runs_len == 0)
        return;
    qsort(c->runs, c->runs_len, sizeof *c->runs, by_first);
    last = c->runs[0].last;
    for (size_t i = 1; i < c->runs_len; i++) {
        const struct cover_run *r = &c->runs[i];

        if (r->first <= last) {
            uint64_t end = r->last < last ? r->last : last;

            first = found == 0 ? r->first : first;
            found += end - r->first + 1;
        }
        last = r->last > last ? r->last : last;
    }
    if (found == 1)
        findings_add(ret, SEVERITY_ERROR, "page-twice",
                     "page 0x%" PRIx64 " is added twice: the host chooses which of the two counts",
                     first << PAGE_SHIFT);
    else if (found > 1)
        findings_add(ret, SEVERITY_ERROR, "page-twice",
                     "page 0x%" PRIx64 " is added twice, and %" PRIu64
                     " more: the host chooses which of the two counts",
                     first << PAGE_SHIFT, found - 1);
}

/* Says that a page is not measured, or not all of it; `of` is its content. */
static void say(const struct cover_pages *p, enum severity severity, const char *rule, const char *kind,
                const char *of, struct findings *ret)
{
    char more[48] = "";

    if (p->count == 0)
        return;
    if (p->count > 1)
        (void)snprintf(more, sizeof more, ", nor are %" PRIu64 " more", p->count - 1);
    findings_add(ret, severity, rule,
                 "%s 0x%" PRIx64 " is not %smeasured (%u of 16 chunks)%s: the host chooses %s", kind,
                 p->first, p->chunks > 0 ? "wholly " : "", p->chunks, more, of);
}

void cover_end(struct cover *c, uint64_t *ret_left_out, struct findings *ret)
{
    close_page(c);
    c->open = false;
    *ret_left_out = c->left_out;
    find_twice(c, ret);
    say(&c->code, SEVERITY_ERROR, "unmeasured-code", "executable page", "its code", ret);
    say(&c->tcs, SEVERITY_ERROR, "unmeasured-code", "TCS", "where the enclave is entered", ret);
    say(&c->data, SEVERITY_WARNING, "unmeasured-data", "page", "its content, and it is not a heap", ret);
}
