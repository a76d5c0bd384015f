/* One run as the minutes tell it: what its records hold, and the blanks that belong to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/minutes_internal.h"
#include "signer/ceremony/transcript_internal.h"

/* ---- entries ---- */

/* How an entry is told: %N is its word N; #N and @N a hash on a line of its own, @ with words. A key that has no row is
 * told with all its words. */
struct row {
    const char *key, *label, *text;
    bool is_kept; /* told again only if it has changed */
};

static const struct row rows[] = {
    {"program", "program", "%1 %2, commit %3, SHA-256#4", true},
    {"host", "host", "%1", true},
    {"uid", "user", "%1", true},
    {"directory", "directory", "%1", true},
    {"module", "module", "%1, SHA-256#2", true},
    {"ssh-keygen", "ssh-keygen", "%1, SHA-256#2", true},
    {"token", "token", "%4, serial %1 (%2, %3)", false},
    {"key", "key", "%3, MRSIGNER@1", false},
    {"policy", "policy", "%1, %4 of %3 lines hold, id@2", false},
    {"approval", "approval", "%2: %3, %1, key %5", false},
    {"rejection", "REJECTED", "by %3, of#1", false},
    {"confirmation", "answer", "%2 (%1)", false},
    {"review", "screen", "%1 columns, %2 rows", false},
    {"creates", "creates", "%2 in token %1", false},
    {"intent", "of record", "%1", false},
    {"spki", "public key", "SHA-256 of its DER#1", false},
    {"destroys", "destroys", "%2, MRSIGNER@1", false},
    {"gone", "read back", "gone: %1", false},
    {"calls", "calls", "%1 started, %2 completed", false},
    {"quorum", "quorum", "%2 sign, %3, id@1", false},
    {"combined", "signature", "combined, SHA-256#1", false},
    /* Told elsewhere, or twice. */
    {"items", NULL, NULL, false},
    {"mrsigner", NULL, NULL, false},
    {"fields", NULL, NULL, false},
    {"check", NULL, NULL, false},
    {"item", NULL, NULL, false},
    {"result", NULL, NULL, false},
};

/* Is it as it was? Remembers it if not. */
static bool is_as_kept(struct minutes_kept *kept, const char *key, struct view value)
{
    size_t i = 0;

    while (i < MINUTES_KEPT_MAX - 1 && kept[i].key != NULL && strcmp(kept[i].key, key) != 0)
        i++;
    if (kept[i].key != NULL && view_equal(kept[i].value, value))
        return true;
    kept[i] = (struct minutes_kept){key, value};
    return false;
}

/* ---- the run ---- */

static void put_entries(struct minutes_sheet *s, struct view entries, struct minutes_kept *kept)
{
    struct view key;
    struct view value;

    while (transcript_entry(&entries, &key, &value)) {
        char name[TRANSCRIPT_KEY_MAX + 1] = "";
        const struct row *row = rows;
        const struct row *end = rows + sizeof rows / sizeof rows[0];

        memcpy(name, key.data, key.len < sizeof name ? key.len : sizeof name - 1);
        while (row < end && strcmp(row->key, name) != 0)
            row++;
        if (row == end)
            minutes_value(s, name, NULL, value);
        else if (row->label != NULL && (!row->is_kept || !is_as_kept(kept, row->key, value)))
            minutes_value(s, row->label, row->text, value);
    }
}

/* Its command without options, but for --dry-run. */
static bool name_command(const struct minutes_run *run, struct buf *ret, struct ens_err *err)
{
    struct view value = {0};
    struct view word;

    if (!transcript_find(run->record.entries, "command", &value))
        return buf_printf(ret, err, "%s", transcript_kind_name(run->record.kind));
    while (transcript_word(&value, &word)) {
        bool is_option = view_begins(word, view_of_string("--"));

        if ((!is_option || view_is(word, "--dry-run")) &&
            !((ret->len == 0 || buf_printf(ret, err, " ")) && minutes_put_word(ret, word, err)))
            return false;
    }
    return true;
}

static void put_first_line(struct minutes_sheet *s, const struct minutes_run *run, struct view command)
{
    const struct transcript_record *end = run->outcome.number != 0 ? &run->outcome : &run->record;
    const char *time = (const char *)run->record.time.data;
    char more[32] = "";

    if (run->outcome.number != 0)
        (void)snprintf(more, sizeof more, ", %" PRIu64, run->outcome.number);
    minutes_line(s, MINUTES_HANG, "Record%s %" PRIu64 "%s  %.10s %.8s UTC  %.*s%s%.*s",
                 more[0] != '\0' ? "s" : "", run->record.number, more, time, time + 11, (int)command.len,
                 command.len > 0 ? (const char *)command.data : "",
                 end->exit.len > 0                       ? "  exit status "
                 : run->record.kind == TRANSCRIPT_INTENT ? "  NO END"
                                                         : "",
                 (int)end->exit.len, end->exit.len > 0 ? (const char *)end->exit.data : "");
}

static const char *const pens[] = {
    [MINUTES_OTHER] = "",
    [MINUTES_GENERATION] = "  MRSIGNER written down by the witness, read back aloud, equal [ ] __:__\n"
                           "  The test signature is counted: token before ______ after ______\n"
                           "  Backup made [ ]  and tried with sign --dry-run             [ ] __:__\n",
    [MINUTES_RELEASE] = "  Reviewers' values, written down before   [ ] phone [ ] paper [ ] ______\n"
                        "  MRENCLAVE: witness read aloud, operator compared           [ ] __:__\n"
                        "  Rows of words 1 [ ]  2 [ ]  3 [ ]  4 [ ]  read aloud, equal   __:__\n"
                        "  Policy id equal to the minutes of ____-__-__               [ ] __:__\n"
                        "  Approvals on the screen: ____ of ____, the names above     [ ] __:__\n"
                        "  Dangers accepted by (name, initials) _______________________________\n",
    [MINUTES_DESTRUCTION] = "  Decided by ________________________________ on paper No. ______________\n"
                            "  Verifiers accept the new MRSIGNER, nothing is left to sign [ ] __:__\n"
                            "  Inventory (keys) before and after: only this key is gone   [ ] __:__\n"
                            "  Its backups destroyed: ____ of ____, each written down      [ ] __:__\n",
};

enum minutes_kind minutes_kind_of(const struct minutes_run *run)
{
    static const struct {
        const char *word;
        enum minutes_kind kind;
    } commands[] = {{"keygen", MINUTES_GENERATION},
                    {"quorum deal", MINUTES_GENERATION},
                    {"sign", MINUTES_RELEASE},
                    {"resign", MINUTES_RELEASE},
                    {"quorum sign", MINUTES_RELEASE},
                    {"quorum combine", MINUTES_RELEASE},
                    {"destroy-key", MINUTES_DESTRUCTION},
                    {"quorum destroy", MINUTES_DESTRUCTION}};
    const struct transcript_record *end = run->outcome.number != 0 ? &run->outcome : &run->record;
    ENS_CLEANUP(buf_free) struct buf name = {0};
    struct ens_err err = {0};

    for (size_t i = 0; view_is(end->exit, "0") && i < sizeof commands / sizeof commands[0]; i++) {
        name.len = 0;
        if (name_command(run, &name, &err) && view_is(buf_view(&name), commands[i].word))
            return commands[i].kind;
    }
    return MINUTES_OTHER;
}

void minutes_put_run(struct minutes_sheet *s, const struct minutes_run *run,
                     struct minutes_kept kept[static MINUTES_KEPT_MAX])
{
    ENS_CLEANUP(buf_free) struct buf command = {0};

    /* What is read aloud at a signature has its words on that page. */
    if (run->record.kind == TRANSCRIPT_INTENT)
        s->worded_len = 0;
    if (!name_command(run, &command, &s->err))
        s->failed = true;
    put_first_line(s, run, buf_view(&command));
    put_entries(s, run->record.entries, kept);
    minutes_put_signed(s, run);
    put_entries(s, run->outcome.entries, kept);
    minutes_form(s, pens[minutes_kind_of(run)]);
    minutes_place(s);
}
