/* The first page, the last, and the headings. What lies between is in minutes_run.c. */
#include "signer/ceremony/minutes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/minutes_internal.h"
#include "signer/ceremony/transcript_internal.h"

#define GROUPS " ________ ________ ________ ________ ________ ________ ________ ________\n"

static void sheet_free(struct minutes_sheet *s)
{
    buf_free(&s->body);
    buf_free(&s->block);
}

/* ---- the records ---- */

/* Every record after `since`, an intent and its outcome as one run. */
struct runs {
    const struct minutes *m;
    struct minutes_run *items;
    size_t len, room;
    uint8_t before[DIGEST_SIZE]; /* the head at `since` */
    size_t at;                   /* where its records end */
};

static void runs_free(struct runs *r)
{
    mem_free(r->items);
}

static bool collect_run(void *ctx, const struct transcript_record *record, struct ens_err *err)
{
    struct runs *r = ctx;

    if (record->number <= r->m->since) {
        memcpy(r->before, record->hash, sizeof r->before);
        return true;
    }
    if (r->len == 0)
        r->at = record->at;
    if (record->kind == TRANSCRIPT_OUTCOME && r->len > 0) {
        r->items[r->len - 1].outcome = *record;
        return true;
    }
    if (r->len == r->room) {
        size_t room = r->room != 0 ? 2 * r->room : 16;
        void *block = r->items;

        if (!mem_grow(&block, room, sizeof *r->items, err))
            return false;
        r->items = block;
        r->room = room;
    }
    r->items[r->len++] = (struct minutes_run){.record = *record};
    return true;
}

/* The last value of an entry, over all runs; empty: nobody says it. */
static struct view last_value(const struct runs *r, const char *key)
{
    struct view value = {0};

    for (size_t i = r->len; i > 0; i--) {
        if (transcript_find(r->items[i - 1].record.entries, key, &value))
            return value;
    }
    return view_of(NULL, 0);
}

/* ---- the first page ---- */

static void put_kind(struct minutes_sheet *s, const struct runs *r)
{
    bool ticks[MINUTES_DESTRUCTION + 1] = {false};

    for (size_t i = 0; i < r->len; i++)
        ticks[minutes_kind_of(&r->items[i])] = true;
    minutes_line(s, 0, "Kind   [ ] PRACTICE   [%c] key generation   [%c] release ______________",
                 ticks[MINUTES_GENERATION] ? 'x' : ' ', ticks[MINUTES_RELEASE] ? 'x' : ' ');
    minutes_line(s, 0, "       [%c] key destruction   [ ] incident   [ ] other _______________",
                 ticks[MINUTES_DESTRUCTION] ? 'x' : ' ');
}

/* A time is 2026-01-05T10:11:12Z. */
static void put_times(struct minutes_sheet *s, const struct runs *r)
{
    const struct minutes_run *end = &r->items[r->len - 1];
    const char *first = (const char *)r->items[0].record.time.data;
    const char *last = (const char *)(end->outcome.number != 0 ? &end->outcome : &end->record)->time.data;

    minutes_line(s, 0, "Date (UTC) %.10s   Start __:__   End __:__", first);
    minutes_line(s, 4, "   records of %.10s %.8s to %.10s %.8s", first, first + 11, last, last + 11);
}

static void put_token_and_program(struct minutes_sheet *s, const struct runs *r)
{
    struct view value = last_value(r, "token");

    if (value.len > 0)
        minutes_value(s, NULL, "Token: label %4   serial %1   [ ]", value);
    else
        minutes_form(s, "Token: label ______________ serial _________________________ [ ]\n");
    minutes_form(s, "   (serial on the device = serial on the screen)\n"
                    "Start medium, SHA-256 (eight groups of eight):\n" GROUPS
                    "   equal to the value in the minutes of ____-__-__         [ ] __:__\n"
                    "Clock of the host off by no more than 5 minutes            [ ] __:__\n");
    value = last_value(r, "program");
    if (value.len > 0)
        minutes_value(s, NULL, "%1, version %2, SHA-256:#4", value);
    else
        minutes_form(s, "ensign-offline, version ____________ SHA-256:\n" GROUPS);
    value = last_value(r, "directory");
    if (value.len > 0)
        minutes_value(s, NULL, "Directory of this ceremony  %1", value);
    else
        minutes_form(s, "Directory of this ceremony  _________________________________________\n");
}

static void put_first_page(struct minutes_sheet *s, const struct runs *r)
{
    minutes_form(s, "MINUTES OF A SIGNING CEREMONY\n\n");
    put_kind(s, r);
    put_times(s, r);
    minutes_form(s, "Place ______________________________________________________________\n\n"
                    "Role          Name (print)               Organisation     Signature\n"
                    "Operator      ________________________   ______________   ____________\n"
                    "Witness       ________________________   ______________   ____________\n"
                    "PIN holder 1  ________________________   ______________   ____________\n"
                    "PIN holder 2  ________________________   ______________   ____________\n"
                    "Observer      ________________________   ______________   ____________\n"
                    "The operator is not a reviewer and not the witness.     [ ] true\n\n"
                    "Phones and radios off or out of the room                    [ ] __:__\n"
                    "Seal of the safe    No. _________________ intact            [ ] __:__\n"
                    "Seal of the token   No. _________________ intact            [ ] __:__\n");
    put_token_and_program(s, r);
    minutes_line(s, 0, "Size of the transcript before: %" PRIu64 " records.%s", r->m->since,
                 r->m->since > 0 ? " Head:" : "");
    if (r->m->since > 0) {
        minutes_hash(s, r->before, true);
        minutes_form(s, "   equal to the head in the last minutes                   [ ] __:__\n");
    }
    minutes_place(s);
}

/* ---- the last page ---- */

/* The calls of the token since then; an intent that was open there belongs to them. */
static bool put_calls(struct minutes_sheet *s, const struct runs *r, struct ens_err *err)
{
    const struct minutes *m = r->m;
    struct transcript_sum before;

    if (!transcript_verify(view_slice(m->text, 0, r->at), m->name, NULL, &before, err))
        return false;
    minutes_line(s, 0, "Signatures of the token by these records: %" PRIu64 " to %" PRIu64,
                 m->sum->calls_low - before.calls_low,
                 m->sum->calls_high - (before.calls_high - (before.open != 0 ? before.open_items : 0)));
    minutes_form(s, "Signatures that the token counted: before ______ after ______ [ ] no counter\n"
                    "   equal to the signatures in the transcript since then    [ ]\n");
    return true;
}

static bool put_last_page(struct minutes_sheet *s, const struct runs *r, struct ens_err *err)
{
    const struct minutes *m = r->m;

    minutes_line(s, 0, "END OF THE CEREMONY");
    minutes_line(s, 0, "%s", "");
    minutes_line(s, 0,
                 "Records now: %" PRIu64 ", and the chain holds.  Head of the transcript:", m->sum->records);
    minutes_hash(s, m->sum->head, true);
    minutes_form(s, "   equal to what the witness wrote down in the room        [ ] __:__\n");
    if (m->witness != NULL)
        minutes_line(s, 3, "   the head of record %" PRIu64 " is signed by %s", m->witnessed, m->witness);
    if (m->sum->open != 0)
        minutes_line(s, 3, "OPEN: record %" PRIu64 " says no end: what was found ______________________",
                     m->sum->open);
    if (!put_calls(s, r, err))
        return false;
    minutes_form(s, "Copied to the medium: [ ] signatures [ ] transcript [ ] public key\n"
                    "Host switched off, medium for start removed                [ ] __:__\n"
                    "Token in bag No. ____________________ sealed               [ ] __:__\n"
                    "Safe closed, seal No. _______________                      [ ] __:__\n");
    minutes_place(s);
    minutes_form(s, "EXCEPTIONS (number, step, time, what happened, what was decided, initials)\n"
                    " 1 ____________________________________________________________________\n"
                    "   ____________________________________________________________________\n"
                    " 2 ____________________________________________________________________\n"
                    "   ____________________________________________________________________\n"
                    " 3 ____________________________________________________________________\n"
                    "   ____________________________________________________________________\n"
                    "None [ ]\n\n"
                    "All who were there have read these pages and agree.\n"
                    "Name ______________________ Signature ______________________ __:__\n"
                    "Name ______________________ Signature ______________________ __:__\n"
                    "Name ______________________ Signature ______________________ __:__\n"
                    "Name ______________________ does not agree, because ___________________\n");
    minutes_place(s);
    return true;
}

/* ---- the pages ---- */

/* The heading of a page. The end of a name that is too long is what tells files apart. */
static bool number_page(const struct minutes *m, uint64_t page, uint64_t pages, struct buf *ret,
                        struct ens_err *err)
{
    char right[64];
    char range[96];
    char name[MINUTES_COLUMNS + 1];
    size_t len = strlen(m->name);

    (void)snprintf(right, sizeof right, "Page %" PRIu64 " of %" PRIu64, page, pages);
    (void)snprintf(range, sizeof range, ", records %" PRIu64 " to %" PRIu64 " of %" PRIu64, m->since + 1,
                   m->sum->records, m->sum->records);
    size_t fixed = strlen("REPORT OF ") + strlen(range) + 1 + strlen(right);
    size_t room = fixed + 8 < MINUTES_COLUMNS ? MINUTES_COLUMNS - fixed : 8;

    (void)snprintf(name, sizeof name, "%s%s", len > room ? ".." : "",
                   len > room ? m->name + len - (room - 2) : m->name);
    for (char *c = name; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    }
    return buf_printf(ret, err, "REPORT OF %s%s%*s%s\n\n", name, range,
                      (int)(MINUTES_COLUMNS - fixed + 1 - strlen(name)), "", right);
}

static bool number_pages(const struct minutes *m, const struct minutes_sheet *s, struct buf *ret,
                         struct ens_err *err)
{
    struct view left = buf_view(&s->body);

    for (uint64_t page = 1; page <= s->pages + 1; page++) {
        const uint8_t *feed = left.len > 0 ? memchr(left.data, '\f', left.len) : NULL;
        size_t len = feed != NULL ? (size_t)(feed - left.data) : left.len;

        if ((page > 1 && !buf_printf(ret, err, "%s", m->has_feeds ? "\f" : "\n")) ||
            !number_page(m, page, s->pages + 1, ret, err) || !buf_append(ret, view_slice(left, 0, len), err))
            return false;
        left = feed != NULL ? view_slice(left, len + 1, left.len - len - 1) : view_of(NULL, 0);
    }
    return true;
}

bool minutes_write(const struct minutes *m, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(sheet_free) struct minutes_sheet s = {0};
    ENS_CLEANUP(runs_free) struct runs r = {.m = m};
    const struct transcript_sink sink = {.put = collect_run, .ctx = &r};
    struct minutes_kept kept[MINUTES_KEPT_MAX] = {0};
    struct transcript_sum sum;

    if (m->since >= m->sum->records)
        return ens_fail(err, ENS_DATA,
                        "%s: has %" PRIu64 " records, and none after record %" PRIu64
                        ": give a smaller --since",
                        m->name, m->sum->records, m->since);
    if (!transcript_verify(m->text, m->name, &sink, &sum, err))
        return false;
    put_first_page(&s, &r);
    minutes_new_page(&s);
    for (size_t i = 0; i < r.len; i++)
        minutes_put_run(&s, &r.items[i], kept);
    minutes_new_page(&s);
    if (!put_last_page(&s, &r, err))
        return false;
    if (s.failed) {
        *err = s.err;
        return false;
    }
    return number_pages(m, &s, ret, err);
}
