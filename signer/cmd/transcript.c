/* transcript: verifies the chain of a ceremony's transcript and prints it. Nothing is printed of a file whose
 * chain is broken: the error says where. Words are printed as they are stored, which is printable. */
#include "signer/ceremony/transcript.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/head.h"
#include "signer/ceremony/minutes.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/child_env.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"
#include "signer/ui/report.h"

/* Receives the records. */
struct chain {
    struct report report;
    const uint8_t *want; /* the head of --head, or NULL */
    uint64_t want_is;    /* which record that is; 0: none that was seen */
    char *witness;       /* who signed --signed-head; NULL: it is not given */
    uint64_t witnessed;  /* the record of which it is the head */
    uint64_t since;      /* the minutes tell of the records after this one */
};

static void chain_free(struct chain *l)
{
    report_free(&l->report);
    mem_free(l->witness);
}

static void add_view(struct report *r, const char *key, struct view v)
{
    report_field(r, key, NULL, "%.*s", (int)v.len, (const char *)v.data);
}

static void report_entry(struct report *r, struct view key, struct view value)
{
    struct view word;

    report_line(r, "%.*s: %.*s", (int)key.len, (const char *)key.data, (int)value.len,
                (const char *)value.data);
    report_object(r, NULL, NULL, 0);
    add_view(r, "key", key);
    report_array(r, "words", NULL, 0);
    while (transcript_word(&value, &word))
        add_view(r, NULL, word);
    report_close(r);
    report_close(r);
}

static uint64_t decimal(struct view v)
{
    uint64_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n = n * 10 + (uint64_t)(v.data[i] - '0');
    return n;
}

static void report_end_of_record(struct report *r, const struct transcript_record *t)
{
    if (t->exit.len > 0)
        report_uint(r, "exit", NULL, decimal(t->exit));
    else
        report_null(r, "exit");
    report_hex(r, "hash", NULL, view_of(t->hash, sizeof t->hash));
}

static bool on_record(void *ctx, const struct transcript_record *t, struct ens_err *err)
{
    struct chain *l = ctx;
    struct report *r = &l->report;
    struct view rest = t->entries;
    struct view key;
    struct view value;

    (void)err;
    if (l->want != NULL && memcmp(l->want, t->hash, sizeof t->hash) == 0)
        l->want_is = t->number;
    report_line(r, "%s", "");
    report_line(r, "Record %" PRIu64 ", %.*s, %s%s%.*s", t->number, (int)t->time.len,
                (const char *)t->time.data, transcript_kind_name(t->kind),
                t->exit.len > 0 ? ", exit status " : "", (int)t->exit.len, (const char *)t->exit.data);
    report_object(r, NULL, NULL, 2);
    report_uint(r, "number", NULL, t->number);
    add_view(r, "previous", t->previous);
    add_view(r, "time", t->time);
    report_text(r, "kind", NULL, transcript_kind_name(t->kind));
    report_array(r, "entries", NULL, 0);
    while (transcript_entry(&rest, &key, &value))
        report_entry(r, key, value);
    report_close(r);
    report_end_of_record(r, t);
    report_close(r);
    return true;
}

static void report_sum(struct chain *l, const struct transcript_sum *sum)
{
    struct report *r = &l->report;

    report_line(r, "%s", "");
    report_note(r, "Records:", "%" PRIu64 ", and the chain holds", sum->records);
    if (sum->open != 0)
        report_note(r, "Open:", "record %" PRIu64, sum->open);
    report_note(r, "Calls:", "%" PRIu64 "..%" PRIu64, sum->calls_low, sum->calls_high);
    if (sum->records == 0)
        report_note(r, "Head:", "none");
    report_hash(r, "head",
                "Head:", sum->records > 0 ? view_of(sum->head, sizeof sum->head) : view_of(NULL, 0));
    if (sum->open != 0)
        report_uint(r, "open", NULL, sum->open);
    else
        report_null(r, "open");
    report_array(r, "calls", NULL, 0);
    report_uint(r, NULL, NULL, sum->calls_low);
    report_uint(r, NULL, NULL, sum->calls_high);
    report_close(r);
    if (l->witness == NULL)
        return;
    report_note(r, "Witness:", "%s, for record %" PRIu64, l->witness, l->witnessed);
    report_text(r, "witness", NULL, l->witness);
    report_uint(r, "witnessed", NULL, l->witnessed);
}

/* ---- the command ---- */

/* Does it end where it was said to end? */
static bool check_head(const char *name, const struct chain *p, const struct transcript_sum *sum,
                       struct ens_err *err)
{
    if (p->want == NULL || (p->want_is == sum->records && sum->records > 0))
        return true;
    if (p->want_is != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: --head is that of record %" PRIu64 " of %" PRIu64
                        ": up to there the chain holds, and records follow that were not expected",
                        name, p->want_is, sum->records);
    return ens_fail(err, ENS_DATA,
                    "%s: --head is the head of none of its %" PRIu64
                    " records: records are missing at its end, or it was replaced: compare it with a copy",
                    name, sum->records);
}

struct transcript_options {
    const char *head;
    const char *witnesses, *signed_head;
    const char *since; /* the number of a record */
    bool head_statement, report, json;
};

/* Who signed the head, and does it fit? */
static bool check_witness(const struct transcript_options *args, struct chain *p, struct view text,
                          struct ens_err *err)
{
    static const struct sshsig_tool tool = {.program = child_env_ssh_keygen};
    ENS_CLEANUP(people_freep) struct people *people = NULL;
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(buf_free) struct buf names = {0};
    const char *person = NULL;

    if (args->witnesses == NULL)
        return true;
    if (!hand_read(args->witnesses, &names, err) ||
        !people_parse(buf_view(&names), args->witnesses, &people, err) ||
        !file_read_all(args->signed_head, HEAD_FILE_MAX, &file, err) ||
        !head_check(&tool, people, buf_view(&file), args->signed_head, text, &person, &p->witnessed, err))
        return false;
    p->witness = mem_strdup(person, err);
    return p->witness != NULL;
}

/* The lines that a witness signs, and nothing else. */
static bool print_statement(const char *name, const struct transcript_sum *sum, struct view text,
                            struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf lines = {0};

    return head_statement(sum, text, name, &lines, err) && notice_result(buf_view(&lines), err);
}

/* The minutes, for paper: with form feeds, but not on a terminal. */
static bool print_minutes(const char *name, const struct chain *l, const struct transcript_sum *sum,
                          struct view text, struct ens_err *err)
{
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    ENS_CLEANUP(buf_free) struct buf pages = {0};
    const struct minutes m = {.name = name,
                              .text = text,
                              .sum = sum,
                              .since = l->since,
                              .witness = l->witness,
                              .witnessed = l->witnessed,
                              .has_feeds = !notice_result_is_watched()};

    if (!minutes_write(&m, &pages, err))
        return false;
    if (!m.has_feeds)
        return notice_result(buf_view(&pages), err);
    return output_open(NULL, false, false, &out, err) && output_commit(out, buf_view(&pages), err);
}

static bool print_transcript(const struct transcript_options *args, const char *name, struct chain *l,
                             struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const struct transcript_sink sink = {.put = on_record, .ctx = l};
    struct transcript_sum sum;

    if (!transcript_read(name, &file, err) || !transcript_verify(buf_view(&file), name, &sink, &sum, err) ||
        !check_head(name, l, &sum, err) || !check_witness(args, l, buf_view(&file), err))
        return false;
    if (sum.back != 0)
        notice_warn("%s: the time of record %" PRIu64 " is before that of the record before it", name,
                    sum.back);
    report_close(&l->report);
    report_sum(l, &sum);
    if (!(args->head_statement ? print_statement(name, &sum, buf_view(&file), err)
          : args->report       ? print_minutes(name, l, &sum, buf_view(&file), err)
                               : report_print(&l->report, err)))
        return false;
    return sum.open == 0 || transcript_fail_open(&sum, name, ENS_NO, err);
}

/* --head takes the groups in which a head is written down as well. */
static bool read_want(const char *text, uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *digits = mem_strdup(text, err);
    size_t len = 0;

    if (digits == NULL)
        return false;
    for (; *text != '\0'; text++) {
        if (*text != ' ')
            digits[len++] = *text;
    }
    digits[len] = '\0';
    return hex_decode(digits, "--head", ret, DIGEST_SIZE, err);
}

static bool run_transcript(const struct command_line *line, struct ens_err *err)
{
    const struct transcript_options *args = line->options;
    const char *name = line->operands[0];
    ENS_CLEANUP(chain_free) struct chain l = {0};
    uint8_t want[DIGEST_SIZE];

    if ((args->witnesses == NULL) != (args->signed_head == NULL))
        return ens_fail(err, ENS_USAGE, "--%s: is for --%s: give both",
                        args->witnesses != NULL ? "witnesses" : "signed-head",
                        args->witnesses != NULL ? "signed-head" : "witnesses");
    if (args->since != NULL && !args->report)
        return ens_fail(err, ENS_USAGE, "--since: is for --report: give it as well");
    if (args->report && (args->json || args->head_statement))
        return ens_fail(err, ENS_USAGE, "--report: is text for paper: leave out --%s",
                        args->json ? "json" : "head-statement");
    if (args->since != NULL && !num_parse(args->since, "--since", UINT32_MAX, &l.since, err))
        return false;
    if (args->head != NULL && !read_want(args->head, want, err))
        return false;
    l.want = args->head != NULL ? want : NULL;
    report_begin(&l.report, args->json ? REPORT_JSON : REPORT_TEXT, 14);
    report_note(&l.report, "Transcript:", "%s", name);
    report_text(&l.report, "kind", NULL, "transcript");
    report_uint(&l.report, "format", NULL, 1);
    report_text(&l.report, "file", NULL, name);
    report_array(&l.report, "records", NULL, 0);
    return print_transcript(args, name, &l, err);
}

#define TRANSCRIPT(KIND, member) OPTION(KIND, struct transcript_options, member)

static const struct option transcript_rows[] = {
    OPTION_TOPIC("Is it the record of the room?"),
    {"head", 0, TRANSCRIPT(TEXT, head), "HEX",
     "the head that was written down: the last record must be that one"},
    {"signed-head", 0, TRANSCRIPT(FILE_ONCE, signed_head), "FILE",
     "a head that one of them signed: the record must have it"},
    {"witnesses", 0, TRANSCRIPT(FILE_ONCE, witnesses), "FILE",
     "persons and their keys, as approvers of a policy"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"head-statement", 0, TRANSCRIPT(FLAG, head_statement), NULL,
     "print the four lines that a witness signs"},
    {"report", 0, TRANSCRIPT(FLAG, report), NULL, "print the minutes, for paper: what people know is blank"},
    {"since", 0, TRANSCRIPT(TEXT, since), "N", "with --report: of the records after record N"},
    {"json", 0, TRANSCRIPT(FLAG, json), NULL, "one JSON document"},
    {0},
};

const struct command cmd_transcript = {
    .name = "transcript",
    .operands = "FILE",
    .summary = "check and print the record of a ceremony",
    .examples = "transcript room.log\n"
                "transcript --head-statement room.log",
    .see_also = "sign, keygen (which write it)",
    .size = sizeof(struct transcript_options),
    .groups = {{transcript_rows, 0}},
    .min = 1,
    .max = 1,
    .wants_record = true,
    .run = run_transcript,
};
