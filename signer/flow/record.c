/* What a run leaves in a transcript: beginning and end. What lies between is in record_facts.c. */
#include "signer/flow/record.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/version.h"
#include "signer/ui/clock.h"
#include "signer/ui/notice.h"

const struct option record_rows[] = {
    OPTION_TOPIC(TOPIC_RECORD),
    {"transcript", 0, OPTION(RECORD, struct record_options, transcript), "FILE",
     "append a record of this run"},
    {"note", 0, OPTION(TEXT, struct record_options, note), "TEXT",
     "who operates, who witnesses: goes into the record"},
    {"acknowledge", 0, OPTION(TEXT, struct record_options, acknowledge), "N",
     "go on after record N, which says no end (0: after a cut one)"},
    {0},
};

#define OPTION_MAX 40 /* bytes of an option's name, with its dashes */

/* ---- files ---- */

/* The SHA-256 of a file as hexadecimal text; "" if it cannot be read. */
static const char *file_sum(const char *path, char ret[static 2 * DIGEST_SIZE + 1])
{
    ENS_CLEANUP(file_closep) int fd = -1;
    uint8_t digest[DIGEST_SIZE];
    struct ens_err why = {0};

    ret[0] = '\0';
    if (file_open(path, &fd, &why) && file_sha256(fd, path, digest, &why))
        hex_encode(ret, view_of(digest, sizeof digest));
    return ret;
}

void record_file(struct transcript *t, const char *key, const char *path)
{
    char sum[2 * DIGEST_SIZE + 1];

    if (t != NULL)
        transcript_put(t, key, path, file_sum(path, sum));
}

/* ---- the beginning ---- */

/* Which program, where, by whom. */
static void record_program(struct transcript *t, const void *ctx)
{
    const struct command_line *line = ctx;
    char sum[2 * DIGEST_SIZE + 1];
    char host[HOST_NAME_MAX + 1] = "";
    char directory[PATH_MAX] = "";
    char uid[24];
    char options[TEXT_LIST_MAX][OPTION_MAX];
    char name[OPTION_MAX];
    char *second = NULL; /* of "quorum sign" */
    const char *command[TEXT_LIST_MAX + 2] = {name};
    size_t len = 1;

    (void)snprintf(name, sizeof name, "%s", line->command->name);
    second = strchr(name, ' ');
    if (second != NULL) {
        *second = '\0';
        command[len++] = second + 1;
    }
    for (size_t i = 0; i < line->used.len; i++) {
        (void)snprintf(options[i], OPTION_MAX, "--%s", line->used.items[i]);
        command[len++] = options[i];
    }
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(uid, sizeof uid, "%lu", (unsigned long)getuid());
    transcript_put(t, "program", line->program, ENSIGN_VERSION, version_commit,
                   file_sum("/proc/self/exe", sum));
    transcript_put(t, "host", host);
    transcript_put(t, "uid", uid);
    transcript_put(t, "directory", getcwd(directory, sizeof directory) != NULL ? directory : "");
    transcript_words(t, "command", command, len, false);
}

static bool read_ack(const struct command_line *line, const struct record_options *args,
                     struct transcript_ack *ret, struct ens_err *err)
{
    if (args->transcript == NULL && (args->acknowledge != NULL || args->note != NULL))
        return ens_fail(err, ENS_USAGE, "--%s: is for a record: give --transcript FILE as well",
                        args->acknowledge != NULL ? "acknowledge" : "note");
    if (args->acknowledge == NULL)
        return true;
    if (args->note == NULL || args->note[0] == '\0')
        return ens_fail(err, ENS_USAGE, "--acknowledge: give --note TEXT, which says what was found");
    *ret = (struct transcript_ack){
        .given = true, .note = args->note, .now = clock_now(), .describe = record_program, .ctx = line};
    return num_parse(args->acknowledge, "--acknowledge", UINT32_MAX, &ret->number, err);
}

bool record_apart(const struct transcript *t, const char *path, struct ens_err *err)
{
    if (path == NULL || !transcript_is(t, path))
        return true;
    return ens_fail(err, ENS_USAGE, "%s: is the transcript, and would be replaced: name another file", path);
}

/* No other file that is written is the transcript. */
static bool outputs_apart(const struct transcript *t, const struct command_line *line, struct ens_err *err)
{
    ENS_CLEANUP(options_files_free) struct option_files files = {0};

    if (!options_files(line, &files, err))
        return false;
    for (size_t i = 0; i < files.len; i++) {
        unsigned marks = files.items[i].marks & (OPTION_WRITTEN | OPTION_APPENDED);

        if (marks == OPTION_WRITTEN && !record_apart(t, files.items[i].path, err))
            return false;
    }
    return true;
}

bool record_open(const struct command_line *line, const struct record_options *args, struct transcript **ret,
                 struct ens_err *err)
{
    struct transcript_ack ack = {0};
    struct transcript *t = NULL;

    if (!read_ack(line, args, &ack, err))
        return false;
    *ret = NULL;
    if (args->transcript == NULL)
        return true;
    if (!transcript_open(args->transcript, &ack, &t, err))
        return false;
    if (!outputs_apart(t, line, err)) {
        transcript_closep(&t);
        return false;
    }
    record_program(t, line);
    transcript_text(t, "note", args->note);
    if (options_uses(line, "module-args"))
        transcript_put(t, "module-args", "given");
    if (notice_is_quiet())
        transcript_put(t, "quiet", "yes");
    if (!transcript_holds(t, err)) {
        transcript_closep(&t);
        return false;
    }
    *ret = t;
    return true;
}

/* ---- the end ---- */

bool record_intent(struct transcript *t, const struct transcript_item *items, size_t len, struct ens_err *err)
{
    return transcript_intent(t, clock_now(), items, len, err);
}

/* What stands behind a '?' in a word that begins a URI. */
static void hide_queries(char *text)
{
    size_t len = 0;
    bool in_uri = false;
    bool in_query = false;

    for (const char *at = text; *at != '\0'; at++) {
        if (strncmp(at, "pkcs11:", 7) == 0)
            in_uri = true;
        in_uri = in_uri && *at != ' ' && *at != '\'' && *at != '"';
        in_query = in_uri && (in_query || *at == '?');
        if (!in_query)
            text[len++] = *at;
    }
    text[len] = '\0';
}

void record_error(struct transcript *t, const struct ens_err *err)
{
    char text[sizeof err->msg];

    ens_recorded(err, "PIN file", text);
    hide_queries(text);
    transcript_text(t, "error", text);
}

static bool append_end(struct transcript *t, const struct record_end *end, int exit_code, struct ens_err *err)
{
    if (transcript_has_intent(t))
        return transcript_outcome(t, clock_now(), end->results, end->started, end->completed, exit_code, err);
    /* A command line that is wrong is nothing that was done. */
    if (exit_code == ENS_USAGE)
        return true;
    transcript_items(t, end->items, end->items != NULL ? end->len : 0);
    return transcript_run(t, clock_now(), exit_code, err);
}

bool record_end_one(struct transcript *t, const struct token_session *s, enum transcript_end end,
                    const uint8_t *signature, bool ok, struct ens_err *err)
{
    struct transcript_result result = {.end = end};
    struct record_end last = {.results = &result, .len = 1};
    struct ens_err why = {0};

    if (signature != NULL &&
        !digest_of(DIGEST_SHA256, view_of(signature, SIGNATURE_SIZE), result.sha256, &why))
        result.end = TRANSCRIPT_FAILED;
    token_calls(s, &last.started, &last.completed);
    return record_end(t, &last, ok, err);
}

bool record_end(struct transcript *t, const struct record_end *end, bool ok, struct ens_err *err)
{
    struct ens_err why = {0};

    if (t == NULL)
        return ok;
    if (!ok && err->msg[0] != '\0')
        record_error(t, err);
    if (append_end(t, end, ok ? ENS_OK : interrupt_status(err->code), &why))
        return ok;
    /* The first error stands; a run that was fine but left no record is not fine. */
    if (ok)
        *err = why;
    else
        notice_warn("%s", why.msg);
    return false;
}
