/* One JSON document as a tree of values, printed at the end. Only written, never read: that takes no library,
 * and the signing host needs none. */
#include "signer/ui/doc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

/* Longest binary value, in bytes: a modulus. */
#define DOC_HEX_MAX 384

enum doc_kind { DOC_OBJECT, DOC_ARRAY, DOC_TEXT, DOC_WORD };

/* A value; objects and arrays are the handles that callers hold. */
struct doc {
    enum doc_kind kind;
    char *key;  /* NULL in arrays and for the root */
    char *text; /* DOC_TEXT: UTF-8 as given; DOC_WORD: a number, true, false or null */
    struct doc *first, *last, *next;
    struct doc *root;
    bool broken; /* root only: memory ran out */
};

bool doc_new(struct doc **ret, struct ens_err *err)
{
    struct doc *root = mem_alloc(1, sizeof *root, err);

    if (root == NULL)
        return false;
    root->root = root;
    *ret = root;
    return true;
}

/* Releases a value and what is below it; the depth is that of the documents here, a handful. */
static void release(struct doc *d)
{
    struct doc *next = NULL;

    for (struct doc *child = d->first; child != NULL; child = next) {
        next = child->next;
        release(child);
    }
    mem_free(d->key);
    mem_free(d->text);
    mem_free(d);
}

void doc_freep(struct doc **root)
{
    if (*root != NULL)
        release(*root);
    *root = NULL;
}

/* Adds a value below `at`. Where memory runs out the root stands in: the document is broken then and will not
 * be printed. */
static struct doc *add(struct doc *at, const char *key, enum doc_kind kind, const char *text)
{
    struct ens_err ignored = {0};
    struct doc *d = mem_alloc(1, sizeof *d, &ignored);

    if (d == NULL) {
        at->root->broken = true;
        return at->root;
    }
    d->kind = kind;
    d->root = at->root;
    d->key = key != NULL ? mem_strdup(key, &ignored) : NULL;
    d->text = text != NULL ? mem_strdup(text, &ignored) : NULL;
    if ((key != NULL && d->key == NULL) || (text != NULL && d->text == NULL))
        at->root->broken = true;
    if (at->last != NULL)
        at->last->next = d;
    else
        at->first = d;
    at->last = d;
    return d;
}

void doc_text(struct doc *at, const char *key, const char *text)
{
    (void)add(at, key, text != NULL ? DOC_TEXT : DOC_WORD, text != NULL ? text : "null");
}

void doc_int(struct doc *at, const char *key, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    (void)add(at, key, DOC_WORD, text);
}

void doc_bool(struct doc *at, const char *key, bool value)
{
    (void)add(at, key, DOC_WORD, value ? "true" : "false");
}

void doc_hex(struct doc *at, const char *key, struct view v)
{
    char hex[2 * DOC_HEX_MAX + 1];

    hex_encode(hex, view_slice(v, 0, v.len <= DOC_HEX_MAX ? v.len : DOC_HEX_MAX));
    (void)add(at, key, DOC_TEXT, hex);
}

void doc_mask(struct doc *at, const char *key, uint64_t value, size_t size)
{
    char hex[17];

    (void)snprintf(hex, sizeof hex, "%0*" PRIx64, (int)(2 * size), value);
    (void)add(at, key, DOC_TEXT, hex);
}

struct doc *doc_object(struct doc *at, const char *key)
{
    return add(at, key, DOC_OBJECT, NULL);
}

struct doc *doc_array(struct doc *at, const char *key)
{
    return add(at, key, DOC_ARRAY, NULL);
}

/* ---- printing ---- */

/* One character that is not plain ASCII, as \uXXXX, or as a surrogate pair (RFC 8259, section 7). */
static void print_escape(uint32_t point)
{
    if (point >= 0x10000)
        printf("\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
    else
        printf("\\u%04" PRIx32, point);
}

/* All of it in ASCII, so that a terminal shows every value as it is. What is not UTF-8 becomes U+FFFD. */
static void print_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);

    (void)putchar('"');
    while (left > 0) {
        uint32_t point = 0xfffd;
        size_t n = text_decode(at, left, &point);

        if (point == '"' || point == '\\')
            printf("\\%c", (char)point);
        else if (point >= 0x20 && point < 0x7f)
            (void)putchar((int)point);
        else
            print_escape(n > 0 ? point : 0xfffd);
        at += n > 0 ? n : 1;
        left -= n > 0 ? n : 1;
    }
    (void)putchar('"');
}

/* What stands before a value, or before the end of what it is in: a new line and its indent; on one line, a
 * gap or nothing. */
static void print_gap(const char *before, int depth)
{
    if (depth >= 0)
        printf("%s\n%*s", before, 2 * depth, "");
    else
        printf("%s", before[0] != '\0' ? ", " : "");
}

static void print_value(const struct doc *d, int depth);

static void print_children(const struct doc *d, int depth)
{
    int below = depth >= 0 ? depth + 1 : depth;

    for (const struct doc *child = d->first; child != NULL; child = child->next) {
        print_gap(child == d->first ? "" : ",", below);
        if (child->key != NULL) {
            print_text(child->key);
            printf(": ");
        }
        print_value(child, below);
    }
    if (d->first != NULL)
        print_gap("", depth);
}

/* `depth` -1: all on one line. */
static void print_value(const struct doc *d, int depth)
{
    if (d->kind == DOC_WORD) {
        printf("%s", d->text);
        return;
    }
    if (d->kind == DOC_TEXT) {
        print_text(d->text);
        return;
    }
    (void)putchar(d->kind == DOC_OBJECT ? '{' : '[');
    print_children(d, depth);
    (void)putchar(d->kind == DOC_OBJECT ? '}' : ']');
}

static bool print_root(const struct doc *root, int depth, struct ens_err *err)
{
    if (root->broken)
        return ens_fail(err, ENS_RESOURCE, "out of memory for the JSON document");
    print_value(root, depth);
    if (putchar('\n') == EOF || ferror(stdout) != 0)
        return ens_fail(err, ENS_IO, "stdout: cannot be written");
    return true;
}

bool doc_print(const struct doc *root, struct ens_err *err)
{
    return print_root(root, 0, err);
}

bool doc_print_line(const struct doc *root, struct ens_err *err)
{
    if (!print_root(root, -1, err))
        return false;
    return fflush(stdout) == 0 || ens_fail(err, ENS_IO, "stdout: cannot be written");
}
