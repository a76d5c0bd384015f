/* Messages on the way. Nothing else writes text to stderr or stdout, and only screen.c to the
 * terminal. Each text is made printable line by line: what a file or token says cannot drive a terminal. A
 * value that is put into a text of several lines is put there by text_line. */
#pragma once

#include "signer/base/bytes.h"

/* --quiet, for the whole run: called before anything is said. */
void notice_be_quiet(void);
bool notice_is_quiet(void);

/* "ensign: warning: ...": never dropped. */
void notice_warn(const char *fmt, ...) ENS_PRINTF(1, 2);
/* A line for the person at the terminal; dropped by --quiet. */
void notice_say(const char *fmt, ...) ENS_PRINTF(1, 2);
/* What `fmt` calls it, and the hash: on a terminal in groups on a line of their own, else in one run behind it. */
void notice_hash(struct view hash, const char *fmt, ...) ENS_PRINTF(2, 3);
/* A whole text (the table of a batch); dropped by --quiet. */
void notice_text(struct view text);
/* A text that belongs to an error or a warning: never dropped. */
void notice_details(struct view text);
/* Lines that a function collects and its caller says: who judges a file does not know whether they are wanted.
 * Zero-initialise; release with notice_free. */
struct notices {
    struct buf lines; /* each is its kind in one byte, its text and a NUL */
};
enum notice_kind { NOTICE_WARNING, NOTICE_SAID }; /* as notice_warn says it, or notice_say */

/* ENS_RESOURCE: the list is as it was. */
bool notice_add(struct notices *list, enum notice_kind kind, struct ens_err *err, const char *fmt, ...)
    ENS_PRINTF(4, 5) ENS_MUST_CHECK;
/* Gives the line at `*at`, and moves on to the next one (from 0 on); false: there are no more. Borrowed. */
bool notice_next(const struct notices *list, size_t *at, bool *ret_is_warning, struct view *ret);
/* Says the list, with --quiet its warnings only, and empties it. */
void notice_all(struct notices *list);
/* The same with its warnings only. */
void notice_warnings(struct notices *list);
void notice_free(struct notices *list);
/* The output of a child process: each of its lines with its name before it. */
void notice_child(const char *program, struct view words);
/* What a PKCS#11 module printed, a line: "ensign: module: ...", also with --quiet. */
void notice_module(const char *line);
/* Prints the error of a run: "ensign: ..." on one line. */
void notice_error(const struct ens_err *err);
/* A result that is text for people: to stdout. ENS_IO. */
bool notice_result(struct view text, struct ens_err *err) ENS_MUST_CHECK;

/* True if stderr is a terminal: then its lines are wrapped at blanks, and progress is shown. */
bool notice_is_watched(void);
/* The same of stdout. */
bool notice_result_is_watched(void);
/* The columns of a screen on that terminal: at most 80, also if it does not tell its size. */
unsigned notice_result_columns(void);
/* Shows a line that stands until the next one is said; NULL takes it away. For a terminal. */
void notice_status(const char *text);
