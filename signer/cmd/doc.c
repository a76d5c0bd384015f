/* One JSON document, built with jansson. A handle points at jansson's value; the root owns all handles. */
#include "signer/cmd/doc.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

/* Longest binary value, in bytes: a modulus. */
#define DOC_HEX_MAX 384

struct doc {
    json_t *value;    /* owned by the root's value */
    struct doc *root; /* itself for the root */
    struct doc *next; /* list of all handles, from the root */
    bool broken;      /* root only: memory ran out */
};

bool doc_new(struct doc **ret, struct ens_err *err)
{
    struct doc *root = mem_alloc(1, sizeof *root, err);

    if (root == NULL)
        return false;
    root->root = root;
    root->value = json_object();
    root->broken = root->value == NULL;
    *ret = root;
    return true;
}

void doc_freep(struct doc **root)
{
    struct doc *next = NULL;

    if (*root == NULL)
        return;
    json_decref((*root)->value);
    for (struct doc *h = *root; h != NULL; h = next) {
        next = h->next;
        mem_free(h);
    }
    *root = NULL;
}

/* Puts `value` (whose reference is taken) where it belongs. */
static bool put(struct doc *at, const char *key, json_t *value)
{
    int failed =
        key != NULL ? json_object_set_new(at->value, key, value) : json_array_append_new(at->value, value);

    if (failed != 0)
        at->root->broken = true;
    return failed == 0;
}

void doc_text(struct doc *at, const char *key, const char *text)
{
    struct ens_err ignored = {0};

    if (text == NULL) {
        (void)put(at, key, json_null());
        return;
    }
    json_t *value = json_string(text);

    /* Not UTF-8, which JSON cannot hold: the nearest text that is. */
    if (value == NULL) {
        ENS_CLEANUP(mem_freep) char *safe = mem_alloc(strlen(text) + 1, 1, &ignored);

        if (safe != NULL)
            value = json_string(text_printable(safe, strlen(text) + 1, text, strlen(text)));
    }
    (void)put(at, key, value);
}

void doc_int(struct doc *at, const char *key, uint64_t value)
{
    (void)put(at, key, json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX));
}

void doc_bool(struct doc *at, const char *key, bool value)
{
    (void)put(at, key, json_boolean(value));
}

void doc_hex(struct doc *at, const char *key, struct view v)
{
    char hex[2 * DOC_HEX_MAX + 1];

    hex_encode(hex, view_slice(v, 0, v.len <= DOC_HEX_MAX ? v.len : DOC_HEX_MAX));
    (void)put(at, key, json_string(hex));
}

void doc_mask(struct doc *at, const char *key, uint64_t value, size_t size)
{
    char hex[17];

    (void)snprintf(hex, sizeof hex, "%0*llx", (int)(2 * size), (unsigned long long)value);
    (void)put(at, key, json_string(hex));
}

/* A handle for `value`, which is put inside `at`. Where memory runs out the root stands in: the document is
 * broken then and will not be printed. */
static struct doc *handle(struct doc *at, const char *key, json_t *value)
{
    struct ens_err ignored = {0};
    struct doc *h = NULL;

    if (!put(at, key, value))
        return at->root;
    h = mem_alloc(1, sizeof *h, &ignored);
    if (h == NULL) {
        at->root->broken = true;
        return at->root;
    }
    *h = (struct doc){.value = value, .root = at->root, .next = at->root->next};
    at->root->next = h;
    return h;
}

struct doc *doc_object(struct doc *at, const char *key)
{
    return handle(at, key, json_object());
}

struct doc *doc_array(struct doc *at, const char *key)
{
    return handle(at, key, json_array());
}

/* Writes a piece of the document. DEL, which jansson leaves as it is, can only stand inside a text: escaped.
 */
static int print_piece(const char *piece, size_t len, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        if (piece[i] == 0x7f ? fputs("\\u007f", stdout) == EOF : putchar(piece[i]) == EOF)
            return -1;
    }
    return 0;
}

bool doc_print(const struct doc *root, struct ens_err *err)
{
    if (root->broken)
        return ens_fail(err, ENS_RESOURCE, "out of memory for the JSON document");
    if (json_dump_callback(root->value, print_piece, NULL, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 ||
        putchar('\n') == EOF)
        return ens_fail(err, ENS_IO, "stdout: cannot be written");
    return true;
}
