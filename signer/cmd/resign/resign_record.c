/* The records of resign. */
#include "signer/cmd/resign/resign_record.h"

#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/flow/record.h"

/* Errors of files in one record; the report has all of them. */
#define ERRORS_MAX 8

/* Bytes of an intent at most, and what an item takes besides its paths: less than a record can have. */
#define CHUNK_BYTES (3u << 20)
#define ITEM_BYTES  1024u

/* Which enclave an item is; the name of the item, if it has one of its own. */
struct resign_place {
    size_t file, enclave;
    char *name;
};

void resign_chunk_free(struct resign_chunk *c)
{
    for (size_t i = 0; i < c->len; i++)
        mem_free(c->places[i].name);
    mem_free(c->places);
    mem_free(c->items);
    *c = (struct resign_chunk){0};
}

/* Is the enclave one that is signed or kept? Of a file that failed nothing is announced. */
static bool is_item(const struct resign_file *f, const struct resign_enclave *x)
{
    return f->err.code == ENS_OK && x->has_fields &&
           (x->status == RESIGN_NOT_DONE || x->status == RESIGN_SKIPPED);
}

static size_t count_items(const struct resign_file *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->len; i++)
        n += is_item(f, &f->enclaves[i]);
    return n;
}

/* Bytes that the items of a file take at most: a byte of a path is up to four. */
static size_t weigh_items(const struct resign_file *f)
{
    size_t paths = 2 * strlen(f->path) + (f->out_path != NULL ? strlen(f->out_path) : 0);

    return count_items(f) * (ITEM_BYTES + 4 * paths);
}

static bool add_item(const struct resign *r, size_t file, size_t enclave, struct resign_chunk *to,
                     struct ens_err *err)
{
    const struct resign_file *f = &r->files[file];
    const struct resign_enclave *x = &f->enclaves[enclave];
    struct transcript_item *item = &to->items[to->len];
    struct resign_place *place = &to->places[to->len];

    *place = (struct resign_place){.file = file, .enclave = enclave};
    if (x->component != NULL) {
        place->name = mem_printf(err, "%s#%s", f->path, x->component);
        if (place->name == NULL)
            return false;
    }
    *item = (struct transcript_item){.what = "sign-data",
                                     .file = place->name != NULL ? place->name : f->path,
                                     .output = f->out_path != NULL ? f->out_path : f->path};
    memcpy(item->digest, x->digest, sizeof item->digest);
    to->waiting += x->status == RESIGN_NOT_DONE;
    to->len++;
    return true;
}

static bool add_chunk_file(const struct resign *r, size_t file, struct resign_chunk *to, struct ens_err *err)
{
    for (size_t k = 0; k < r->files[file].len; k++) {
        if (is_item(&r->files[file], &r->files[file].enclaves[k]) && !add_item(r, file, k, to, err))
            return false;
    }
    return true;
}

bool resign_chunk_make(const struct resign *r, size_t first, struct resign_chunk *ret, struct ens_err *err)
{
    ENS_CLEANUP(resign_chunk_free) struct resign_chunk c = {.first = first};
    size_t items = 0;
    size_t bytes = 0;

    for (size_t i = first; i < r->len; i++) {
        items += count_items(&r->files[i]);
        bytes += weigh_items(&r->files[i]);
        if (items > TRANSCRIPT_ITEMS_MAX || (bytes > CHUNK_BYTES && c.files > 0))
            break;
        c.files++;
    }
    if (c.files == 0)
        return ens_fail(err, ENS_DATA, "%s: has more than %u enclaves, which one intent cannot announce",
                        r->files[first].path, TRANSCRIPT_ITEMS_MAX);
    c.items = mem_alloc(items, sizeof *c.items, err);
    if (c.items == NULL)
        return false;
    c.places = mem_alloc(items, sizeof *c.places, err);
    if (c.places == NULL)
        return false;
    for (size_t i = 0; i < c.files; i++) {
        if (!add_chunk_file(r, first + i, &c, err))
            return false;
    }
    *ret = c;
    c = (struct resign_chunk){0};
    return true;
}

/* ---- by which rules ---- */

static void add_outcome(const struct policy_outcome *own, struct policy_outcome *to)
{
    for (int c = 0; c < POLICY_CHECKS; c++) {
        if (own->rows[c].result != POLICY_ABSENT && to->rows[c].result != POLICY_FAILS)
            to->rows[c].result = own->rows[c].result;
    }
}

/* What the lines say of the command and of every enclave that was looked at. What was not reached, such as
 * the key, does not hold. */
static void judge_all(const struct resign *r, struct policy_outcome *ret)
{
    policy_outcome_begin(r->policy, ret);
    policy_check_sole_key(r->policy, ret);
    policy_check_transcript(r->policy, r->args->record.transcript != NULL, ret);
    policy_check_confirm(r->policy, !r->args->yes, ret);
    policy_check_items(r->policy, resign_count(r, false) > 0 ? resign_count(r, false) : r->len, ret);
    for (size_t i = 0; i < r->len; i++) {
        for (size_t k = 0; k < r->files[i].len; k++) {
            struct policy_outcome own = {0};

            if (!r->files[i].enclaves[k].has_fields)
                continue;
            policy_check_fields(r->policy, &r->files[i].enclaves[k].css, &own);
            add_outcome(&own, ret);
        }
    }
}

/* Nothing is announced, and no run ends well, that a line does not hold for. */
static void record_policy_of(struct transcript *t, const struct resign *r, bool all_hold)
{
    struct policy_outcome outcome = {0};
    size_t lines = 0;
    size_t hold = 0;

    if (t == NULL || r->policy == NULL)
        return;
    judge_all(r, &outcome);
    policy_count(r->policy, &outcome, &lines, &hold);
    record_policy_files(t, r->args->policy, r->policy, lines, all_hold ? lines : hold);
}

bool resign_chunk_begin(struct transcript *t, const struct resign *r, struct resign_chunk *c,
                        struct ens_err *err)
{
    token_calls(&r->signer.token, &c->started, &c->completed);
    record_policy_of(t, r, true);
    for (size_t i = 0; i < c->len && t != NULL; i++)
        record_fields(t, i + 1, &r->files[c->places[i].file].enclaves[c->places[i].enclave].css);
    return record_intent(t, c->items, c->len, err);
}

/* ---- what became of them ---- */

static struct transcript_result result_of(const struct resign *r, const struct resign_place *p)
{
    const struct resign_file *f = &r->files[p->file];
    struct transcript_result result = {.end = TRANSCRIPT_NOT_TRIED};

    /* A file that was prepared anew may have fewer than were announced: then it failed. */
    if (p->enclave >= f->len)
        return result;
    const struct resign_enclave *x = &f->enclaves[p->enclave];

    result.end = x->status == RESIGN_SIGNED    ? TRANSCRIPT_WRITTEN
                 : x->status == RESIGN_SKIPPED ? TRANSCRIPT_KEPT
                 : x->is_signed                ? TRANSCRIPT_UNWRITTEN
                 : x->is_tried                 ? TRANSCRIPT_FAILED
                                               : TRANSCRIPT_NOT_TRIED;
    if (result.end != TRANSCRIPT_FAILED && result.end != TRANSCRIPT_NOT_TRIED &&
        !resign_sum(x, result.sha256))
        result.end = TRANSCRIPT_FAILED;
    return result;
}

/* Records the errors of files; gives the first failure of all files before `end`. */
static enum ens_code record_failed(struct transcript *t, const struct resign *r, size_t first, size_t end)
{
    enum ens_code code = ENS_OK;
    size_t errors = 0;

    for (size_t i = 0; i < end; i++) {
        const struct ens_err *e = &r->files[i].err;

        if (e->code == ENS_OK)
            continue;
        if (code == ENS_OK)
            code = e->code;
        if (i >= first && errors++ < ERRORS_MAX)
            record_error(t, e);
    }
    return code;
}

bool resign_chunk_end(struct transcript *t, const struct resign *r, const struct resign_chunk *c,
                      enum ens_code stopped, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) struct transcript_result *results = mem_alloc(c->len, sizeof *results, err);
    struct record_end end = {.results = results, .len = c->len};
    enum ens_code code = ENS_OK;
    struct ens_err why = {0};

    if (results == NULL)
        return false;
    for (size_t i = 0; i < c->len; i++)
        results[i] = result_of(r, &c->places[i]);
    token_calls(&r->signer.token, &end.started, &end.completed);
    end.started -= c->started;
    end.completed -= c->completed;
    code = record_failed(t, r, c->first, c->first + c->files);
    code = stopped != ENS_OK ? stopped : code;
    why.code = code;
    if (code == ENS_INTERRUPTED)
        (void)resign_fail_interrupted(r, &why);
    if (!record_end(t, &end, code == ENS_OK, &why) && transcript_has_intent(t)) {
        *err = why;
        return false;
    }
    return true;
}

bool resign_record_run(struct transcript *t, const struct resign *r, bool ok, struct ens_err *err)
{
    ENS_CLEANUP(resign_chunk_free) struct resign_chunk c = {0};
    struct ens_err ignored = {0};

    if (t == NULL)
        return ok;
    record_policy_of(t, r, ok);
    (void)record_failed(t, r, 0, r->len);
    /* As many as one record takes: what is more stands in the report. */
    bool has_items = r->len > 0 && resign_chunk_make(r, 0, &c, &ignored);

    return record_end(t, &(struct record_end){.items = has_items ? c.items : NULL, .len = c.len}, ok, err);
}
