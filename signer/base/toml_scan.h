/* The characters, keys, strings and words of a document of TOML, one after another. */
#pragma once

#include "signer/base/toml.h"

struct toml_scan {
    struct view text; /* UTF-8 */
    size_t at;        /* the next character */
    const char *name; /* of the document, for messages */
    enum toml_version version;
    uint8_t
        *room; /* for keys and texts: as many bytes as `text` has, since none is longer than it is written */
    size_t room_len;
    struct ens_err *err;
};

/* Sets ENS_DATA with the line and column of the next character. Returns false. */
bool toml_scan_fail(const struct toml_scan *s, const char *fact);

/* The next character; -1 at the end. */
int toml_scan_peek(const struct toml_scan *s);
/* Takes `text`, if it is next. */
bool toml_scan_take(struct toml_scan *s, const char *text);
/* Takes the end of a line, if it is next. */
bool toml_scan_newline(struct toml_scan *s);

/* Blanks; with a comment; with comments and the ends of lines. */
void toml_scan_blanks(struct toml_scan *s);
void toml_scan_comment(struct toml_scan *s);
void toml_scan_lines(struct toml_scan *s);

/* A key, and the blanks around it. ENS_DATA. */
bool toml_scan_key(struct toml_scan *s, struct view *ret) ENS_MUST_CHECK;
/* A value that is no table or array: its type, text, number, is_plain. ENS_DATA. */
bool toml_scan_value(struct toml_scan *s, struct toml_value *ret) ENS_MUST_CHECK;
