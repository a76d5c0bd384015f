/* What a URI that matches nothing, or too much, could have meant: for the end of an error. A URI is never
 * cut: what does not fit into a message is kept for the caller to print. */
#include "hsm/token/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"

/* Of a message, for the candidates in it; the rest is for the fault, and for what callers put before it. */
#define CANDIDATES_ROOM 240
#define FACT_MAX        384

void candidates_free(struct candidates *c)
{
    buf_free(&c->lines);
    mem_free(c->near_uri);
}

/* Do two labels differ in one place only, by two characters at most? That is what slips do. */
static bool is_slip(const char *a, const char *b)
{
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    size_t least = len_a < len_b ? len_a : len_b;
    size_t front = 0;
    size_t back = 0;

    while (front < least && a[front] == b[front])
        front++;
    while (front + back < least && a[len_a - 1 - back] == b[len_b - 1 - back])
        back++;
    return front + back >= 3 && len_a - front - back <= 2 && len_b - front - back <= 2;
}

bool candidates_add(struct candidates *c, const char *label, const char *uri, struct ens_err *err)
{
    if (c->wanted != NULL && strcmp(c->wanted, label) == 0)
        c->wanted = NULL; /* the label is there: it is something else that differs */
    if (c->wanted != NULL && c->near_uri == NULL && is_slip(c->wanted, label)) {
        c->near_uri = mem_strdup(uri, err);
        if (c->near_uri == NULL)
            return false;
    }
    c->count++;
    return buf_printf(&c->lines, err, "  '") && buf_append(&c->lines, view_of_string(uri), err) &&
           buf_append(&c->lines, view_of_string("'\n"), err);
}

bool candidates_has_near(const struct candidates *c)
{
    return c->wanted != NULL && c->near_uri != NULL && strlen(c->near_uri) <= CANDIDATES_ROOM;
}

/* The lines in one: " 'URI' 'URI'". */
static void join_found(const struct candidates *c, char ret[static CANDIDATES_ROOM + 1])
{
    size_t out = 0;

    for (size_t i = 1; i < c->lines.len; i++) {
        if (c->lines.data[i] != '\n')
            ret[out++] = (char)c->lines.data[i];
        else
            i++;
    }
    ret[out] = '\0';
}

bool candidates_fail(struct hsm *hsm, struct candidates *c, enum ens_code code, const char *lead,
                     struct ens_err *err, const char *fmt, ...)
{
    char fact[FACT_MAX];
    char list[CANDIDATES_ROOM + 1];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(fact, sizeof fact, fmt, args) < 0)
        fact[0] = '\0';
    va_end(args);
    buf_free(&hsm->candidates);
    if (candidates_has_near(c))
        return ens_fail(err, code, "%s: did you mean '%s'", fact, c->near_uri);
    if (c->lines.len <= CANDIDATES_ROOM) {
        join_found(c, list);
        return ens_fail(err, code, "%s: %s%s", fact, lead, list);
    }
    if (!buf_append(&c->lines, view_of("", 1), err))
        return false;
    hsm->candidates = c->lines;
    c->lines = (struct buf){0};
    return ens_fail(err, code, "%s: name one of the %zu that are listed", fact, c->count);
}

const char *candidates_text(const struct hsm *hsm)
{
    return hsm != NULL && hsm->candidates.len > 0 ? (const char *)hsm->candidates.data : NULL;
}
