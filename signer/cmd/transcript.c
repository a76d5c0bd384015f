/* transcript: verifies the chain of a ceremony's transcript and prints it. Nothing is printed of a file whose
 * chain is broken: the error says where. Values are printed as they are stored, which is printable. */
#include "signer/ceremony/transcript.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/doc.h"

/* Receives the records, as text or as JSON. */
struct report {
    struct buf *text;
    struct doc *records; /* NULL: text */
    const uint8_t *want; /* the head of --head, or NULL */
    uint64_t want_is;    /* which record that is; 0: none that was seen */
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
        !put_text(p->text, "", r->time, ", exit status ", err) || !put_text(p->text, "", r->exit, "\n", err))
        return false;
    while (transcript_entry(&rest, &key, &value)) {
        if (!put_text(p->text, "  ", key, ": ", err) || !put_text(p->text, "", value, "\n", err))
            return false;
    }
    return true;
}

static bool text_print(const char *name, const struct transcript_head *head, struct buf *records,
                       struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};
    char hex[2 * DIGEST_SIZE + 1];

    hex_encode(hex, view_of(head->hash, sizeof head->hash));
    return text_line(&all, err, "Transcript:   %s", name) && buf_append(&all, buf_view(records), err) &&
           buf_printf(&all, err, "\nRecords:      %" PRIu64 ", and the chain holds\nHead:         %s\n",
                      head->records, hex) &&
           notice_result(buf_view(&all), err);
}

/* ---- JSON ---- */

static bool add_view(struct doc *at, const char *key, struct view v, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = mem_strndup((const char *)v.data, v.len, err);

    if (text == NULL)
        return false;
    doc_text(at, key, text);
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
    doc_hex(record, "sha256", view_of(r->hash, sizeof r->hash));
    if (!add_view(record, "previous", r->previous, err) || !add_view(record, "time", r->time, err))
        return false;
    doc_int(record, "exit_status", decimal(r->exit));
    struct doc *entries = doc_array(record, "entries");

    while (transcript_entry(&rest, &key, &value)) {
        struct doc *entry = doc_object(entries, NULL);

        if (!add_view(entry, "key", key, err) || !add_view(entry, "value", value, err))
            return false;
    }
    return true;
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
static bool check_head(const char *name, const struct report *p, const struct transcript_head *head,
                       struct ens_err *err)
{
    if (p->want == NULL || (p->want_is == head->records && head->records > 0))
        return true;
    if (p->want_is != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: --head is that of record %" PRIu64 " of %" PRIu64
                        ": up to there the chain holds, and records follow that were not expected",
                        name, p->want_is, head->records);
    return ens_fail(err, ENS_DATA,
                    "%s: --head is the head of none of its %" PRIu64
                    " records: records are missing at its end, or it was replaced: compare it with a copy",
                    name, head->records);
}

static bool report(const struct args *args, struct report *p, struct doc *root, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = args->operands[0];
    const struct transcript_sink sink = {.put = on_record, .ctx = p};
    struct transcript_head head;

    if (!file_read_all(name, TRANSCRIPT_FILE_MAX, &file, err))
        return false;
    if (file.len == 0)
        return ens_fail(err, ENS_DATA, "%s: is empty: no record was ever added, or all were removed", name);
    if (!transcript_verify(buf_view(&file), name, &sink, &head, err) || !check_head(name, p, &head, err))
        return false;
    if (root == NULL)
        return text_print(name, &head, p->text, err);
    doc_hex(root, "head", view_of(head.hash, sizeof head.hash));
    return doc_print(root, err);
}

bool cmd_transcript(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(doc_freep) struct doc *root = NULL;
    uint8_t want[DIGEST_SIZE];
    struct report p = {.text = &text, .want = args->head != NULL ? want : NULL};

    if (args->head != NULL && !hex_decode(args->head, "--head", want, sizeof want, err))
        return false;
    if (args->json && !doc_new(&root, err))
        return false;
    if (root != NULL)
        p.records = doc_array(root, "records");
    return report(args, &p, root, err);
}
