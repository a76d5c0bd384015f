/* A report on stdout, as text or as JSON: each call states one fact and gives its line of text, its member of
 * JSON, or both. `key` NULL: not in JSON (in an array: an element). `label` NULL: not in text. Text is made
 * printable line by line, for a terminal wrapped, and never cut; JSON is ASCII, keys are snake_case, binary
 * values and masks are hexadecimal digits.
 *
 * Nothing is written before report_print, so that a run that fails prints nothing. No call between fails: the
 * first error is kept, and report_print returns it. */
#pragma once

#include "signer/base/bytes.h"

enum report_form { REPORT_TEXT, REPORT_JSON, REPORT_JSON_LINES };

/* Objects and arrays in one another. */
#define REPORT_DEPTH_MAX 8

struct report {
    enum report_form form;
    unsigned label_width; /* columns of a label and the blank behind it */
    unsigned indent;      /* columns before each line of text */
    bool is_grouped;      /* text for a terminal: hashes in groups of eight digits */
    unsigned columns;     /* of that terminal, at most 80; 0: a long line stays whole */
    bool is_exact;        /* so do these: their form is somebody else's */
    /* Of report.c. */
    struct buf out;
    struct ens_err err;
    unsigned depth;
    struct {
        bool is_array, has_members;
        unsigned indent; /* what it added */
    } levels[REPORT_DEPTH_MAX];
};

/* Starts a report with its root object. Release with report_free. */
void report_begin(struct report *r, enum report_form form, unsigned label_width);
void report_free(struct report *r);

/* The first two members of a document of JSON: `kind`, and the version of its keys. */
void report_kind(struct report *r, const char *kind);

/* An object or array of JSON, up to report_close. In text: the heading, if it is not NULL, on a line of its
 * own, and what follows `indent` columns further in. */
void report_object(struct report *r, const char *key, const char *heading, unsigned indent);
void report_array(struct report *r, const char *key, const char *heading, unsigned indent);
void report_close(struct report *r);

/* One fact. NULL `text`, and a view without data: null, and no line of text. */
void report_text(struct report *r, const char *key, const char *label, const char *text);
void report_hex(struct report *r, const char *key, const char *label, struct view v);
/* A hash that people compare: in text for a terminal the label, and the groups on a line of their own. */
void report_hash(struct report *r, const char *key, const char *label, struct view hash);
void report_uint(struct report *r, const char *key, const char *label, uint64_t value);
/* A mask of `size` bytes; `words` follow it in text. */
void report_mask(struct report *r, const char *key, const char *label, uint64_t value, size_t size,
                 const char *words);
/* A text that is formatted. */
void report_field(struct report *r, const char *key, const char *label, const char *fmt, ...)
    ENS_PRINTF(4, 5);

/* A list of names with the words that text has for them: an array, and a line of text "label: a, b, c" that a terminal
 * gets broken between two; no line if `label` is NULL or the list is empty. */
struct report_item {
    const char *name, *words;
};
void report_list(struct report *r, const char *key, const char *label, const struct report_item *items,
                 size_t len);

/* JSON only. */
void report_bool(struct report *r, const char *key, bool value);
void report_null(struct report *r, const char *key);

/* Text only: a line; one with `hang` columns before what continues it; what follows a label; lines that are laid out
 * already. But for these a terminal gets each broken at blanks. */
void report_line(struct report *r, const char *fmt, ...) ENS_PRINTF(2, 3);
void report_broken(struct report *r, unsigned hang, const char *fmt, ...) ENS_PRINTF(3, 4);
void report_note(struct report *r, const char *label, const char *fmt, ...) ENS_PRINTF(3, 4);
void report_lines(struct report *r, struct view lines);

/* Ends the report and writes it to stdout; of JSON Lines one line, and begins the next. ENS_RESOURCE, ENS_IO,
 * ENS_INTERRUPTED. */
bool report_print(struct report *r, struct ens_err *err) ENS_MUST_CHECK;
