/* transcript: verifies the chain of a ceremony's transcript and prints it. Nothing is printed of a file whose
 * chain is broken: the error says where. Words are printed as they are stored, which is printable. */
#include "signer/ceremony/transcript.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/head.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/child_env.h"
#include "signer/ui/doc.h"

/* Receives the records, as text or as JSON. */
struct report {
    struct buf *text;
    struct doc *records; /* NULL: text */
    const uint8_t *want; /* the head of --head, or NULL */
    uint64_t want_is;    /* which record that is; 0: none that was seen */
    char *witness;       /* who signed --signed-head; NULL: it is not given */
    uint64_t witnessed;  /* the record of which it is the head */
};

/* ---- text ---- */

static bool put_text(struct buf *to, const char *before, struct view v, const char *after,
                     struct ens_err *err)
{
    return buf_append(to, view_of_string(before), err) && buf_append(to, v, err) &&
           buf_append(to, view_of_string(after), err);
}

static bool text_record(struct report *p, const struct transcript_record *r, struct ens_err *err)
{
    struct view rest = r->entries;
    struct view key;
    struct view value;

    if (!buf_printf(p->text, err, "\nRecord %" PRIu64 ", ", r->number) ||
        !put_text(p->text, "", r->time, ", ", err) ||
        !buf_printf(p->text, err, "%s", transcript_kind_name(r->kind)) ||
        (r->exit.len > 0 && !put_text(p->text, ", exit status ", r->exit, "", err)) ||
        !buf_printf(p->text, err, "\n"))
        return false;
    while (transcript_entry(&rest, &key, &value)) {
        if (!put_text(p->text, "  ", key, ": ", err) || !put_text(p->text, "", value, "\n", err))
            return false;
    }
    return true;
}

static bool text_print(const char *name, const struct report *p, const struct transcript_sum *sum,
                       struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(sum->head, sizeof sum->head));
    return text_line(&all, err, "Transcript:   %s", name) && buf_append(&all, buf_view(p->text), err) &&
           buf_printf(&all, err, "\nRecords:      %" PRIu64 ", and the chain holds\n", sum->records) &&
           (sum->open == 0 || buf_printf(&all, err, "Open:         record %" PRIu64 "\n", sum->open)) &&
           buf_printf(&all, err, "Calls:        %" PRIu64 "..%" PRIu64 "\nHead:         %s\n", sum->calls_low,
                      sum->calls_high, sum->records > 0 ? hex : "none") &&
           (p->witness == NULL ||
            buf_printf(&all, err, "Witness:      %s, for record %" PRIu64 "\n", p->witness, p->witnessed)) &&
           notice_result(buf_view(&all), err);
}

/* ---- JSON (ensign(5)) ---- */

static bool add_view(struct doc *at, const char *key, struct view v, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = mem_strndup((const char *)v.data, v.len, err);

    if (text == NULL)
        return false;
    doc_text(at, key, text);
    return true;
}

static bool doc_entry(struct doc *entries, struct view key, struct view value, struct ens_err *err)
{
    struct doc *entry = doc_object(entries, NULL);
    struct view word;

    if (!add_view(entry, "key", key, err))
        return false;
    struct doc *words = doc_array(entry, "words");

    while (transcript_word(&value, &word)) {
        if (!add_view(words, NULL, word, err))
            return false;
    }
    return true;
}

static uint64_t decimal(struct view v)
{
    uint64_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n = n * 10 + (uint64_t)(v.data[i] - '0');
    return n;
}

static bool doc_record(struct report *p, const struct transcript_record *r, struct ens_err *err)
{
    struct doc *record = doc_object(p->records, NULL);
    struct view rest = r->entries;
    struct view key;
    struct view value;

    doc_int(record, "number", r->number);
    if (!add_view(record, "previous", r->previous, err) || !add_view(record, "time", r->time, err))
        return false;
    doc_text(record, "kind", transcript_kind_name(r->kind));
    struct doc *entries = doc_array(record, "entries");

    while (transcript_entry(&rest, &key, &value)) {
        if (!doc_entry(entries, key, value, err))
            return false;
    }
    if (r->exit.len > 0)
        doc_int(record, "exit", decimal(r->exit));
    else
        doc_text(record, "exit", NULL);
    doc_hex(record, "hash", view_of(r->hash, sizeof r->hash));
    return true;
}

static bool doc_finish(struct doc *root, const struct report *p, const struct transcript_sum *sum,
                       struct ens_err *err)
{
    if (sum->records > 0)
        doc_hex(root, "head", view_of(sum->head, sizeof sum->head));
    else
        doc_text(root, "head", NULL);
    if (sum->open != 0)
        doc_int(root, "open", sum->open);
    else
        doc_text(root, "open", NULL);
    struct doc *calls = doc_array(root, "calls");

    doc_int(calls, NULL, sum->calls_low);
    doc_int(calls, NULL, sum->calls_high);
    if (p->witness != NULL) {
        doc_text(root, "witness", p->witness);
        doc_int(root, "witnessed", p->witnessed);
    }
    return doc_print(root, err);
}

/* ---- the command ---- */

static bool on_record(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct report *p = ctx;

    if (p->want != NULL && memcmp(p->want, r->hash, sizeof r->hash) == 0)
        p->want_is = r->number;
    return p->records != NULL ? doc_record(p, r, err) : text_record(p, r, err);
}

/* Does it end where it was said to end? */
static bool check_head(const char *name, const struct report *p, const struct transcript_sum *sum,
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

/* Who signed the head, and does it fit? */
static bool check_witness(const struct args *args, struct report *p, struct view text, struct ens_err *err)
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

static bool report(const struct args *args, struct report *p, struct doc *root, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = args->operands[0];
    const struct transcript_sink sink = {.put = on_record, .ctx = p};
    struct transcript_sum sum;

    if (!transcript_read(name, &file, err) || !transcript_verify(buf_view(&file), name, &sink, &sum, err) ||
        !check_head(name, p, &sum, err) || !check_witness(args, p, buf_view(&file), err))
        return false;
    if (sum.back != 0)
        notice_warn("%s: the time of record %" PRIu64 " is before that of the record before it", name,
                    sum.back);
    if (args->head_statement ? !print_statement(name, &sum, buf_view(&file), err)
        : root == NULL       ? !text_print(name, p, &sum, err)
                             : !doc_finish(root, p, &sum, err))
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

bool cmd_transcript(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(doc_freep) struct doc *root = NULL;
    uint8_t want[DIGEST_SIZE];
    struct report p = {.text = &text, .want = args->head != NULL ? want : NULL};

    if ((args->witnesses == NULL) != (args->signed_head == NULL))
        return ens_fail(err, ENS_USAGE, "--%s: is for --%s: give both",
                        args->witnesses != NULL ? "witnesses" : "signed-head",
                        args->witnesses != NULL ? "signed-head" : "witnesses");
    if ((args->head != NULL && !read_want(args->head, want, err)) || (args->json && !doc_new(&root, err)))
        return false;
    if (root != NULL) {
        doc_text(root, "kind", "transcript");
        doc_int(root, "format", 1);
        doc_text(root, "file", args->operands[0]);
        p.records = doc_array(root, "records");
    }
    bool ok = report(args, &p, root, err);

    mem_free(p.witness);
    return ok;
}
