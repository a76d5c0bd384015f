/* show of several sign-data: the table of their review, and one SHA-256 over all of them, as sign will show it. */
#include "signer/base/digest.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/request.h"
#include "signer/ui/clock.h"

static bool say_table(struct report *r, const struct review_item *items, size_t len, struct ens_err *err)
{
    const struct review_table t = {.items = items, .len = len, .grouped = r->is_grouped};
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (!review_table_top(&t, &text, err) || !review_table_header(&t, &text, err) ||
        !review_table_rows(&t, &text, err) || !review_table_set(&t, &text, err))
        return false;
    report_lines(r, buf_view(&text));
    return true;
}

static void set_item(struct report *r, const struct review_item *item)
{
    const struct sigstruct *css = item->review.css;
    struct findings dangers = {0};
    char name[REVIEW_NAME_MAX];

    review_dangers(&item->review, &dangers);
    report_object(r, NULL, NULL, 0);
    report_text(r, "file", NULL, item->name);
    report_hex(r, "digest", NULL, view_of(item->review.digest, DIGEST_SIZE));
    report_hex(r, "mrenclave", NULL, sigstruct_get(css, CSS_ENCLAVEHASH));
    review_item_facts(css, r);
    report_array(r, "dangers", NULL, 0);
    for (size_t i = 0; i < dangers.len; i++)
        report_text(r, NULL, NULL, review_danger_name(&dangers.items[i], name));
    report_close(r);
    report_close(r);
}

/* A file that holds an enclave is one too many on the command line, not sign-data that is malformed. */
static bool fail_read(char *const *paths, size_t len, struct ens_err *err)
{
    for (size_t i = 0; err->code == ENS_DATA && i < len; i++) {
        ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
        struct ens_err ignored = {0};

        if (artifact_open(paths[i], &a, &ignored) && artifact_holds_enclave(a.kind))
            return ens_fail(err, ENS_USAGE,
                            "%s: is %s, and of several files all must be sign-data: show it by itself",
                            paths[i], artifact_kind_name(a.kind));
    }
    return false;
}

bool show_set(struct report *r, char *const *paths, size_t len, struct ens_err *err)
{
    ENS_CLEANUP(requests_free) struct requests requests = {0};
    ENS_CLEANUP(mem_freep) struct review_item *items = mem_alloc(len, sizeof *items, err);
    const struct requests_wanted wanted = {.paths = paths, .len = len, .allow_unusual = true};
    uint8_t digest[DIGEST_SIZE];

    if (items == NULL)
        return false;
    if (!requests_read(&wanted, &requests, err))
        return fail_read(paths, len, err);
    for (size_t i = 0; i < len; i++) {
        const struct request *q = &requests.items[i];

        items[i] = (struct review_item){
            .name = q->path, .review = {.css = &q->css, .digest = q->digest, .today = clock_danger_day()}};
    }
    if (!say_table(r, items, len, err) || !review_set_digest(items, len, digest, err))
        return false;
    report_kind(r, "review");
    report_array(r, "items", NULL, 0);
    for (size_t i = 0; i < len; i++)
        set_item(r, &items[i]);
    report_close(r);
    report_hex(r, "set_digest", NULL, view_of(digest, sizeof digest));
    return true;
}
