/* The files that people write for a ceremony (policy, approvers, revoked): one reader of their lines, and one
 * way of opening them. A refusal is ENS_DATA with one fixed word for the rule, so that scripts and people can
 * tell the rules apart: "policy: line 3: hash-in-word: ...". */
#pragma once

#include "signer/base/bytes.h"

#define HAND_FILE_MAX  65536 /* bytes */
#define HAND_LINE_MAX  4096  /* bytes of a line without its LF */
#define HAND_WORDS_MAX 64    /* in a line */

/* A line that says something. */
struct hand_line {
    size_t number;                     /* from 1 */
    const char *words[HAND_WORDS_MAX]; /* borrowed until the next line */
    size_t len;                        /* words; at least 1 */
};

/* Called with each line; a false return ends the reading with `err` set. */
struct hand_sink {
    bool (*line)(void *ctx, const struct hand_line *line, struct ens_err *err);
    void *ctx;
};

/* Reads `text`: ASCII (20 to 7e, TAB, LF), first line "KIND 1", last line "end"; between them lines of words.
 * `#` begins a comment at the start or after a blank, and is refused inside a word. ENS_DATA naming `name`,
 * the line and the rule: empty, bom, nul, cr, not-ascii, no-final-newline, long-line, version, no-header,
 * no-end, after-end, hash-in-word, many-words, or what the sink says. */
bool hand_parse(struct view text, const char *kind, const char *name, struct hand_sink sink,
                struct ens_err *err) ENS_MUST_CHECK;

/* Reads a whole file of at most HAND_FILE_MAX bytes, opened once. ENS_NOINPUT "open"; ENS_DATA not-regular,
 * mode (group or others can write it), owner (neither root nor the effective user), too-large. A symbolic
 * link is followed and its target judged. */
bool hand_read(const char *path, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same of an open file, from its first byte; `fd` stays the caller's. */
bool hand_read_fd(int fd, const char *path, struct buf *ret, struct ens_err *err) ENS_MUST_CHECK;

/* True if `head`, the first bytes of a file, begins as a file of that kind, of any version. */
bool hand_is(struct view head, const char *kind);
