/* Why the layouts of two enclaves differ: what their authors chose. One page of heap more moves every thread
 * behind it, so that hundreds of pages differ for one reason. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/cmd/compare/compare.h"

static const struct {
    const char *name, *words, *unit;
} known[] = {
    {"heap", "another heap size", " pages"},
    {"stack", "another stack size", " pages for each thread"},
    {"reserved", "another reserved region", " pages"},
    {"threads", "another number of threads", ""},
    {"ssaframesize", "another SSAFRAMESIZE", " pages"},
};

#define KNOWN (sizeof known / sizeof known[0])

static void note_cause(struct compare_causes *ret, const char *name, uint64_t a, uint64_t b)
{
    if (a != b && ret->len < CONTAINER_SETTINGS_MAX)
        ret->items[ret->len++] = (struct compare_cause){.name = name, .a = a, .b = b};
}

/* A file of an SDK tells what was chosen; two kinds of files do not mean the same by it. */
static bool from_settings(const struct compare_side *a, const struct compare_side *b,
                          struct compare_causes *ret)
{
    size_t len_a = 0;
    size_t len_b = 0;
    const struct container_setting *sa = container_settings(a->e.container, &len_a);
    const struct container_setting *sb = container_settings(b->e.container, &len_b);

    if (len_a == 0 || len_b == 0 || container_kind(a->e.container) != container_kind(b->e.container))
        return false;
    for (size_t i = 0; i < len_a && i < len_b; i++) {
        if (strcmp(sa[i].name, sb[i].name) == 0)
            note_cause(ret, sa[i].name, sa[i].value, sb[i].value);
    }
    return true;
}

/* Of a stream the layout tells, where there are threads for it to lie around: what lies before them moves
 * them; a page behind all of them is a page. */
static void from_layout(const struct pagediff *d, struct compare_causes *ret)
{
    const struct pagediff_totals *t = &d->totals;

    if (t->threads_a == 0 || t->threads_b == 0)
        return;
    if (t->pages_of[PAGEDIFF_TCS_MOVED] > 0 || t->threads_a != t->threads_b) {
        note_cause(ret, "heap", t->memory_a.heap, t->memory_b.heap);
        note_cause(ret, "stack", t->memory_a.stack, t->memory_b.stack);
    }
    note_cause(ret, "threads", t->threads_a, t->threads_b);
}

/* The size of SSA frames is measured by itself; a cause it is where threads moved for it. */
static void from_ecreate(const struct pagediff *d, struct compare_causes *ret)
{
    for (size_t i = 0; i < d->len && d->totals.pages_of[PAGEDIFF_TCS_MOVED] > 0; i++) {
        if (d->rows[i].kind == PAGEDIFF_SSAFRAMESIZE)
            note_cause(ret, "ssaframesize", d->rows[i].value_a, d->rows[i].value_b);
    }
}

void compare_find_causes(const struct pagediff *d, const struct compare_side *a, const struct compare_side *b,
                         struct compare_causes *ret)
{
    ret->len = 0;
    if (!from_settings(a, b, ret))
        from_layout(d, ret);
    from_ecreate(d, ret);
}

const char *compare_cause_text(const struct compare_cause *c, char ret[static COMPARE_CAUSE_MAX])
{
    ret[0] = '\0';
    for (size_t k = 0; k < KNOWN; k++) {
        if (strcmp(known[k].name, c->name) == 0)
            (void)snprintf(ret, COMPARE_CAUSE_MAX, "%s (%" PRIu64 " / %" PRIu64 "%s)", known[k].words, c->a,
                           c->b, known[k].unit);
    }
    return ret;
}
