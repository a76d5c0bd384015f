/* JSON on stdout, for --json: one document, or one line for each thing. Keys are snake_case; binary values
 * and bit masks are lower-case hexadecimal text; counts and small numbers are integers; text is escaped to
 * ASCII, so that a terminal shows it as it is. */
#pragma once

#include "signer/base/bytes.h"

/* An object or array of the document; owned by the document's root. */
struct doc;

/* The root object. After a call failed for lack of memory the document is broken, and doc_print says so: the
 * calls between need no check. Release with doc_freep. */
bool doc_new(struct doc **ret, struct ens_err *err) ENS_MUST_CHECK;
void doc_freep(struct doc **root);

/* Members. `key` NULL: an element of an array. NULL `text`: null. */
void doc_text(struct doc *at, const char *key, const char *text);
void doc_int(struct doc *at, const char *key, uint64_t value);
void doc_bool(struct doc *at, const char *key, bool value);
void doc_hex(struct doc *at, const char *key, struct view v);
/* A number of `size` bytes as hexadecimal text of 2 * size digits: bit masks. */
void doc_mask(struct doc *at, const char *key, uint64_t value, size_t size);

/* A new object or array inside `at`. */
struct doc *doc_object(struct doc *at, const char *key);
struct doc *doc_array(struct doc *at, const char *key);

/* Prints the document on stdout, indented, with a newline. ENS_RESOURCE, ENS_IO. */
bool doc_print(const struct doc *root, struct ens_err *err) ENS_MUST_CHECK;

/* The same on one line: one of JSON Lines, that a reader has at once. */
bool doc_print_line(const struct doc *root, struct ens_err *err) ENS_MUST_CHECK;
