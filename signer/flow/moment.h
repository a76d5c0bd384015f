/* The moment of yes: what a person sees before a signature or an approval is made, and the question. The same
 * for sign, approve and resign: the review, or the table of many; then a summary that stands right above the
 * question. Whoever is asked sees it on the terminal, whatever --quiet says. */
#pragma once

#include "signer/ceremony/review.h"
#include "signer/ui/notice.h"
#include "signer/ui/screen.h"

#define MOMENT_LINES_MAX 5

struct moment {
    bool asks; /* somebody is at the terminal and will be asked; false: stderr only, unless --quiet */

    /* What is reviewed: one in full, several as a table. */
    const struct review_item *items;
    size_t len;
    const uint8_t *mrsigner; /* above the review or the table; NULL: not there */
    bool resigns;            /* the table says what changes; */
    size_t files;            /* and in how many files the items are */
    const char *note;        /* behind MRENCLAVE of one; NULL: nothing */

    /* In the words of the command: "sign", "signed". */
    const char *verb, *done;
    const char *answers; /* the end of the question: "Type yes to sign: " */
    size_t open;         /* how many of the items the question is about */
    bool wants_words;    /* the policy says `confirm words` */

    struct view details; /* lines above the review, which may scroll away */

    /* The summary, without Dangers: "Key" and its value, in order; values are one line, of any bytes. */
    struct {
        const char *label;
        struct buf value;
    } lines[MOMENT_LINES_MAX];
    size_t lines_len;
};

/* Releases the values of the summary. */
void moment_free(struct moment *m);

/* Appends a line to the summary. `m` has room for MOMENT_LINES_MAX. ENS_RESOURCE. */
bool moment_line(struct moment *m, const char *label, struct ens_err *err, const char *fmt, ...)
    ENS_PRINTF(4, 5) ENS_MUST_CHECK;

/* Shows all of it, in pages if a table, or the summary, is longer than the terminal. ENS_REFUSED if a page is
 * answered with no; ENS_IO, ENS_INTERRUPTED. */
bool moment_show(const struct moment *m, struct ens_err *err) ENS_MUST_CHECK;

/* Asks what moment_show has shown: "Sign this, with 2 dangers? Type yes to sign: ". Both are repeated if the
 * terminal changed, or the program was stopped, before the answer was yes. ENS_REFUSED, ENS_IO,
 * ENS_INTERRUPTED. */
bool moment_answer(const struct moment *m, enum screen_answer *ret, struct ens_err *err) ENS_MUST_CHECK;

/* The same, where only yes will do. ENS_REFUSED: the answer was no, which is said of the first item. */
bool moment_ask(const struct moment *m, struct ens_err *err) ENS_MUST_CHECK;
