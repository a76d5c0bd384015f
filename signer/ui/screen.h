/* The terminal of whoever is asked (/dev/tty): what must be read first, questions and answers. Only this file
 * and notice.c write to a terminal; both make every text printable line by line, whatever their callers did.
 * Typed-ahead input is dropped before each question and each page: an answer is given after what it answers;
 * and Ctrl-Z does nothing from what is shown until it is answered. */
#pragma once

#include "signer/base/bytes.h"
#include "signer/base/secret.h"

/* True if there is a terminal to ask at. */
bool screen_is_there(void);
/* ENS_REFUSED if there is none: "OBJECT: there is no terminal to ask at: give --yes to VERB without asking". */
bool screen_require(const char *object, const char *verb, struct ens_err *err) ENS_MUST_CHECK;

/* The size of the terminal; `rows` 0: it does not say, and nothing is shown in pages;
 * `columns` 0: it does not say. */
struct screen_size {
    unsigned rows, columns;
};
struct screen_size screen_size(void);

/* The text before a question. A table that has more lines than the terminal is shown in pages; each
 * begins with `header`, and the last one holds `last`. Without a table the top may scroll away, but if
 * `last` alone does not fit above the question there are pages as well. Every part is a whole number of
 * lines; each may be empty. */
struct screen_text {
    struct view top;    /* once */
    struct view header; /* of the table; at most a third of the terminal's rows */
    struct view rows;   /* the table */
    struct view last;
    size_t question;         /* columns of what is asked then */
    struct screen_size size; /* for which the lines are broken */
};

/* Shows it and leaves room for a question. *ret_go_on false: the answer to a page was q or the end of input.
 * ENS_REFUSED without a terminal and on one that is too small, ENS_IO, ENS_INTERRUPTED. */
bool screen_show(const struct screen_text *text, bool *ret_go_on, struct ens_err *err) ENS_MUST_CHECK;

/* Does what was shown last still stand there? Not if the terminal has another size since then, or the program
 * was stopped: other text may stand below it, and it must be shown again before an answer counts. */
bool screen_is_as_shown(void);

enum screen_answer {
    SCREEN_YES,
    SCREEN_NO,      /* no, q, or the end of input */
    SCREEN_UNCLEAR, /* three times something else */
};

/* The file that is opened whenever somebody is asked. */
extern const char screen_name[];

/* A question, and what is a yes to it: exactly `yes`; or `words`, in any case and with any blanks between
 * them (`yes` NULL). */
struct screen_question {
    const char *text;
    const char *yes;
    const char *words;
    const char *again; /* what is asked after another answer, at most twice; NULL: for yes or no */
};

/* ENS_REFUSED if there is no terminal, ENS_IO, ENS_INTERRUPTED (Ctrl-C). */
bool screen_ask(const struct screen_question *q, enum screen_answer *ret, struct ens_err *err) ENS_MUST_CHECK;

/* Asks for a PIN, `what` and a colon, with echo switched off; the terminal is restored on every path. `ret`
 * has been allocated. ENS_NOINPUT without a terminal. */
bool screen_read_secret(const char *what, struct secret *ret, struct ens_err *err) ENS_MUST_CHECK;
