/* approve: a reviewer's yes or no to exactly these sign-data under exactly this key, as a statement that the
 * reviewer's SSH key signs and `sign --approval` counts. The own rebuilds are held against the sign-data
 * first; nothing is written that does not verify. */
#include "signer/cmd/approve/approve.h"

#include <stdio.h>
#include <string.h>

#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/approval.h"
#include "signer/ceremony/armour.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/approval_report.h"
#include "signer/flow/consent_report.h"
#include "signer/flow/signer_name.h"
#include "signer/ui/clock.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

#define DAYS_DEFAULT 30

static void approve_free(struct approve *r)
{
    child_env_free(&r->env);
    output_closep(&r->out);
    statement_free(&r->statement);
    requests_free(&r->requests);
}

/* ---- the command line ---- */

static bool check_approve_usage(const struct approve_options *a, struct ens_err *err)
{
    if (a->ssh_key == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--ssh-key: is missing: name your SSH key, or the .pub file of a key in ssh-agent");
    if (a->pubkey == NULL && a->mrsigner == NULL)
        return ens_fail(err, ENS_USAGE,
                        "an approval is for one signing key: give --pubkey FILE, or --mrsigner HEX");
    if (a->component != NULL && a->rebuilt.len == 0)
        return ens_fail(err, ENS_USAGE,
                        "--component: names a part of --rebuilt, which is missing: give both");
    if (a->beside.layout_from != NULL && a->rebuilt.len == 0)
        return ens_fail(err, ENS_USAGE, "--layout-from: is about --rebuilt, which is missing: give both");
    if (a->reject && (a->until != NULL || a->rebuilt.len > 0))
        return ens_fail(err, ENS_USAGE,
                        "--reject: a no has no end and needs no rebuild: leave --until and --rebuilt out");
    if (a->note != NULL && (!statement_note_valid(view_of_string(a->note)) || strcmp(a->note, "-") == 0))
        return ens_fail(err, ENS_USAGE,
                        "--note: takes 1 to %d printable ASCII characters, no blank at either end, not '-'",
                        STATEMENT_NOTE_MAX);
    return true;
}

static bool read_last_day(const char *until, uint32_t *ret, struct ens_err *err)
{
    uint32_t today = 0;
    struct date d;

    if (!clock_day(&today, err) || !date_of_bcd(today, &d))
        return false;
    if (until == NULL) {
        *ret = date_to_bcd(date_of_days(date_to_days(d) + DAYS_DEFAULT));
        return true;
    }
    if (!date_parse(until, "--until", &d, err))
        return false;
    *ret = date_to_bcd(d);
    return *ret >= today || ens_fail(err, ENS_USAGE, "--until: %s is over: name a day to come", until);
}

/* --replaces: the id of an earlier statement. */
static bool read_replaced(struct approve *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(approval_free) struct approval old = {0};
    enum approval_verdict verdict = APPROVAL_STATEMENT;
    const char *path = r->args->replaces;

    if (path == NULL)
        return true;
    if (!armour_read(path, APPROVAL_FILE_MAX, ARMOUR_ONLY(ARMOUR_APPROVAL), &file, err) ||
        !approval_read(buf_view(&file), &old, &verdict, err))
        return false;
    if (verdict != APPROVAL_YES)
        return ens_fail(err, ENS_DATA,
                        "%s: is not an approval [%s]%s%s: give the file that is to be replaced", path,
                        approval_word(verdict), old.why[0] != '\0' ? ": " : "", old.why);
    if (strcmp(old.key, r->signer.fingerprint) != 0)
        notice_warn("%s: is by another key, %s: it is replaced only if that key is yours as well", path,
                    old.key);
    r->statement.has_replaces = true;
    memcpy(r->statement.replaces, old.id, DIGEST_SIZE);
    return true;
}

/* ---- what is approved ---- */

/* The 256 bytes, under the rules that sign applies to them; a digest says nothing to a reviewer. */
static bool read_signdata(struct approve *r, struct ens_err *err)
{
    const struct requests_wanted wanted = {.paths = r->line->operands,
                                           .len = r->line->operands_len,
                                           .blind = true,
                                           .allow_unusual = r->args->allow_unusual};

    if (wanted.len > STATEMENT_ITEMS_MAX)
        return ens_fail(err, ENS_USAGE, "%zu sign-data are given: an approval holds at most %d", wanted.len,
                        STATEMENT_ITEMS_MAX);
    if (!requests_read(&wanted, &r->requests, err))
        return false;
    for (size_t i = 0; i < r->requests.len; i++) {
        if (r->requests.items[i].is_blind)
            return ens_fail(err, ENS_DATA,
                            "%s: is a bare digest, of which nothing can be reviewed: give the 256 bytes",
                            r->requests.items[i].path);
    }
    return true;
}

/* The build that measures to ENCLAVEHASH of `q`; NULL: nothing was rebuilt. ENS_DATA with both values: none of
 * the builds does. */
static bool find_build(const struct rebuilds *r, const struct request *q, const struct rebuilt **ret,
                       struct ens_err *err)
{
    struct view want = sigstruct_get(&q->css, CSS_ENCLAVEHASH);

    *ret = NULL;
    for (size_t i = 0; i < r->len; i++) {
        if (view_equal(want, view_of(r->items[i].mrenclave, MRENCLAVE_SIZE)))
            *ret = &r->items[i];
    }
    if (*ret != NULL || r->len == 0)
        return true;
    const struct hex want_hex = hex_of(want);
    const struct hex have_hex = hex_of(view_of(r->items[0].mrenclave, MRENCLAVE_SIZE));

    if (r->len == 1)
        return ens_fail(err, ENS_DATA,
                        "%s: is for MRENCLAVE %s, but %s has %s: do not approve; compare the two builds",
                        q->path, want_hex.text, r->items[0].path, have_hex.text);
    return ens_fail(err, ENS_DATA,
                    "%s: is for MRENCLAVE %s, which none of the %zu builds has (%s has %s): do not approve; "
                    "rebuild it, or compare the builds",
                    q->path, want_hex.text, r->len, r->items[0].path, have_hex.text);
}

static bool fill_statement_items(struct approve *r, struct ens_err *err)
{
    struct statement *s = &r->statement;

    s->items = mem_alloc(r->requests.len, sizeof *s->items, err);
    if (s->items == NULL)
        return false;
    for (; s->items_len < r->requests.len; s->items_len++) {
        const struct request *q = &r->requests.items[s->items_len];
        struct statement_item *item = &s->items[s->items_len];
        const struct rebuilt *build = NULL;

        if (!find_build(&r->rebuilds, q, &build, err))
            return false;
        if (s->items_len == 0)
            r->build = build;
        memcpy(item->digest, q->digest, DIGEST_SIZE);
        item->is_rebuilt = build != NULL;
        if (build != NULL)
            memcpy(item->rebuilt, build->sha256, DIGEST_SIZE);
    }
    return statement_sort(s) ||
           ens_fail(err, ENS_DATA, "%s: the same sign-data is given twice: name each once",
                    r->line->operands[0]);
}

static bool fill_statement(struct approve *r, struct ens_err *err)
{
    struct statement *s = &r->statement;

    s->is_yes = !r->args->reject;
    memcpy(s->by, r->signer.fingerprint, sizeof s->by);
    if (r->args->note != NULL)
        memcpy(s->note, r->args->note, strlen(r->args->note) + 1);
    return signer_name_read(r->args->pubkey, r->args->mrsigner, s->mrsigner, err) &&
           read_last_day(r->args->until, &s->until, err) && read_replaced(r, err) &&
           (r->measure == NULL || r->measure(r->args, &r->rebuilds, err)) && fill_statement_items(r, err);
}

/* ---- making it ---- */

/* ssh-keygen's words on the way, such as that a key waits to be touched. */
static bool say_words(void *ctx, struct view piece, struct ens_err *err)
{
    (void)ctx;
    (void)err;
    notice_child("ssh-keygen", piece);
    return true;
}

/* What was made must be what sign will read. */
static bool check_made(const struct approve *r, struct view file, struct ens_err *err)
{
    ENS_CLEANUP(approval_free) struct approval made = {0};
    enum approval_verdict verdict = APPROVAL_STATEMENT;
    bool yes = false;

    if (!approval_read(file, &made, &verdict, err))
        return false;
    if (verdict == APPROVAL_CERTIFICATE)
        return ens_fail(err, ENS_DATA, "%s: is a certificate: give the key alone, whose line is in approvers",
                        r->args->ssh_key);
    if (verdict == APPROVAL_YES &&
        !sshsig_verify(&r->tool, made.signed_text, made.signature_text, &made.signature, &yes, err))
        return false;
    return yes ||
           ens_fail(err, ENS_BADSIG, "%s: what ssh-keygen made is not an approval [%s]: nothing was written",
                    r->args->ssh_key, approval_word(verdict == APPROVAL_YES ? APPROVAL_SIGNATURE : verdict));
}

static void say_made(const struct approve *r)
{
    char mrsigner[REVIEW_SHORT_MAX];
    char what[32];

    review_short(r->statement.mrsigner, mrsigner);
    (void)snprintf(what, sizeof what, "%zu sign-data", r->requests.len);
    notice_say(
        "%s: %s to %s under MRSIGNER %s.", r->args->out.output != NULL ? r->args->out.output : "stdout",
        r->statement.is_yes ? "yes" : "NO", r->requests.len == 1 ? r->line->operands[0] : what, mrsigner);
    notice_say("  Next: carry it to the signing host.");
}

/* The statement as it was made, and the sign-data that it is about. */
static bool print_approval(const struct approve *r, struct view file, struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};
    ENS_CLEANUP(approval_free) struct approval made = {0};
    const struct consent nobody = {0};
    enum approval_verdict verdict = APPROVAL_STATEMENT;

    if (!r->args->json)
        return true;
    if (!approval_read(file, &made, &verdict, err))
        return false;
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "approve");
    report_text(&j, "output", NULL, r->args->out.output);
    approval_report(&made, &j);
    report_array(&j, "items", NULL, 0);
    for (size_t i = 0; i < r->requests.len; i++) {
        report_object(&j, NULL, NULL, 0);
        consent_report_item(&j, &r->requests.items[i], i, &nobody, r->statement.mrsigner);
        report_close(&j);
    }
    report_close(&j);
    return consent_report_set(&j, &r->requests, err) && report_print(&j, err);
}

static bool make(struct approve *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(buf_free) struct buf signature = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct view result;

    if (!statement_encode(&r->statement, &file, err) ||
        !sshsig_make(&r->tool, r->args->ssh_key, buf_view(&file), &signature, err) ||
        !buf_append(&file, buf_view(&signature), err) || !check_made(r, buf_view(&file), err) ||
        !text_form_of(&r->args->form, ARMOUR_APPROVAL, buf_view(&file), &text, &result, err) ||
        !output_commit(r->out, result, err))
        return false;
    say_made(r);
    return print_approval(r, buf_view(&file), err);
}

bool approve_run(const struct command_line *line, approve_measure_fn *measure, struct ens_err *err)
{
    const struct approve_options *args = line->options;
    static const struct sink words = {.put = say_words};
    ENS_CLEANUP(approve_free) struct approve r = {.line = line, .args = args, .measure = measure};
    bool terminal = screen_is_there();

    if (!check_approve_usage(args, err) || !read_signdata(&r, err))
        return false;
    if (!args->yes && !screen_require(line->operands[0], "approve", err))
        return false;
    if (!child_env_make(child_env_ssh, &r.env, err))
        return false;
    r.tool = (struct sshsig_tool){.program = child_env_ssh_keygen,
                                  .env = child_env_list(&r.env),
                                  .tmpdir = child_env_tmpdir(),
                                  .terminal = terminal,
                                  .words = terminal ? &words : NULL};
    return output_open(args->out.output, false, args->out.force, &r.out, err) &&
           sshsig_look(&r.tool, args->ssh_key, &r.signer, err) && fill_statement(&r, err) &&
           approve_confirm(&r, err) && make(&r, err);
}

/* ---- the command, as ensign-offline has it ---- */

static bool run_approve(const struct command_line *line, struct ens_err *err)
{
    return approve_run(line, NULL, err);
}

const struct option approve_rows_signer[] = {
    OPTION_TOPIC("Who answers, for which key"),
    {"ssh-key", 0, APPROVE(SSH_KEY, ssh_key), "FILE",
     "your OpenSSH key, or the .pub file of a key in ssh-agent"},
    {"pubkey", 0, APPROVE(FILE_ONCE, pubkey), "FILE", "the key that will sign, PEM; or"},
    {"mrsigner", 0, APPROVE(ONCE, mrsigner), "HEX", "its MRSIGNER"},
    {0},
};

const struct option approve_rows_answer[] = {
    OPTION_TOPIC("What the answer is"),
    {"until", 0, APPROVE(TEXT, until), "YYYYMMDD",
     "last day on which it counts (default: today and 30 days)"},
    {"reject", 0, APPROVE(FLAG, reject), NULL, "say no: it stops every signature over these bytes"},
    {"replaces", 0, APPROVE(FILE, replaces), "FILE", "take an earlier answer of yours back"},
    {"note", 0, APPROVE(TEXT, note), "TEXT", "a line about it, for the room"},
    {"yes", 0, APPROVE(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-unusual", 0, APPROVE(FLAG, allow_unusual), NULL, "approve fields that are refused as unusual"},
    {"allow-large", 0, APPROVE(FLAG, allow_large), NULL, "measure an enclave however large it is"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, APPROVE(FLAG, json), NULL, "one JSON document about it"},
    {0},
};

const struct command cmd_approve = {
    APPROVE_COMMAND,
    .groups = {{approve_rows_signer, 0},
               {approve_rows_answer, 0},
               {output_rows, offsetof(struct approve_options, out)},
               {text_form_rows, offsetof(struct approve_options, form)}},
    .run = run_approve,
};
